//! What the tests share: a server in the test's own process or on the double of AWS, the program as a process to be killed, a receiver that counts, the stores of the double, and the suite that every adapter of the ports must pass.

#![expect(clippy::disallowed_methods, reason = "what is tested is a process of its own: it is waited for in real time")]

pub mod home;
pub mod double;
pub mod stores;
pub mod server;
pub mod contract;
pub mod process;
pub mod receiver;
pub mod clock;
pub mod ports;
