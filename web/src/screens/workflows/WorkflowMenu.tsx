import { Braces, GitCompare, ListTree, Play, Trash2, Undo2, Workflow } from 'lucide-react';
import { useLocation } from 'wouter';
import { useBlocked } from '../../app/useSession';
import { Menu } from '../../ui/Menu';
import type { WorkflowDialog } from './WorkflowDialogs';
import type { WorkflowRow } from './workflowRows';

/** What can be done with a workflow. */
export function WorkflowMenu({ row, onDialog }: { row: WorkflowRow; onDialog: (dialog: WorkflowDialog) => void }) {
  const [, navigate] = useLocation();
  const blocked = useBlocked();
  const { id, name, active_version } = row.workflow;
  const author = blocked('author', id);
  const unpublished = active_version === null ? 'Nothing is published yet.' : null;
  const go = (tab: string) => () => navigate(`/workflows/${id}${tab}`);
  return (
    <Menu
      label={`More for ${name}`}
      items={[
        { label: 'Build', icon: <Workflow />, onSelect: go('') },
        { label: 'API and snippets', icon: <Braces />, onSelect: go('/api') },
        { label: 'Try it', icon: <Play />, onSelect: go('/try') },
        { label: 'Runs', icon: <ListTree />, onSelect: () => navigate(`/runs?workflow=${id}`) },
        { label: 'Versions', icon: <GitCompare />, onSelect: go('/versions') },
        {
          label: 'Roll back …',
          icon: <Undo2 />,
          blocked: author ?? unpublished,
          onSelect: () => onDialog({ kind: 'roll-back', workflow: row.workflow, version: null }),
        },
        {
          label: 'Delete …',
          icon: <Trash2 />,
          danger: true,
          blocked: author,
          onSelect: () => onDialog({ kind: 'delete', workflow: row.workflow }),
        },
      ]}
    />
  );
}
