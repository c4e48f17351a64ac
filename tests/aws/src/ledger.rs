//! Records every call to a store: caller, action, item, time and success.

use std::sync::Mutex;

use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Call {
    pub(crate) function: String,
    pub(crate) service: &'static str,
    pub(crate) action: String,
    /// The item's key as `pk/sk`, the queue's name, or the secret's name or ARN; several are joined
    /// with `,`.
    pub(crate) subject: String,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) succeeded: bool,
    /// The error's name, without its namespace.
    pub(crate) error: Option<String>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    calls: Mutex<Vec<Call>>,
}

impl Ledger {
    pub(crate) fn write(&self, call: Call) {
        self.calls.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).push(call);
    }

    pub(crate) fn read(&self) -> Vec<Call> {
        self.calls.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clone()
    }

    pub(crate) fn clear(&self) {
        self.calls.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).clear();
    }
}
