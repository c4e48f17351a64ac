import { useReactFlow } from '@xyflow/react';
import { type RefObject, useEffect, useRef } from 'react';
import type { Rect } from './geometry';
import type { useDrawing } from './useDrawing';
import { fitting, revealing } from './viewport';

/** What the view shows: everything at first, then always the selected node, and what fits whole stays whole. */
export function useView(
  frame: RefObject<HTMLDivElement | null>,
  { bounds, rects, layout, tidy }: ReturnType<typeof useDrawing>,
  selected: string | null,
) {
  const flow = useReactFlow();
  const latest = useRef({ bounds, rects, selected });
  latest.current = { bounds, rects, selected };
  /** Nobody has panned or zoomed since everything was shown last. */
  const isOwn = useRef(true);
  const show = (box: Rect | undefined) => {
    const { width, height } = frame.current?.getBoundingClientRect() ?? { width: 0, height: 0 };
    if (box && width > 0) flow.setViewport(revealing(flow.getViewport(), box, width, height));
  };
  const showWhole = () => {
    const { width, height } = frame.current?.getBoundingClientRect() ?? { width: 0, height: 0 };
    flow.setViewport(fitting(latest.current.bounds, width, height));
    isOwn.current = true;
  };
  const showAll = () => {
    const { width, height } = frame.current?.getBoundingClientRect() ?? { width: 0, height: 0 };
    const { zoom } = flow.getViewport();
    const { bounds, rects, selected } = latest.current;
    if (isOwn.current) showWhole();
    const fits = bounds.width * zoom <= width && bounds.height * zoom <= height;
    show(fits && !isOwn.current ? bounds : selected === null ? undefined : rects.get(selected));
  };
  const actions = useRef({ show, showAll });
  actions.current = { show, showAll };

  useEffect(() => actions.current.show(selected === null ? undefined : latest.current.rects.get(selected)), [selected]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another document
  useEffect(() => actions.current.showAll(), [layout]);
  useEffect(() => {
    if (!frame.current) return;
    const observer = new ResizeObserver(() => actions.current.showAll());
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, [frame]);

  const onKey = (key: string) => {
    const action = { f: showWhole, '1': () => flow.zoomTo(1), l: tidy }[key];
    action?.();
    return action !== undefined;
  };
  const onMove = (event: unknown) => {
    if (event) isOwn.current = false;
  };
  return { fit: showWhole, tidy, onKey, onMove };
}
