import { useQueries } from '@tanstack/react-query';
import { ListFilter } from 'lucide-react';
import { listRuns } from '../api/runs';
import { Button } from '../ui/Button';
import { Empty } from '../ui/Empty';
import { formatCountOf } from '../ui/format';
import { type Changes, type ChipText, chips, type Filters, spoken, toQuery } from './filters';
import { useFilterNames } from './names';

type Props = { filters: Filters; workflowId: string | undefined; onChange: (changes: Changes) => void };

/** What stands where no run matches: the filters in words, which of them keeps runs out, and how to take them off. */
export function NoMatch({ filters, workflowId, onChange }: Props) {
  const names = useFilterNames();
  const set: ChipText[] = chips(filters, names);
  if (filters.q) set.push({ filter: 'q', name: 'Text', value: `“${filters.q}”` });
  const hinders = useHindering(filters, workflowId, set);
  const words = set.map(spoken).join(', ');
  const clear = () => onChange(Object.fromEntries(set.map(({ filter }) => [filter, null])));
  return (
    <Empty
      icon={<ListFilter />}
      title="No run matches"
      actions={
        <>
          {hinders && set.length > 1 && (
            <Button onClick={() => onChange({ [hinders.filter]: null })}>Drop “{spoken(hinders)}”</Button>
          )}
          <Button look={hinders && set.length > 1 ? 'quiet' : 'normal'} onClick={clear}>
            Clear filters
          </Button>
        </>
      }
    >
      {words.charAt(0).toUpperCase() + words.slice(1)}.
      {hinders && ` There ${hinders.count} without “${spoken(hinders)}”.`}
    </Empty>
  );
}

const MOST = 20;

/** The first filter without which there are runs, and how many. A text is not searched for again: that takes long. */
function useHindering(filters: Filters, workflowId: string | undefined, set: ChipText[]) {
  const tried = set.filter(({ filter }) => !filters.q || filter === 'q');
  return useQueries({
    queries: tried.map(({ filter }) => {
      const query = { ...toQuery({ ...filters, [filter]: undefined }), limit: MOST };
      return {
        queryKey: ['runs-without', workflowId ?? '', filter, query],
        queryFn: ({ signal }: { signal: AbortSignal }) => listRuns(query, workflowId, signal),
      };
    }),
    combine: (results) => {
      const at = results.findIndex(({ data }) => data && data.items.length > 0);
      const [filter, page] = [tried[at], results[at]?.data];
      if (!filter || !page) return null;
      const count = page.items.length;
      if (page.next_cursor) return { ...filter, count: `are more than ${count}` };
      return { ...filter, count: `${count === 1 ? 'is' : 'are'} ${formatCountOf(count, 'run')}` };
    },
  });
}
