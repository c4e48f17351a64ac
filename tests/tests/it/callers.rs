//! Real callers: what their clients send, and what they can read.

mod inputs;
mod pages;
mod queries;
mod responses;
mod streams;
mod tokens;
mod usage;
