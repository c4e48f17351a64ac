//! Generates `docs/connectors.md`.

use std::fmt::Write as _;

use super::kinds;
use crate::connector::{self, Auth, Connector, Effect, Operation};
use crate::kind::Kinds;

const HEAD: &str = "\
# Connectors

Generated from the code: `FLOWGATE_RENEW=1 cargo test -p flowgate-engine generated` rewrites it.

A connector is a vendor's steps as data: its hosts, its login, its errors and its operations. A node
runs an operation, `type: slack.send_message`; an [agent](kinds.md#agent) takes it as a tool:
`{ connector: slack.send_message, with: { channel: \"#news\" } }`. The model gives the fields that
`with` does not fix. `flowgate connectors` lists the operations, and explains one.

**Login.** `login` names the [secret](api.md#secrets) that an operation uses, `<CONNECTOR>_TOKEN`
unless it is given. It goes to the hosts of the connector alone, and only where the secret's own
`hosts` allow.

**Effect.** Each operation reads, writes or deletes. A write that is not safe to repeat goes out at
most once, unless the node says `at_most_once: false`. A model may call what deletes only where its
tool says `allow: delete`.

**Another address.** The secret `<CONNECTOR>_BASE_URL`, such as `GITHUB_BASE_URL`, replaces the
scheme and host of a connector's requests: for a server of one's own, a proxy, or a stand-in.

**One's own.** A document's section `connectors` has connectors in the form of the files in
`connectors/`. They stay as they are with the version. A shipped connector is that of the release
that runs; runs in flight keep the calls that they have made.
";

pub fn page(kinds: &Kinds) -> String {
    let mut page = HEAD.to_owned();
    let _ = writeln!(page, "\n| connector | |\n|---|---|");
    for Connector { name, summary, .. } in connector::shipped() {
        let _ = writeln!(page, "| [{name}](#{name}) | {summary} |");
    }
    for connector in connector::shipped() {
        introduce(&mut page, connector);
        for operation in &connector.operations {
            if let Some(kind) = kinds.find(&operation.full_name()) {
                kinds::section(&mut page, kind);
                let source = match operation.docs.as_str() {
                    "" => String::new(),
                    docs => format!(" [The vendor's page]({docs})."),
                };
                let _ = writeln!(page, "\n{}{source}", effect(operation));
            }
        }
    }
    page
}

fn introduce(page: &mut String, connector: &Connector) {
    let Connector { name, summary, hosts, auth, operations, .. } = connector;
    let hosts: Vec<String> = hosts.iter().map(|host| format!("`{host}`")).collect();
    let _ = writeln!(
        page,
        "\n# {name}\n\n{}.\n\nHosts: {}.",
        summary.trim_end_matches('.'),
        hosts.join(", ")
    );
    let logins: Vec<String> = auth.iter().filter_map(login).collect();
    if !logins.is_empty() {
        let _ = writeln!(page, "Login: {}.", logins.join("; or "));
    }
    let _ = writeln!(page, "\n| operation | effect | |\n|---|---|---|");
    for operation in operations {
        let (name, effect) = (operation.full_name(), operation.effect.name());
        let anchor = name.replace('.', "");
        let _ = writeln!(page, "| [`{name}`](#{anchor}) | {effect} | {} |", operation.summary);
    }
}

/// What the secret is, and how it is sent.
fn login(auth: &Auth) -> Option<String> {
    Some(match auth {
        Auth::None => return None,
        Auth::Bearer => "a token, sent as bearer".to_owned(),
        Auth::Basic => "`user:password`, sent as basic authentication".to_owned(),
        Auth::Headers(headers) => {
            let names: Vec<String> = headers.iter().map(|(name, _)| format!("`{name}`")).collect();
            format!("a key, sent in {}", names.join(" and "))
        }
        Auth::Url => "a part of the address, or the whole of it".to_owned(),
        Auth::OAuth2(_) => "a login by OAuth 2, which is renewed".to_owned(),
        Auth::JwtBearer { .. } => "a service account".to_owned(),
    })
}

fn effect(operation: &Operation) -> &'static str {
    match (operation.effect, operation.may_repeat()) {
        (Effect::Read, _) => "It reads.",
        (Effect::Write, true) => "It writes, and is safe to repeat.",
        (Effect::Write, false) => "It writes, and goes out at most once.",
        (Effect::Delete, true) => "It deletes, and is safe to repeat.",
        (Effect::Delete, false) => "It deletes, and goes out at most once.",
    }
}
