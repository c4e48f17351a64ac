/** Light, dark, or as the system has it; kept in local storage, since it says nothing about anybody. */

import { readText, writeText } from '../api/storage';

export type Theme = 'system' | 'light' | 'dark';

const STORED = 'flowgate.theme';

export const storedTheme = (): Theme => (readText('browser', STORED) as Theme | null) ?? 'system';

export function applyTheme(theme: Theme = storedTheme()) {
  writeText('browser', STORED, theme);
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

export const isDark = (theme: Theme = storedTheme()) =>
  theme === 'dark' || (theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
