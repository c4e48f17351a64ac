import { useReactFlow, useStore } from '@xyflow/react';
import { Maximize, Minus, Network, Plus } from 'lucide-react';
import { Button } from '../ui/Button';
import style from './Canvas.module.css';

/** How near the drawing is, and the whole of it. */
export function ZoomBar({ onFit, onTidy }: { onFit: () => void; onTidy: (() => void) | null }) {
  const flow = useReactFlow();
  const zoom = useStore((store) => Math.round(store.transform[2] * 100));
  return (
    <div className={style.zoom} role="toolbar" aria-label="View">
      <Button look="quiet" size="small" icon={<Minus />} aria-label="Zoom out" onClick={() => flow.zoomOut()} />
      <button type="button" className={style.percent} title="100 % (1)" onClick={() => flow.zoomTo(1)}>
        {zoom} %
      </button>
      <Button look="quiet" size="small" icon={<Plus />} aria-label="Zoom in" onClick={() => flow.zoomIn()} />
      <i />
      <Button
        look="quiet"
        size="small"
        icon={<Maximize />}
        aria-label="Show everything"
        title="Show everything (f)"
        onClick={onFit}
      />
      {onTidy && (
        <Button
          look="quiet"
          size="small"
          icon={<Network />}
          aria-label="Tidy"
          title="Tidy: puts every node back (l)"
          onClick={onTidy}
        />
      )}
    </div>
  );
}
