//! Provider secrets: authors write them, only `outbound` reads them.

use flowgate_core::key::Scope;
use flowgate_core::secret::{SecretHost, SecretInfo, SecretRecord, SecretRule, SecretWorkflows};

use crate::access::Caller;
use crate::error::{Error, Result, What};
use crate::platform::App;
use crate::workflows::is_workflow_id;

/// A secret that an author stores.
pub struct NewSecret {
    pub value: String,
    /// The hosts that it may be sent to. If empty: the host that the author's URL names.
    pub hosts: Vec<String>,
    pub workflows: SecretWorkflows,
}

impl App {
    pub async fn put_secret(&self, caller: &Caller, name: &str, secret: NewSecret) -> Result<()> {
        caller.require_platform(Scope::Author)?;
        check_name(name)?;
        let NewSecret { value, hosts, workflows } = secret;
        if value.is_empty() || value.len() > MAX_SECRET {
            return Err(Error::bad_field("/value", format!("must have 1 to {MAX_SECRET} bytes")));
        }
        let rule = SecretRule { hosts: parse_hosts(&hosts)?, workflows };
        check_workflows(&rule.workflows)?;
        self.ports.secrets.put(name, &SecretRecord { value, rule }, self.now()).await?;
        Ok(())
    }

    pub async fn list_secrets(&self, caller: &Caller) -> Result<Vec<SecretInfo>> {
        caller.require_platform(Scope::Author)?;
        Ok(self.ports.secrets.list().await?)
    }

    pub async fn delete_secret(&self, caller: &Caller, name: &str) -> Result<()> {
        caller.require_platform(Scope::Author)?;
        let known = self.ports.secrets.delete(name).await?;
        if known { Ok(()) } else { Err(Error::NotFound(What::Secret)) }
    }
}

const MAX_SECRET: usize = 16 * 1024;

const MAX_HOSTS: usize = 50;
const MAX_WORKFLOWS: usize = 1_000;

fn parse_hosts(hosts: &[String]) -> Result<Vec<SecretHost>> {
    if hosts.len() > MAX_HOSTS {
        return Err(Error::bad_field("/hosts", format!("must have at most {MAX_HOSTS} hosts")));
    }
    let parse = |(index, host): (usize, &String)| {
        SecretHost::parse(host).ok_or_else(|| {
            Error::bad_field(
                format!("/hosts/{index}"),
                "must be a host such as api.example.com, localhost:8080 or *.example.com",
            )
        })
    };
    hosts.iter().enumerate().map(parse).collect()
}

fn check_workflows(workflows: &SecretWorkflows) -> Result<()> {
    let SecretWorkflows::Only(ids) = workflows else { return Ok(()) };
    if ids.is_empty() || ids.len() > MAX_WORKFLOWS || !ids.iter().all(|id| is_workflow_id(id)) {
        let message = format!("must be \"*\" or 1 to {MAX_WORKFLOWS} ids of workflows");
        return Err(Error::bad_field("/workflows", message));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<()> {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let good = first
        && name.len() <= 128
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if good {
        Ok(())
    } else {
        Err(Error::bad_field("/name", "must be letters, digits and _, and not begin with a digit"))
    }
}
