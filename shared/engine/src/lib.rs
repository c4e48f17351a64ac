//! Compiles and runs workflows, as pure state machines over plain data. The engine knows no clock,
//! no randomness, no thread and no socket.

pub mod document;
pub mod problem;
pub mod field;
pub mod expr;
pub mod kind;
pub mod connector;
pub mod compile;
pub mod workflow;
pub mod outline;
pub mod input;
pub mod interface;
pub mod child;
pub mod schedule;
pub mod run;
pub mod call;
pub mod file;
pub mod event;
pub mod json;
pub mod weight;
pub mod pattern;
pub mod schema;
pub mod url;
pub mod header;
pub mod provider;
pub mod cost;
pub mod literal_key;
pub mod generated;

pub use call::{Action, Call, CallError, CallId, CallOutput, CallResult, Chunk};
pub use document::Document;
pub use event::{CallEnded, NodePath, NodeStatus, RunEvent};
pub use kind::{KindSpec, Kinds};
pub use problem::{Problem, Severity};
pub use run::{
    BUDGET_EXHAUSTED, Completion, ENGINE, Mock, MockedWork, Mocks, Outcome, Part, Recorded, Run,
    RunError, RunStart, SpendingLimit, Step, Usage, Waiting,
};
pub use weight::Weight;
pub use workflow::{CompileOptions, Downstream, Workflow};
