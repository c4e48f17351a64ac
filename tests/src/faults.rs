//! A world of processes that share one store, with seeded faults between them and all their ports,
//! on a clock that the test owns.
//!
//! [`world::World`] holds the store, the queue, the receivers and the processes. Each process has
//! its own `App`, which reaches everything through [`ports::Faulty`]. A [`plan::Plan`] decides from
//! a seed which operation fails, before or after it is applied, is late, or kills its process.
//! [`check`] then compares what happened with the promises.

pub mod seed;
pub mod plan;
pub mod life;
pub mod ports;
pub mod queue;
pub mod upstream;
pub mod history;
pub mod process;
pub mod world;
pub mod check;
pub mod without;
pub mod power;
