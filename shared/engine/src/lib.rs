//! A workflow runs here and nowhere else: pure state machines over plain data. The engine knows no clock, no randomness, no thread and no socket.

pub mod document;
pub mod problem;
pub(crate) mod shape;
pub(crate) mod text;
pub(crate) mod template;
pub mod workflow;
pub mod input;
pub mod run;
pub mod call;
pub mod event;
pub mod node;
pub mod json;
pub mod schema;

pub use call::{Action, Call, CallError, CallId, CallOutput, CallResult, Chunk};
pub use document::Document;
pub use event::{NodePath, NodeStatus, RunEvent};
pub use problem::{Problem, Severity};
pub use run::{Completion, Outcome, Run, RunError, RunStart, Step, Usage, Waiting};
pub use workflow::Workflow;
