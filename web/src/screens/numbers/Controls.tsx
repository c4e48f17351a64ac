import type { StatsBy } from '../../api/stats';
import type { ListedWorkflow } from '../../api/workflows';
import { useParam } from '../../app/useParam';
import { NamedOptions, Select } from '../../ui/Field';
import { Segment } from '../../ui/Segment';
import { Toolbar } from '../../ui/Toolbar';
import style from './Numbers.module.css';
import { BYS } from './names';
import { type Step, TIMES, type Time } from './series';

type Props = { workflows: ListedWorkflow[]; time: Time; step: Step; by: StatsBy };

const TIME_OPTIONS = (Object.keys(TIMES) as Time[]).map((value) => ({ value, label: TIMES[value].label }));

/** What is counted, over which time. All of it is in the URL. */
export function Controls({ workflows, time, step, by }: Props) {
  const [, setBy] = useParam('by', 'workflow');
  const [workflow, setWorkflow] = useParam('workflow');
  return (
    <Toolbar end={<TimeAndStep time={time} step={step} />}>
      <Select
        className={style.select}
        aria-label="Of which workflow"
        value={workflow}
        onChange={(event) => setWorkflow(event.target.value)}
      >
        <option value="">All workflows</option>
        {workflow && !workflows.some((one) => one.id === workflow) && <option value={workflow}>{workflow}</option>}
        <NamedOptions of={workflows} />
      </Select>
      <Select className={style.select} aria-label="By" value={by} onChange={(event) => setBy(event.target.value)}>
        {Object.entries(BYS).map(([value, { label }]) => (
          <option key={value} value={value}>
            By {label.toLowerCase()}
          </option>
        ))}
      </Select>
    </Toolbar>
  );
}

function TimeAndStep({ time, step }: { time: Time; step: Step }) {
  const [, setTime] = useParam('time', '7d');
  const [, setStep] = useParam('step');
  const { steps } = TIMES[time];
  return (
    <>
      {steps.length > 1 && (
        <Segment
          label="Step"
          options={steps.map((value) => ({ value, label: value === 'hour' ? 'Hours' : 'Days' }))}
          value={step}
          onChange={setStep}
        />
      )}
      <Segment label="Time" options={TIME_OPTIONS} value={time} onChange={setTime} />
    </>
  );
}
