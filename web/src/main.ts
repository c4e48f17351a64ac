/** The first script of the page, kept small: it asks for what the page needs while the rest of the console is on its way. */
import { preloadPlace } from './app/preload';
import { applyTheme } from './app/theme';

applyTheme();
preloadPlace();
import('./app/start');
