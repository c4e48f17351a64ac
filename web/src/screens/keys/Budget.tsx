import type { Schemas } from '../../api/client';
import { formatCost, formatCount, formatDateTime, formatShare } from '../../ui/format';
import { Meter } from '../../ui/Meter';
import style from './Keys.module.css';
import { budgetText } from './keyState';

/** What a key may spend in this period, and what is spent. */
export function Budget({ budget }: { budget: Schemas['KeyBudget'] }) {
  const { spent, max_cost_usd, max_tokens } = budget;
  return (
    <section aria-label="Budget" className={style.budget}>
      <h3>Budget: {budgetText(budget)}</h3>
      {spent && max_cost_usd !== null && (
        <Spent
          label="Cost"
          spent={spent.cost_nano_usd}
          most={max_cost_usd * 1e9}
          words={`${formatCost(spent.cost_nano_usd)} of $${max_cost_usd}`}
        />
      )}
      {spent && max_tokens !== null && (
        <Spent
          label="Tokens"
          spent={spent.tokens}
          most={max_tokens}
          words={`${formatCount(spent.tokens)} of ${formatCount(max_tokens)}`}
        />
      )}
      {spent && (
        <p>
          Resets on {formatDateTime(spent.resets_at)}.
          {spent.unmetered_calls > 0 &&
            ` ${formatCount(spent.unmetered_calls)} calls did not say what they used, so further calls are refused until then.`}
          {spent.unknown_calls > 0 && ` ${formatCount(spent.unknown_calls)} calls count as an estimate.`}
        </p>
      )}
    </section>
  );
}

function Spent({ label, spent, most, words }: { label: string; spent: number; most: number; words: string }) {
  return (
    <div className={style.meter}>
      <span>{label}</span>
      <Meter value={spent} most={most} label={label} warns />
      <span>
        {words}, {formatShare(spent, most)}
      </span>
    </div>
  );
}
