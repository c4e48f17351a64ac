import { useQuery } from '@tanstack/react-query';
import { ChartNoAxesColumn, Download } from 'lucide-react';
import type { ComponentProps } from 'react';
import { type StatsBy, type StatsItem, statsOf } from '../../api/stats';
import { useKnownWorkflows } from '../../api/workflows';
import { usePageActions } from '../../app/actions';
import { both, Loaded } from '../../app/Loaded';
import { useParam } from '../../app/useParam';
import { Button } from '../../ui/Button';
import { download } from '../../ui/download';
import { Empty } from '../../ui/Empty';
import { Page } from '../../ui/Page';
import { Breakdown } from './Breakdown';
import { Charts } from './Charts';
import { Controls } from './Controls';
import { BYS, readBy } from './names';
import { beginOf, csvOf, readStep, readTime, TIMES } from './series';

/** Runs, failures, durations and cost over time, and what they are made of. */
export default function Numbers() {
  const { time, step, by, workflow } = useAsked();
  const workflows = useKnownWorkflows();
  const from = beginOf(time, step);
  const query = { from: from.toISOString(), ...(workflow ? { workflow } : {}) };
  const enabled = !isMixed(by, workflow);
  const sums = useQuery(statsOf({ ...query, step: 'total' }));
  const over = useQuery(statsOf({ ...query, step }));
  const series = useQuery({ ...statsOf({ ...query, step, by }), enabled });
  // The table asks for these, too: they need not wait for the charts.
  useQuery({ ...statsOf({ ...query, step: 'total', by }), enabled });
  const save = () => download(`flowgate-${by}-${time}.csv`, csvOf(series.data?.items ?? []), 'text/csv');
  const empty = series.data?.items.length ? null : 'There are no numbers to download.';
  usePageActions([{ id: 'download-csv', label: 'Download these numbers as CSV', blocked: empty, run: save }]);
  return (
    <Page
      title="Numbers"
      lead="Of runs that have ended, by the hour of their end. Kept for 92 days."
      actions={
        <Button icon={<Download />} blocked={empty} onClick={save}>
          Download CSV
        </Button>
      }
    >
      <Controls workflows={workflows} time={time} step={step} by={by} />
      <Loaded of={both(sums, over)} what="the numbers" rows={10}>
        {([sums, over]) => (
          <Result over={over.items} sums={sums.items.at(0)} {...{ query, by, workflow, time, step, from }} />
        )}
      </Loaded>
    </Page>
  );
}

/** What the address asks for. */
function useAsked() {
  const [timeText] = useParam('time', '7d');
  const [stepText] = useParam('step');
  const [byText] = useParam('by', 'workflow');
  const [workflow] = useParam('workflow');
  const time = readTime(timeText);
  return { time, step: readStep(stepText, time), by: readBy(byText), workflow };
}

type ResultProps = ComponentProps<typeof Breakdown> & { over: StatsItem[]; sums: StatsItem | undefined };

function Result({ over, sums, ...shown }: ResultProps) {
  const { by, workflow, time, step, from } = shown;
  if (!sums) {
    return (
      <Empty icon={<ChartNoAxesColumn />} title={`No run ended in the last ${TIMES[time].words}`}>
        {workflow ? 'Choose a longer time, or all workflows.' : 'Choose a longer time, or start a run.'}
      </Empty>
    );
  }
  return (
    <>
      <Charts items={over} sums={sums} time={time} step={step} from={from} />
      {isMixed(by, workflow) ? (
        <Empty title="Choose a workflow">
          Each workflow has {by === 'node' ? 'nodes' : 'versions'} of its own, so they are counted one workflow at a
          time.
        </Empty>
      ) : (
        <Breakdown {...shown} />
      )}
    </>
  );
}

/** Whether the numbers would mix what has the same name in several workflows. */
const isMixed = (by: StatsBy, workflow: string) => Boolean(BYS[by].needsWorkflow && !workflow);
