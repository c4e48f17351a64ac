import { Skeleton } from '../ui/Empty';
import { lazily } from '../ui/lazily';
import { load } from './preload';
import style from './Shell.module.css';

export const Loading = () => (
  <div className={style.loading}>
    <Skeleton />
  </div>
);

export const Workflows = lazily(load.workflows, <Loading />);
export const Workflow = lazily(load.workflow, <Loading />);
export const Runs = lazily(load.runs, <Loading />);
export const Run = lazily(load.run, <Loading />);
export const Deliveries = lazily(load.deliveries, <Loading />);
export const Approvals = lazily(load.approvals, <Loading />);
export const Numbers = lazily(load.numbers, <Loading />);
export const Keys = lazily(load.keys, <Loading />);
export const Secrets = lazily(load.secrets, <Loading />);
