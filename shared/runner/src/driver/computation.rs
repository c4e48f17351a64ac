//! Where a run computes, and what it takes there: in its driver's task while that is short, else on
//! a thread for computing, a slice at a time.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use flowgate_app::App;
use flowgate_app::clock::Clock;
use flowgate_app::compute::SLICE;
use flowgate_app::id::RunId;
use flowgate_app::memory::{Charge, Holder};
use flowgate_app::overload::Overloaded;
use flowgate_engine::{Run, RunEvent, Step, Weight};

/// With so few bytes no step takes long, unless its node is slow by kind.
const MAX_HERE_BYTES: usize = 64 << 10;
const MAX_HERE: Duration = Duration::from_millis(2);
/// Steps of a small run between two looks at the clock.
const STEPS_PER_LOOK: usize = 32;
/// A slice hands out its steps before they take much memory.
const MAX_STEPS: usize = 1_024;
const MAX_STEP_BYTES: usize = 1 << 20;
/// Less is not counted before the end of a slice.
const COUNTED_AT_ONCE: usize = 256 << 10;

/// A run with what it takes. Both are absent while another thread computes.
pub(super) struct Computation {
    counted: Option<Box<Counted>>,
    /// The last slice did not come to its end here.
    is_long: bool,
}

struct Counted {
    run: Run,
    charge: Charge,
    /// There was no memory for it: it is ending, and is not counted again.
    is_refused: bool,
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
    /// There is no memory for what it has computed.
    Refused(Overloaded),
}

const ABSENT: &str = "its driver waits for a run that is being computed";

impl Computation {
    pub(super) fn new(run: Run, charge: Charge) -> Self {
        let counted = Counted { run, charge, is_refused: false };
        Self { counted: Some(Box::new(counted)), is_long: false }
    }

    /// Computes until the run waits, is done, or others have their turn. `beside` is what the
    /// driver keeps besides the run, in bytes.
    pub(super) async fn slice(
        &mut self,
        app: &App,
        id: &RunId,
        holder: &Holder,
        beside: usize,
    ) -> Slice {
        let is_short = !self.is_long && !self.is_slow() && self.kept_bytes() <= MAX_HERE_BYTES;
        let slice = if is_short {
            self.here().slice(&*app.ports.clock, MAX_HERE, beside)
        } else {
            self.elsewhere(app, id, holder, beside).await
        };
        self.is_long = slice.ended == Ended::Paused;
        slice
    }

    async fn elsewhere(&mut self, app: &App, id: &RunId, holder: &Holder, beside: usize) -> Slice {
        let mut counted = self.counted.take().expect(ABSENT);
        let (ports, id) = (app.ports.clone(), id.clone());
        let work = move || {
            let _mark = ports.computing.mark(&id);
            let slice = counted.slice(&*ports.clock, SLICE, beside);
            (counted, slice)
        };
        let (counted, slice) = app.compute.run(holder, work).await;
        self.counted = Some(counted);
        slice
    }

    /// From now on nothing is refused: the run is ending.
    pub(super) fn stop_counting(&mut self) {
        self.here().is_refused = true;
    }

    fn here(&mut self) -> &mut Counted {
        self.counted.as_deref_mut().expect(ABSENT)
    }
}

impl Deref for Computation {
    type Target = Run;

    fn deref(&self) -> &Run {
        &self.counted.as_deref().expect(ABSENT).run
    }
}

impl DerefMut for Computation {
    fn deref_mut(&mut self) -> &mut Run {
        &mut self.here().run
    }
}

impl Counted {
    fn slice(&mut self, clock: &dyn Clock, limit: Duration, beside: usize) -> Slice {
        let until = clock.now() + limit;
        let (mut steps, mut bytes) = (Vec::new(), 0);
        let ended = loop {
            let is_small = self.run.kept_bytes() <= MAX_HERE_BYTES;
            let step = match self.run.step() {
                Step::Wait(_) => break Ended::Waiting,
                Step::Done => break Ended::Done,
                step => step,
            };
            if !is_small {
                bytes += output_bytes(&step);
            }
            steps.push(step);
            let kept = beside + self.run.kept_bytes() + bytes;
            if kept > self.charge.bytes() + COUNTED_AT_ONCE
                && let Err(overloaded) = self.count(kept)
            {
                break Ended::Refused(overloaded);
            }
            let looks = !is_small || steps.len().is_multiple_of(STEPS_PER_LOOK);
            if steps.len() == MAX_STEPS || bytes > MAX_STEP_BYTES || looks && clock.now() >= until {
                break Ended::Paused;
            }
        };
        match self.count(beside + self.run.kept_bytes() + bytes) {
            Err(overloaded) => Slice { steps, ended: Ended::Refused(overloaded) },
            Ok(()) => Slice { steps, ended },
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), Overloaded> {
        if self.is_refused { Ok(()) } else { self.charge.resize(bytes) }
    }
}

/// What a reported output takes while its event waits.
fn output_bytes(step: &Step) -> usize {
    match step {
        Step::Emit(RunEvent::NodeFinished { output: Some(output), .. }) => {
            Weight::of(output).memory
        }
        _ => 0,
    }
}
