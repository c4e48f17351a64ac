import { useQuery } from '@tanstack/react-query';
import { ChartNoAxesColumn, Download } from 'lucide-react';
import { statsOf } from '../../api/stats';
import { useKnownWorkflows } from '../../api/workflows';
import { usePageActions } from '../../app/actions';
import { Failure } from '../../app/Failure';
import { useParam } from '../../app/useParam';
import { Button } from '../../ui/Button';
import { download } from '../../ui/download';
import { Empty, Skeleton } from '../../ui/Empty';
import { Page } from '../../ui/Page';
import { Breakdown } from './Breakdown';
import { Charts } from './Charts';
import { Controls } from './Controls';
import { BYS, readBy } from './names';
import { beginOf, csvOf, readStep, readTime, TIMES } from './series';

/** Runs, failures, durations and cost over time, and what they are made of. */
export default function Numbers() {
  const [timeText] = useParam('time', '7d');
  const [stepText] = useParam('step');
  const [byText] = useParam('by', 'workflow');
  const [workflow] = useParam('workflow');
  const workflows = useKnownWorkflows();
  const time = readTime(timeText);
  const step = readStep(stepText, time);
  const by = readBy(byText);
  const from = beginOf(time, step);
  const query = { from: from.toISOString(), ...(workflow ? { workflow } : {}) };
  const isMixed = BYS[by].needsWorkflow && !workflow;
  const sums = useQuery(statsOf({ ...query, step: 'total' }));
  const over = useQuery(statsOf({ ...query, step }));
  const series = useQuery({ ...statsOf({ ...query, step, by }), enabled: !isMixed });
  // The table asks for these, too: they need not wait for the charts.
  useQuery({ ...statsOf({ ...query, step: 'total', by }), enabled: !isMixed });
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
      {over.data && sums.data ? (
        sums.data.items.length ? (
          <>
            <Charts items={over.data.items} sums={sums.data.items.at(0)} time={time} step={step} from={from} />
            {isMixed ? (
              <Empty title="Choose a workflow">
                Each workflow has {by === 'node' ? 'nodes' : 'versions'} of its own, so they are counted one workflow at
                a time.
              </Empty>
            ) : (
              <Breakdown query={query} by={by} workflow={workflow} time={time} step={step} from={from} />
            )}
          </>
        ) : (
          <Empty icon={<ChartNoAxesColumn />} title={`No run ended in the last ${TIMES[time].words}`}>
            {workflow ? 'Choose a longer time, or all workflows.' : 'Choose a longer time, or start a run.'}
          </Empty>
        )
      ) : sums.isError || over.isError ? (
        <Failure error={sums.error ?? over.error} what="the numbers" onRetry={() => [sums.refetch(), over.refetch()]} />
      ) : (
        <Skeleton rows={10} />
      )}
    </Page>
  );
}
