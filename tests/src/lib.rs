//! Shared by the tests: a server in the test's own process or on the double of AWS, the program as
//! a process to kill, a receiver that counts, the double's stores, and the suite for every adapter.

pub mod home;
pub mod double;
pub mod stores;
pub mod server;
pub mod process;
pub mod receiver;
pub mod ports;
