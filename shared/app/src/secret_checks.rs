//! What a secret may be called, where it may go, and who may use it.

use flowgate_core::secret::{SecretHost, SecretRule, SecretWorkflows};
use url::Url;

use crate::error::{Error, Result};
use crate::workflows::is_workflow_id;

const MAX_HOSTS: usize = 50;
const MAX_WORKFLOWS: usize = 1_000;
const MAX_URL: usize = 4 * 1024;

pub(crate) fn rule_of(hosts: &[String], workflows: SecretWorkflows) -> Result<SecretRule> {
    let rule = SecretRule { hosts: parse_hosts(hosts)?, workflows };
    check_workflows(&rule.workflows)?;
    Ok(rule)
}

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

pub(crate) fn check_name(name: &str) -> Result<()> {
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

/// Whether an address may be called is decided when it is: here, that it is one.
pub(crate) fn check_url(field: &str, text: &str) -> Result<Url> {
    let url = Url::parse(text).ok().filter(|url| {
        let is_web = matches!(url.scheme(), "https" | "http") && url.host_str().is_some();
        is_web && url.username().is_empty() && url.password().is_none() && text.len() <= MAX_URL
    });
    url.ok_or_else(|| Error::bad_field(format!("/{field}"), "must be an https URL"))
}

pub(crate) fn check_text(field: &str, text: &str, most: usize) -> Result<()> {
    if text.is_empty() || text.len() > most || text.contains(['\0', '\r']) {
        return Err(Error::bad_field(format!("/{field}"), format!("must have 1 to {most} bytes")));
    }
    Ok(())
}
