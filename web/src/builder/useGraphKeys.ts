import { copy as toClipboard } from '../ui/copy';
import { useBuilder } from './context';
import { useActions } from './useActions';

/** The keys of the graph that change the document or open something. */
export function useGraphKeys({ onAdd }: { onAdd: () => void }) {
  const { selected, open, locked, kinds } = useBuilder();
  const actions = useActions();
  return (event: React.KeyboardEvent) => {
    const withMod = event.metaKey || event.ctrlKey;
    const key = event.key.toLowerCase();
    const handle = (act: () => void) => {
      event.preventDefault();
      act();
    };
    if (withMod && key === 'd') handle(actions.duplicate);
    else if (withMod && key === 'c' && selected !== null) handle(() => void copy(actions.copy()));
    else if (withMod && key === 'v') handle(() => void paste(actions.paste));
    else if (withMod || event.altKey) return;
    else if (event.key === 'Enter') handle(() => openPanel(open));
    else if (event.key === 'Delete' || event.key === 'Backspace') handle(actions.remove);
    else if (key === 'a' && locked === null && kinds) handle(onAdd);
  };
}

function openPanel(open: (panel: 'node') => void) {
  open('node');
  requestAnimationFrame(() => {
    document.querySelector<HTMLElement>('#panel-node :is(input, textarea, select, button):not([disabled])')?.focus();
  });
}

async function copy(copied: Promise<string | null>) {
  const text = await copied;
  if (text) await toClipboard(text);
}

/** Takes what looks like nodes; anything else in the clipboard is left alone, and one that may not be read. */
async function paste(add: (yaml: string) => void) {
  const text = (await navigator.clipboard?.readText().catch(() => '')) ?? '';
  if (/\btype:/.test(text) && text.length < 1_000_000) add(text);
}
