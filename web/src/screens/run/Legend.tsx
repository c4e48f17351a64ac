import { classes } from '../../ui/classes';
import style from './Legend.module.css';

const LOOKS = ['queue', 'model', 'call', 'failed', 'pause'] as const;
const WORDS = { queue: 'queue', model: 'model', call: 'call', failed: 'failed attempt', pause: 'pause' };

/** What the bars of the timeline mean. */
export const Legend = () => (
  <ul className={style.legend}>
    {LOOKS.map((look) => (
      <li key={look}>
        <i className={classes(style.swatch, style[look])} aria-hidden />
        {WORDS[look]}
      </li>
    ))}
  </ul>
);
