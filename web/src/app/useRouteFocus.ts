import { useEffect, useRef } from 'react';
import { announce } from './announce';

/** The page that a path is of: the tabs of one workflow are one page. */
export const pageOf = (path: string) => path.split('/').slice(0, 3).join('/');

/** After a change of the page: the focus goes to its content, which starts at its top, and its title is spoken. */
export function useRouteFocus(path: string) {
  const page = pageOf(path);
  const before = useRef(page);
  useEffect(() => {
    if (before.current === page) return;
    before.current = page;
    const main = document.getElementById('main');
    main?.scrollTo(0, 0);
    main?.focus({ preventScroll: true });
    // The page's title comes with its content.
    const timer = setTimeout(() => announce(document.title.replace(/ · Flowgate$/, '')), 300);
    return () => clearTimeout(timer);
  }, [page]);
}
