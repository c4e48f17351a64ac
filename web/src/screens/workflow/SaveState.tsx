import { Check, CloudOff, CloudUpload, TriangleAlert } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useBuilder } from '../../builder/context';
import type { Saving } from '../../builder/draft/store';
import { formatAgo } from '../../ui/format';
import style from './Workflow.module.css';

/** How the draft stands with the server, in words. */
export function SaveState() {
  const { saving } = useBuilder().state;
  useTick(saving.is === 'saved');
  const [icon, text, tone] = look(saving);
  return (
    <p className={style.saving} data-tone={tone} role={tone === 'bad' ? 'alert' : undefined} title={text}>
      {icon}
      <span>{text}</span>
    </p>
  );
}

function look(saving: Saving): [React.ReactNode, string, 'ok' | 'mute' | 'warn' | 'bad'] {
  switch (saving.is) {
    case 'saved':
      return [<Check key="icon" aria-hidden />, `Draft saved ${formatAgo(saving.at)}`, 'ok'];
    case 'waiting':
      return [<CloudUpload key="icon" aria-hidden />, 'Not saved yet', 'mute'];
    case 'saving':
      return [<CloudUpload key="icon" aria-hidden />, 'Saving', 'mute'];
    case 'offline':
      return [<CloudOff key="icon" aria-hidden />, 'Offline: edits are kept in this tab', 'warn'];
    case 'unreadable':
      return [<TriangleAlert key="icon" aria-hidden />, 'Not saved: the text cannot be read', 'bad'];
    case 'conflict':
      return [<TriangleAlert key="icon" aria-hidden />, 'Somebody else changed the same parts', 'bad'];
    case 'refused':
      return [<TriangleAlert key="icon" aria-hidden />, `Not saved: ${saving.message}`, 'bad'];
  }
}

/** "12 s ago" grows old by itself. */
function useTick(isOn: boolean) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!isOn) return;
    const timer = setInterval(() => tick((count) => count + 1), 5_000);
    return () => clearInterval(timer);
  }, [isOn]);
}
