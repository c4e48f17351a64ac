import { useEffect, useRef } from 'react';
import { useLocation } from 'wouter';
import { PLACES } from './places';
import { moveRow, openRow, toggleRow } from './rows';
import { bind } from './shortcuts';

/** Marks the field that `/` focuses. */
export const FILTER = { 'data-filter': '' };

const focusFilter = () => document.querySelector<HTMLInputElement>('#main [data-filter]')?.select();

/** The shortcuts of every page. A page's own for the same keys win. */
export function useGlobalShortcuts() {
  const [, navigate] = useLocation();
  const go = useRef(navigate);
  go.current = navigate;
  useEffect(() => {
    const all: [string, string, () => void][] = [
      ...PLACES.map(({ path, label, shortcut }): [string, string, () => void] => [
        shortcut,
        `Go to ${label}`,
        () => go.current(path),
      ]),
      ['/', 'Filter', focusFilter],
      ['j', 'Next row', () => moveRow(1)],
      ['k', 'Row before', () => moveRow(-1)],
      ['x', 'Select the row', toggleRow],
      ['o', 'Open the row', openRow],
    ];
    const ends = all.map(([keys, label, run]) => bind({ keys, label, run, yields: true }));
    return () => {
      for (const end of ends) end();
    };
  }, []);
}
