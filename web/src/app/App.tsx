import { onlineManager, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { Fragment, useEffect, useRef } from 'react';
import { Redirect, Route, Router, Switch, useLocation } from 'wouter';
import { ApiError } from '../api/client';
import { server } from '../api/server';
import { session } from '../api/session';
import { Page } from '../ui/Page';
import { Announcements } from './announce';
import { base } from './base';
import { RouteBoundary } from './RouteBoundary';
import { Shell } from './Shell';
import { SignIn } from './SignIn';
import { Approvals, Deliveries, Keys, Loading, Numbers, Run, Runs, Secrets, Workflow, Workflows } from './screens';
import { pageOf } from './useRouteFocus';
import { ownKeyOf, useBlocked, useKey, useOwnKey } from './useSession';

const queries = new QueryClient({
  queryCache: new QueryCache({
    // What the key may no longer see goes from the page; after any other failure the page keeps what it has.
    onError: (error, query) => {
      if (error instanceof ApiError && error.status === 403) query.setState({ data: undefined });
    },
  }),
  defaultOptions: {
    // What is to be done is done now or fails; it must not happen later, when the server is back. It is forgotten with its
    // form: it may hold a new key, or the value of a secret.
    mutations: { networkMode: 'always', gcTime: 0 },
    queries: {
      staleTime: 5_000,
      // A refusal will be the same again; a server that is away comes back.
      retry: (failures, error) =>
        failures < 3 && !(error instanceof ApiError && error.status > 0 && error.status < 500),
      retryDelay: (attempt) => Math.min(30_000, 1_000 * 2 ** attempt),
    },
  },
});

// Whether the browser thinks that it is online says nothing about this server: its own answers do. While it is away, queries
// wait with the data that they have, and are read again when it is back.
onlineManager.setEventListener((setOnline) => server.subscribe(() => setOnline(!server.state().away)));

// It comes while the shell is drawn.
const stored = session.key();
if (stored !== null) queries.prefetchQuery(ownKeyOf(stored));

export function App() {
  const key = useKey();
  const before = useRef(key);
  // What one key may see is not left for the next.
  useEffect(() => {
    if (before.current !== null && key === null) queries.clear();
    else if (before.current !== key) queries.removeQueries({ type: 'inactive' });
    before.current = key;
  }, [key]);
  return (
    <QueryClientProvider client={queries}>
      <RouteBoundary route={key ?? ''}>
        <Router base={base}>{key === null ? <SignIn /> : <Places />}</Router>
      </RouteBoundary>
      <div {...Announcements} />
    </QueryClientProvider>
  );
}

function Places() {
  const [location] = useLocation();
  return (
    <Shell>
      <RouteBoundary route={pageOf(location)}>
        {/* By page: the next one begins anew, also where it is of the same kind. */}
        <Fragment key={pageOf(location)}>
          <Switch>
            <Route path="/">
              <FirstPlace />
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
              <Page title="There is nothing here">
                <p>
                  The address may be of an older console, or have a typing error. The places on the left have
                  everything.
                </p>
              </Page>
            </Route>
          </Switch>
        </Fragment>
      </RouteBoundary>
    </Shell>
  );
}

/** Where the console begins: at the workflows, or at the runs with a key that may list no workflows. */
function FirstPlace() {
  const own = useOwnKey();
  const blocked = useBlocked();
  if (own.isPending) return <Loading />;
  return <Redirect to={blocked('author') === null ? '/workflows' : '/runs'} replace />;
}
