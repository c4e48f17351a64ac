//! What the tests share: a server in the test's own process, the program as a process to be killed, a receiver that counts, the double of AWS, and the suite that every adapter of the ports must pass.

pub mod server;
pub mod process;
pub mod receiver;
pub mod ports;
pub mod double;
