import styles from './docs.module.css';
import { blocks, type Piece } from './text';

/** A description of the document. */
export function Text({ children }: { children?: string }) {
  if (!children) return null;
  return (
    <div className={styles.text}>
      {blocks(children).map((block, index) =>
        block.kind === 'list' ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: the text never changes
          <ul key={index}>
            {block.items.map((item, at) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the text never changes
              <li key={at}>{item.map(show)}</li>
            ))}
          </ul>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: the text never changes
          <p key={index}>{block.pieces.map(show)}</p>
        ),
      )}
    </div>
  );
}

function show(piece: Piece, index: number) {
  switch (piece.kind) {
    case 'code':
      return <code key={index}>{piece.text}</code>;
    case 'strong':
      return <strong key={index}>{piece.text}</strong>;
    case 'link':
      return (
        <a key={index} href={piece.href} rel="noreferrer">
          {piece.text}
        </a>
      );
    default:
      return piece.text;
  }
}
