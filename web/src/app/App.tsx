import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useEffect } from 'react';
import { Redirect, Route, Router, Switch, useLocation } from 'wouter';
import { ApiError } from '../api/client';
import { Empty, Skeleton } from '../ui/Empty';
import { Announcements } from './announce';
import { RouteBoundary } from './RouteBoundary';
import { Shell } from './Shell';
import style from './Shell.module.css';
import { SignIn } from './SignIn';
import { pageOf } from './useRouteFocus';
import { useKey } from './useSession';

const queries = new QueryClient({
  defaultOptions: {
    // Whether the browser thinks that it is online says nothing about a server on this machine.
    mutations: { networkMode: 'always' },
    queries: {
      networkMode: 'always',
      staleTime: 5_000,
      // A refusal will be the same again; a server that is away comes back.
      retry: (failures, error) =>
        failures < 3 && !(error instanceof ApiError && error.status > 0 && error.status < 500),
      retryDelay: (attempt) => Math.min(30_000, 1_000 * 2 ** attempt),
    },
  },
});

const Workflows = lazy(() => import('../screens/workflows/Workflows'));
const Workflow = lazy(() => import('../screens/workflow/Workflow'));
const Runs = lazy(() => import('../screens/runs/Runs'));
const Run = lazy(() => import('../screens/run/Run'));
const Deliveries = lazy(() => import('../screens/deliveries/Deliveries'));
const Approvals = lazy(() => import('../screens/approvals/Approvals'));
const Numbers = lazy(() => import('../screens/numbers/Numbers'));
const Keys = lazy(() => import('../screens/keys/Keys'));
const Secrets = lazy(() => import('../screens/secrets/Secrets'));

/** The path that the server serves the console under, without a slash at its end. */
const base = new URL(document.baseURI).pathname.replace(/\/$/, '');

export function App() {
  const key = useKey();
  // What one key may see is not left for the next.
  useEffect(() => {
    if (key === null) queries.clear();
  }, [key]);
  return (
    <QueryClientProvider client={queries}>
      <Router base={base}>{key === null ? <SignIn /> : <Places />}</Router>
      <div {...Announcements} />
    </QueryClientProvider>
  );
}

function Places() {
  const [location] = useLocation();
  return (
    <Shell>
      <RouteBoundary route={pageOf(location)}>
        <Suspense fallback={<Loading />}>
          <Switch>
            <Route path="/">
              <Redirect to="/workflows" replace />
            </Route>
            <Route path="/workflows" component={Workflows} />
            <Route path="/workflows/:id/:tab?" component={Workflow} />
            <Route path="/runs" component={Runs} />
            <Route path="/runs/:id" component={Run} />
            <Route path="/deliveries" component={Deliveries} />
            <Route path="/approvals" component={Approvals} />
            <Route path="/numbers" component={Numbers} />
            <Route path="/keys" component={Keys} />
            <Route path="/secrets" component={Secrets} />
            <Route>
              <Empty title="There is nothing here">
                The address may be of an older console, or have a typing error.
              </Empty>
            </Route>
          </Switch>
        </Suspense>
      </RouteBoundary>
    </Shell>
  );
}

const Loading = () => (
  <div className={style.loading}>
    <Skeleton />
  </div>
);
