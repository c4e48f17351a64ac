//! Where a run computes: in its driver's task while that is short, else on a thread for computing,
//! a slice at a time.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use flowgate_app::App;
use flowgate_app::clock::Clock;
use flowgate_app::compute::SLICE;
use flowgate_app::id::RunId;
use flowgate_app::memory::Holder;
use flowgate_engine::{Run, Step};

/// With so few bytes no step takes long, unless its node is slow by kind.
const MAX_HERE_BYTES: usize = 64 << 10;
const MAX_HERE: Duration = Duration::from_millis(2);
/// Steps between two looks at the clock.
const STEPS_PER_LOOK: usize = 32;
/// A slice hands out its steps before they take much memory.
const MAX_STEPS: usize = 1_024;

/// A run. It is absent while another thread computes it.
pub(super) struct Computation {
    run: Option<Box<Run>>,
    /// The last slice did not come to its end here.
    is_long: bool,
}

/// The steps of a slice, and why it ended.
pub(super) struct Slice {
    pub(super) steps: Vec<Step>,
    pub(super) ended: Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The run waits for its calls.
    Waiting,
    Done,
    /// Its time was over.
    Paused,
}

const ABSENT: &str = "its driver waits for a run that is being computed";

impl Computation {
    pub(super) fn new(run: Run) -> Self {
        Self { run: Some(Box::new(run)), is_long: false }
    }

    /// Computes until the run waits, is done, or others have their turn.
    pub(super) async fn slice(&mut self, app: &App, id: &RunId, holder: &Holder) -> Slice {
        let is_short = !self.is_long && !self.is_slow() && self.kept_bytes() <= MAX_HERE_BYTES;
        let slice = if is_short {
            slice(self, &*app.ports.clock, MAX_HERE, |run| run.kept_bytes() <= MAX_HERE_BYTES)
        } else {
            self.elsewhere(app, id, holder).await
        };
        self.is_long = slice.ended == Ended::Paused;
        slice
    }

    async fn elsewhere(&mut self, app: &App, id: &RunId, holder: &Holder) -> Slice {
        let mut run = self.run.take().expect(ABSENT);
        let (ports, id) = (app.ports.clone(), id.clone());
        let work = move || {
            let _mark = ports.computing.mark(&id);
            let computed = slice(&mut run, &*ports.clock, SLICE, |_| true);
            (run, computed)
        };
        let (run, computed) = app.compute.run(holder, work).await;
        self.run = Some(run);
        computed
    }
}

impl Deref for Computation {
    type Target = Run;

    fn deref(&self) -> &Run {
        self.run.as_deref().expect(ABSENT)
    }
}

impl DerefMut for Computation {
    fn deref_mut(&mut self) -> &mut Run {
        self.run.as_deref_mut().expect(ABSENT)
    }
}

fn slice(
    run: &mut Run,
    clock: &dyn Clock,
    limit: Duration,
    may_go_on: impl Fn(&Run) -> bool,
) -> Slice {
    let mut steps = Vec::new();
    let until = clock.now() + limit;
    let ended = loop {
        match run.step() {
            Step::Wait(_) => break Ended::Waiting,
            Step::Done => break Ended::Done,
            step => steps.push(step),
        }
        let is_over = steps.len() == MAX_STEPS
            || steps.len().is_multiple_of(STEPS_PER_LOOK)
                && (clock.now() >= until || !may_go_on(run));
        if is_over {
            break Ended::Paused;
        }
    };
    Slice { steps, ended }
}
