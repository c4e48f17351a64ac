import { classes } from './classes';
import style from './Meter.module.css';

/** How much of something is used, as a bar. Without a label it is decoration beside the number. */
export function Meter({ value, most, label, warns }: { value: number; most: number; label?: string; warns?: boolean }) {
  const share = most > 0 ? Math.min(1, value / most) : value > 0 ? 1 : 0;
  const named = label
    ? {
        role: 'meter',
        'aria-label': label,
        'aria-valuemin': 0,
        'aria-valuemax': 100,
        'aria-valuenow': Math.round(share * 100),
      }
    : { 'aria-hidden': true };
  return (
    <span {...named} className={style.meter}>
      <i
        className={classes(warns && share >= 0.8 && (share >= 1 ? style.bad : style.warn))}
        style={{ width: `${share * 100}%` }}
      />
    </span>
  );
}
