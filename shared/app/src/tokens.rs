//! Makes short-lived tokens, for browsers: for one workflow or one run, with no more rights than
//! the key that makes them.

use std::collections::BTreeSet;
use std::time::Duration;

use flowgate_core::id::RunId;
use flowgate_core::key::Scope;
use flowgate_core::time::Timestamp;
use secrecy::SecretString;

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;
use crate::signed_token::Claims;

pub const MAX_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The properties of a new token.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    pub subject: TokenSubject,
    /// `None`: what a page needs of the subject, as far as the key has it.
    pub scopes: Option<BTreeSet<Scope>>,
    pub lifetime: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSubject {
    Workflow(String),
    Run(String),
}

/// A new token, shown only once.
#[derive(Debug)]
pub struct IssuedToken {
    pub token: SecretString,
    pub workflow_id: String,
    pub run: Option<RunId>,
    pub scopes: BTreeSet<Scope>,
    pub expires_at: Timestamp,
}

impl App {
    pub async fn create_token(
        &self,
        caller: &Caller,
        request: TokenRequest,
    ) -> Result<IssuedToken> {
        // A token would outlive itself by making others.
        if matches!(caller, Caller::Token(_)) {
            return Err(Error::Forbidden(Scope::Admin));
        }
        check_request(&request)?;
        let for_run = matches!(request.subject, TokenSubject::Run(_));
        let scopes = match request.scopes {
            Some(scopes) => scopes,
            None => default_scopes(caller, for_run)?,
        };
        for scope in &scopes {
            caller.require_scope(*scope)?;
        }
        let (workflow_id, run) = self.token_subject(caller, request.subject).await?;
        let expires_at = self.now() + request.lifetime;
        let claims = Claims {
            key: caller.key_id().map(str::to_owned),
            pepper: self.keyring().await?.pepper()?.0,
            workflow: workflow_id.clone(),
            run: run.clone(),
            scopes: scopes.clone(),
            expires_at,
        };
        let token = self.sign_token(&claims).await?.into();
        Ok(IssuedToken { token, workflow_id, run, scopes, expires_at })
    }

    async fn token_subject(
        &self,
        caller: &Caller,
        subject: TokenSubject,
    ) -> Result<(String, Option<RunId>)> {
        match subject {
            TokenSubject::Workflow(id) => {
                caller.require_known(&id, What::Workflow)?;
                self.cached_workflow(&id).await?;
                Ok((id, None))
            }
            TokenSubject::Run(id) => {
                let unknown = || Error::NotFound(What::Run);
                let run = RunId::parse(&id).ok_or_else(unknown)?;
                let record = self.ports.runs.read(&run).await?.ok_or_else(unknown)?;
                caller.require_known(&record.head.workflow_id, What::Run)?;
                Ok((record.head.workflow_id.clone(), Some(run)))
            }
        }
    }
}

fn default_scopes(caller: &Caller, for_run: bool) -> Result<BTreeSet<Scope>> {
    let wanted: &[Scope] = if for_run { &[Scope::Read] } else { &[Scope::Run, Scope::Read] };
    let has = |scope: &&Scope| caller.require_scope(**scope).is_ok();
    let scopes: BTreeSet<Scope> = wanted.iter().filter(has).copied().collect();
    if scopes.is_empty() { Err(Error::Forbidden(Scope::Read)) } else { Ok(scopes) }
}

fn check_request(request: &TokenRequest) -> Result<()> {
    let for_run = matches!(request.subject, TokenSubject::Run(_));
    let not_allowed = |scope: &Scope| match scope {
        Scope::Author | Scope::Admin => Some("a token cannot have author or admin"),
        Scope::Run if for_run => Some("a token for a run cannot start runs"),
        _ => None,
    };
    let scopes = request.scopes.as_ref();
    if scopes.is_some_and(BTreeSet::is_empty) {
        return Err(Error::bad_field("/scopes", "must name at least one scope"));
    }
    if let Some(message) = scopes.into_iter().flatten().find_map(not_allowed) {
        return Err(Error::bad_field("/scopes", format!("is not possible: {message}")));
    }
    if request.lifetime.is_zero() || request.lifetime > MAX_LIFETIME {
        let message = format!("must be 1 to {}", MAX_LIFETIME.as_secs());
        return Err(Error::bad_field("/expires_in_seconds", message));
    }
    Ok(())
}
