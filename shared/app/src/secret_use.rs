//! Explains at publish which secrets a document may not use. What goes out obeys the same rules:
//! this only says so earlier.

use std::collections::HashMap;

use flowgate_core::key::WorkflowScope;
use flowgate_core::secret::{HostVerdict, Publisher, SecretInfo, SecretRule, SecretUser};
use flowgate_engine::document::Document;
use flowgate_engine::provider;
use flowgate_engine::url::Host;
use flowgate_engine::workflow::SecretUse;
use flowgate_engine::{Problem, Severity, Workflow};

use crate::access::Caller;
use crate::error::Result;
use crate::platform::App;

impl Caller {
    /// Returns as whom the caller publishes.
    pub fn publisher(&self) -> Publisher {
        match self {
            Self::Key(key) if key.workflows != WorkflowScope::All => Publisher::Workflow,
            _ => Publisher::Platform,
        }
    }
}

impl App {
    pub(crate) async fn secret_problems(
        &self,
        document: &Document,
        workflow: &Workflow,
        user: &SecretUser,
    ) -> Result<Vec<Problem>> {
        if workflow.secret_uses().is_empty() {
            return Ok(Vec::new());
        }
        let stored = self.seen_secrets().await?;
        let stored: HashMap<&str, &SecretInfo> =
            stored.iter().map(|secret| (secret.info.name.as_str(), &secret.info)).collect();
        let uses = workflow.secret_uses().iter();
        Ok(uses
            .filter_map(|used| {
                let (severity, message) = problem(used, &stored, user)?;
                Some(document.problem(severity, &used.path, message))
            })
            .collect())
    }
}

/// Only what is certain before anything is filled in is an error.
fn problem(
    used: &SecretUse,
    stored: &HashMap<&str, &SecretInfo>,
    user: &SecretUser,
) -> Option<(Severity, String)> {
    let SecretUse { name, host, is_implicit, .. } = used;
    let info = stored.get(name.as_str());
    if info.is_some_and(|secret| !secret.rule.allows_workflow(user)) {
        let message = format!(
            "this workflow may not use the secret {name}: name it in the secret's `workflows`, or \
             publish with a key for all workflows"
        );
        return Some((Severity::Error, message));
    }
    let unknown = SecretRule::default();
    let rule = info.map_or(&unknown, |secret| &secret.rule);
    let message = match rule.verdict(host) {
        HostVerdict::Elsewhere => format!("the secret {name} may not be sent to this host"),
        // A key that is not stored may not be needed.
        HostVerdict::Referenced if *is_implicit && info.is_none() => return None,
        HostVerdict::Referenced => format!(
            "a reference decides the host that the secret {name} is sent to: name the secret's \
             `hosts`, or write the host"
        ),
        HostVerdict::Open if *is_implicit && rule.hosts.is_empty() && info.is_some() => {
            return own_key_warning(name, host, stored);
        }
        HostVerdict::Open if info.is_none() => return missing_warning(used),
        HostVerdict::Open => return None,
    };
    Some((Severity::Error, message))
}

/// Warns of a secret that is not stored: it may be stored before the first run.
fn missing_warning(used: &SecretUse) -> Option<(Severity, String)> {
    let name = &used.name;
    if used.is_implicit && provider::may_lack(name) {
        return None;
    }
    let message = format!("there is no secret {name} yet: a call that needs it fails");
    Some((Severity::Warning, message))
}

/// Warns of a provider's own key where the author wrote an address: it may be another's.
fn own_key_warning(
    name: &str,
    host: &Host,
    stored: &HashMap<&str, &SecretInfo>,
) -> Option<(Severity, String)> {
    let address = format!("{}BASE_URL", name.strip_suffix("API_KEY")?);
    if stored.contains_key(address.as_str())
        || !stored.contains_key(name)
        || !matches!(host, Host::Written(_))
    {
        return None;
    }
    let message = format!(
        "the secret {name} goes to its provider's own address alone: for another, name the \
         secret's `hosts`, or write `api_key: \"{{{{{name}}}}}\"`"
    );
    Some((Severity::Warning, message))
}
