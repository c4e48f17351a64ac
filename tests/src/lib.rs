//! Shared by the tests: a server in the test's own process or on the double of AWS, the program as
//! a process to kill, a receiver that counts, the double's stores, and the suite for every adapter.

#![expect(clippy::disallowed_methods, reason = "the tested processes run in real time")]

pub mod home;
pub mod several;
pub mod double;
pub mod stores;
pub mod server;
pub mod contract;
pub mod process;
pub mod receiver;
pub mod vendors;
pub mod clock;
pub mod protocol;
pub mod ports;
pub mod faults;
