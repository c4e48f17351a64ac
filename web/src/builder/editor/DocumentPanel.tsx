import { CircleX, TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { useBlocked } from '../../app/useSession';
import { Note } from '../../ui/Note';
import { useBuilder } from '../context';
import style from './DocumentPanel.module.css';
import { useEditor } from './useEditor';

/** The document as text. The graph's selection and the caret follow each other. */
export default function DocumentPanel() {
  const { store, state } = useBuilder();
  const reason = useBlocked()('author', store.id);
  const [line, setLine] = useState(1);
  const host = useEditor({ isReadOnly: reason !== null, onLine: setLine });
  const errors = state.problems.filter((problem) => problem.severity === 'error').length;
  const warnings = state.problems.length - errors;
  return (
    <div className={style.document}>
      {reason && <Note>{reason}</Note>}
      {state.saving.is === 'unreadable' && <Note tone="bad">{state.saving.message}</Note>}
      <div ref={host} className={style.host} />
      <footer className={style.foot}>
        {errors > 0 && (
          <span className={style.bad}>
            <CircleX aria-hidden /> {errors} {errors === 1 ? 'error' : 'errors'}
          </span>
        )}
        {warnings > 0 && (
          <span className={style.warn}>
            <TriangleAlert aria-hidden /> {warnings} {warnings === 1 ? 'warning' : 'warnings'}
          </span>
        )}
        <span className={style.place}>Line {line} · YAML</span>
      </footer>
    </div>
  );
}
