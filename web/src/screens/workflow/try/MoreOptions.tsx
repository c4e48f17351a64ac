import { Checkbox } from '../../../ui/Field';
import { TextField } from '../../../ui/TextField';
import type { Options } from './request';
import style from './Try.module.css';

/** What a start may say besides its input. */
export function MoreOptions({ options, onChange }: { options: Options; onChange: (options: Options) => void }) {
  const set = (changed: Partial<Options>) => onChange({ ...options, ...changed });
  return (
    <details className={style.more}>
      <summary>More: user, save, webhook, budget</summary>
      <div className={style.fields}>
        <TextField
          label="User"
          hint="Your own name for who asks. Lists can filter by it."
          maxLength={256}
          value={options.user}
          onChange={(user) => set({ user })}
        />
        <TextField
          label="Webhook"
          hint="Called with the run when it has ended."
          type="url"
          placeholder="https://…"
          value={options.webhook}
          onChange={(webhook) => set({ webhook })}
        />
        <TextField
          label="Budget in US dollars"
          hint="Past it, calls of models fail."
          type="number"
          min="0"
          step="any"
          value={options.maxCost}
          onChange={(maxCost) => set({ maxCost })}
        />
        <Checkbox
          label="Keep what it was given and gave"
          checked={options.save}
          onChange={(event) => set({ save: event.target.checked })}
        />
      </div>
    </details>
  );
}
