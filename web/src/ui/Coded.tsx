/** A text of the server: what stands in backticks is code. */
export function Coded({ text }: { text: string }) {
  const parts = text.split('`');
  // An odd backtick begins nothing.
  if (parts.length % 2 === 0) return text;
  return parts.map((part, index) =>
    index % 2 ? (
      // biome-ignore lint/suspicious/noArrayIndexKey: parts never move on their own
      <code key={index}>{part}</code>
    ) : (
      part
    ),
  );
}
