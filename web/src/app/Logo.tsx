/** The mark: an arrow through a gate. */
export function Logo({ size = 24 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--gate-tile)" />
      <path
        d="M7 16h17m-4-4 4 4-4 4M12 8v5m0 6v5M18.5 8v5m0 6v5"
        fill="none"
        stroke="var(--gate-glyph)"
        strokeWidth="2"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
    </svg>
  );
}
