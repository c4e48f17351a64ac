import { useReactFlow } from '@xyflow/react';
import { type RefObject, useEffect, useRef } from 'react';
import { useResized } from '../ui/useResized';
import type { Rect } from './geometry';
import type { useDrawing } from './useDrawing';
import { fitting, revealing } from './viewport';

type Drawing = ReturnType<typeof useDrawing>;

/** What the view shows: everything at first, then always the selected node, and what fits whole stays whole. */
export function useView(frame: RefObject<HTMLDivElement | null>, drawing: Drawing, selected: string | null) {
  const { layout, tidy } = drawing;
  const flow = useReactFlow();
  const shows = useShows(frame, drawing, selected);
  const latest = useRef(shows);
  latest.current = shows;

  // biome-ignore lint/correctness/useExhaustiveDependencies: only another node
  useEffect(() => latest.current.showSelected(), [selected]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only another document
  useEffect(() => latest.current.showAll(), [layout]);
  useResized(frame, () => latest.current.showAll());

  const fit = () => latest.current.showWhole();
  const onKey = (key: string) => {
    const action = { f: fit, '1': () => flow.zoomTo(1), l: tidy }[key];
    action?.();
    return action !== undefined;
  };
  return { fit, tidy, onKey, onMove: shows.onMove };
}

/** The ways to move the view. */
function useShows(frame: RefObject<HTMLElement | null>, { bounds, rects }: Drawing, selected: string | null) {
  const flow = useReactFlow();
  /** Nobody has panned or zoomed since everything was shown last. */
  const isOwn = useRef(true);
  const size = () => frame.current?.getBoundingClientRect() ?? { width: 0, height: 0 };
  const show = (box: Rect | undefined) => {
    const { width, height } = size();
    if (box && width > 0) flow.setViewport(revealing(flow.getViewport(), box, width, height));
  };
  const showSelected = () => show(selected === null ? undefined : rects.get(selected));
  const showWhole = () => {
    const { width, height } = size();
    flow.setViewport(fitting(bounds, width, height));
    isOwn.current = true;
  };
  const showAll = () => {
    const { width, height } = size();
    const { zoom } = flow.getViewport();
    if (isOwn.current) showWhole();
    const fits = bounds.width * zoom <= width && bounds.height * zoom <= height;
    if (fits && !isOwn.current) show(bounds);
    else showSelected();
  };
  const onMove = (event: unknown) => {
    if (event) isOwn.current = false;
  };
  return { showSelected, showWhole, showAll, onMove };
}
