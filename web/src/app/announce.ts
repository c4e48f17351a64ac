/** Says something to screen readers, at most one message a second; the last one wins. */

let waiting: string | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;

export function announce(message: string) {
  waiting = message;
  if (timer !== undefined) return;
  timer = setTimeout(() => {
    timer = undefined;
    const live = document.getElementById('announcements');
    if (live && waiting) live.textContent = waiting;
    waiting = null;
  }, 1_000);
}

export const Announcements = { id: 'announcements', 'aria-live': 'polite', className: 'visually-hidden' } as const;
