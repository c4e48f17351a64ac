/** The little Markdown that the document's descriptions have: paragraphs, lists, code, bold, links. */

export type Piece = { kind: 'text' | 'code' | 'strong'; text: string } | { kind: 'link'; text: string; href: string };
export type Block = { kind: 'paragraph'; pieces: Piece[] } | { kind: 'list'; items: Piece[][] };

const PIECE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\((https?:[^)\s]+)\)/g;

export function blocks(markdown: string): Block[] {
  const parts = markdown.split(/\n\s*\n/).filter((part) => part.trim() !== '');
  return parts.map((part) => {
    const items = part.split(/\n(?=[-*] )/).map((item) => item.trim());
    const isList = items.every((item) => /^[-*] /.test(item));
    if (isList) return { kind: 'list', items: items.map((item) => pieces(item.slice(2))) };
    return { kind: 'paragraph', pieces: pieces(part) };
  });
}

export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  const plain = (to: number) => {
    if (to > from) found.push({ kind: 'text', text: text.slice(from, to) });
  };
  for (const match of text.matchAll(PIECE)) {
    const [whole, code, strong, label, href] = match;
    plain(match.index);
    if (code) found.push({ kind: 'code', text: code });
    else if (strong) found.push({ kind: 'strong', text: strong });
    else if (label && href) found.push({ kind: 'link', text: label, href });
    from = match.index + whole.length;
  }
  plain(text.length);
  return found;
}
