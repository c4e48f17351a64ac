//! Ends a login that began in a browser: asks the vendor for the tokens, and stores them.

use flowgate_app::Result;
use flowgate_outbound::Redeemed;

use crate::Runner;

/// What the vendor's page sent along.
pub enum Brought<'a> {
    Code(&'a str),
    /// Why there is no code, in the vendor's words.
    Nothing(&'a str),
}

/// How a login ended, with the name of its secret.
#[derive(Debug)]
pub enum Ended {
    LoggedIn(String),
    /// No login has begun with this state, or it has ended before.
    Unknown,
    /// With the reason.
    Refused(String, String),
    /// The secret was deleted or stored anew meanwhile, or somebody else has logged in.
    Replaced(String),
}

const MAX_REASON_CHARS: usize = 100;

impl Runner {
    pub async fn end_login(&self, state: &str, brought: Brought<'_>) -> Result<Ended> {
        let Some(returned) = self.app.returned_login(state).await? else {
            return Ok(Ended::Unknown);
        };
        let (name, begun) = (returned.name.clone(), &returned.begun);
        let code = match brought {
            Brought::Code(code) => code,
            Brought::Nothing(reason) => {
                return Ok(Ended::Refused(name, reason.chars().take(MAX_REASON_CHARS).collect()));
            }
        };
        let verifier = begun.verifier.as_deref();
        let redeemed = Redeemed { code, redirect_uri: &begun.redirect_uri, verifier };
        let credentials = match self.outbound.redeem(begun.credentials.clone(), &redeemed).await {
            Ok(credentials) => credentials,
            Err(error) => return Ok(Ended::Refused(name, error.message)),
        };
        if !self.app.end_login(&returned, &credentials).await? {
            return Ok(Ended::Replaced(name));
        }
        self.outbound.forget_secret(&name);
        Ok(Ended::LoggedIn(name))
    }
}
