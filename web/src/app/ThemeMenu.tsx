import { Moon, Sun } from 'lucide-react';
import { useState } from 'react';
import { Popover } from '../ui/Popover';
import { Segment } from '../ui/Segment';
import style from './Shell.module.css';
import { applyTheme, isDark, storedTheme, type Theme } from './theme';

const THEMES: { value: Theme; label: string }[] = [
  { value: 'system', label: 'As the system' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
];

export function ThemeChoice() {
  const [theme, setTheme] = useState(storedTheme);
  const choose = (next: Theme) => {
    applyTheme(next);
    setTheme(next);
  };
  return <Segment label="Theme" options={THEMES} value={theme} onChange={choose} />;
}

/** The entry of the sidebar that chooses light or dark. */
export function ThemeMenu() {
  return (
    <Popover
      label="Theme"
      align="start"
      button={(open) => (
        <button type="button" className={style.place} title="Theme" {...open}>
          {isDark() ? <Moon aria-hidden /> : <Sun aria-hidden />}
          <span>Theme</span>
        </button>
      )}
    >
      {() => <ThemeChoice />}
    </Popover>
  );
}
