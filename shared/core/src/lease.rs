//! Who holds a run or an attempt, and for how long without a word.

use std::time::Duration;

use crate::platform::App;
use crate::run::OwnerToken;

/// Of a detached run; its owner renews it in good time.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

impl App {
    pub(crate) fn owner_token(&self) -> OwnerToken {
        OwnerToken(crate::keys::hex(&self.random::<16>()).into())
    }
}
