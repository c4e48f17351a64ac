import type { ReactNode } from 'react';
import { classes } from '../ui/classes';
import style from './RunsTable.module.css';

type HeadProps = {
  workflowId: string | undefined;
  all: boolean;
  some: boolean;
  onChooseLoaded: (chosen: boolean) => void;
};

/** The columns, and the box that chooses all loaded runs. */
export function RunsHead({ workflowId, all, some, onChooseLoaded }: HeadProps) {
  return (
    <thead>
      <tr>
        <th scope="col" className={style.check}>
          <ChooseLoaded all={all} some={some} onChange={onChooseLoaded} />
        </th>
        <th scope="col" className={style.status}>
          Status
        </th>
        <th scope="col" className={style.run}>
          Run
        </th>
        <th scope="col" className={workflowId ? style.version : style.workflow}>
          {workflowId ? 'Version' : 'Workflow'}
        </th>
        <th scope="col" className={style.failedAt}>
          Failed at
        </th>
        <th scope="col" className={style.started}>
          Started
        </th>
        <Numeric>Duration</Numeric>
        <Numeric wide>Queue</Numeric>
        <Numeric wide>Tokens</Numeric>
        <Numeric wide>Cost</Numeric>
        <th scope="col" className={style.key}>
          Key
        </th>
      </tr>
    </thead>
  );
}

type ChooseProps = { all: boolean; some: boolean; onChange: (chosen: boolean) => void };

const ChooseLoaded = ({ all, some, onChange }: ChooseProps) => (
  <label>
    <input
      type="checkbox"
      aria-label="Choose all loaded runs"
      checked={all}
      ref={(box) => {
        if (box) box.indeterminate = some && !all;
      }}
      onChange={() => onChange(!all)}
    />
  </label>
);

const Numeric = ({ children, wide }: { children: ReactNode; wide?: boolean }) => (
  <th scope="col" className={classes(style.numeric, wide && style.wide)}>
    {children}
  </th>
);
