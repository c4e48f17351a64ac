import { Checkbox, Field, Input } from '../../../ui/Field';
import type { Options } from './request';
import style from './Try.module.css';

/** What a start may say besides its input. */
export function MoreOptions({ options, onChange }: { options: Options; onChange: (options: Options) => void }) {
  return (
    <details className={style.more}>
      <summary>More: user, save, webhook, budget</summary>
      <div className={style.fields}>
        <Field label="User" hint="Your own name for who asks. Lists can filter by it.">
          {(ids) => (
            <Input
              {...ids}
              maxLength={256}
              value={options.user}
              onChange={(event) => onChange({ ...options, user: event.target.value })}
            />
          )}
        </Field>
        <Field label="Webhook" hint="Called with the run when it has ended.">
          {(ids) => (
            <Input
              {...ids}
              type="url"
              placeholder="https://…"
              value={options.webhook}
              onChange={(event) => onChange({ ...options, webhook: event.target.value })}
            />
          )}
        </Field>
        <Field label="Budget in US dollars" hint="Past it, calls of models fail.">
          {(ids) => (
            <Input
              {...ids}
              type="number"
              min="0"
              step="any"
              value={options.maxCost}
              onChange={(event) => onChange({ ...options, maxCost: event.target.value })}
            />
          )}
        </Field>
        <Checkbox
          label="Keep what it was given and gave"
          checked={options.save}
          onChange={(event) => onChange({ ...options, save: event.target.checked })}
        />
      </div>
    </details>
  );
}
