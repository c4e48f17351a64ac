//! Where in a run a call stands.

use flowgate_core::run::RunHead;

/// The call of a node: of the run's own workflow, or of a child.
#[derive(Clone, Copy)]
pub struct CallSite<'a> {
    pub head: &'a RunHead,
    /// [`flowgate_engine::Call::workflow`].
    pub workflow: usize,
    /// [`flowgate_engine::CallId::place`].
    pub place: &'a str,
}

impl CallSite<'_> {
    pub(crate) fn uid(&self) -> &str {
        self.head.uid_of(self.workflow)
    }
}
