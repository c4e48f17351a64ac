//! The file of a connector: its hosts, logins, settings and errors.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::operation::{self, Operation};
use super::read::{Names, Reader, at, given, is_word};
use super::template::{Part, Template, parts};
use crate::call::{AnswerRule, AnswerRules, Expired, RULE_NAMES, Said};
use crate::expr::reference::{Piece, scan};
use crate::field::{FieldSpec, FieldType};
use crate::header;
use crate::pattern;

/// The fields of a file, and of an entry in a document's section `connectors`.
pub(crate) const FIELDS: &[FieldSpec] = &[
    FieldSpec::new("connector", FieldType::Words, "its name: lower-case letters, digits and `_`")
        .required(),
    FieldSpec::new("summary", FieldType::Words, "what it reaches, in one line"),
    FieldSpec::new("docs", FieldType::Words, "the address of the vendor's documentation"),
    FieldSpec::new("hosts", FieldType::List, "the only hosts that its requests may go to")
        .required(),
    FieldSpec::new("base", FieldType::Words, "the address that paths are appended to"),
    FieldSpec::new("settings", FieldType::Object, "parts of the address: name to `{ pattern }`"),
    FieldSpec::new("auth", FieldType::Any, "how the login is sent: `{ type: bearer }`"),
    FieldSpec::new("headers", FieldType::Object, "sent with every request"),
    FieldSpec::new("errors", FieldType::List, "rules: `[{ when, code, message, retry }]`"),
    FieldSpec::new("operations", FieldType::Object, "name to operation").required(),
];
const MAX_OPERATIONS: usize = 100;
const MAX_HOSTS: usize = 20;

#[derive(Debug)]
pub struct Connector {
    pub name: String,
    pub summary: String,
    /// The vendor's documentation; may be empty.
    pub docs: String,
    /// Hosts as written: a part may be a setting.
    pub hosts: Vec<String>,
    pub settings: Vec<Setting>,
    /// The ways in which a login may be given; the first one says how it is sent.
    pub auth: Vec<Auth>,
    pub operations: Vec<Arc<Operation>>,
}

/// A part of the vendor's address that the author writes into each node: never a reference.
#[derive(Debug, Clone)]
pub struct Setting {
    pub name: String,
    /// A regular expression for the whole value.
    pub pattern: String,
    pub help: String,
}

/// How a login is given, and how it is sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Auth {
    None,
    Bearer,
    /// The secret is `user:password`.
    Basic,
    /// Name and value; `<login>` in the value stands for the secret.
    Headers(Vec<(String, String)>),
    /// `<login>` stands in addresses: the secret is a part of them, or one as a whole.
    Url,
    /// Sent as bearer, and renewed.
    OAuth2(OAuth2),
    /// Google's service accounts. Sent as bearer.
    JwtBearer {
        token_url: String,
        scopes: Vec<String>,
    },
}

/// How a login by OAuth 2 is made and renewed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OAuth2 {
    pub authorize_url: String,
    pub token_url: String,
    pub scopes: Vec<String>,
    /// More parameters of the address that people are sent to.
    pub authorize_params: Vec<(String, String)>,
    /// The login is proved with a challenge (PKCE).
    pub pkce: bool,
    /// Each renewal gives a new refresh token, and the old one is dead.
    pub rotates: bool,
    /// The client's id and secret go into the body; otherwise as basic.
    pub client_in_body: bool,
    /// The request is JSON; otherwise a form.
    pub is_json: bool,
    /// By which answers the login has expired, beside the status 401.
    pub expired: Option<Expired>,
}

/// Whose file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A release brings it, and the next one may change it.
    Shipped,
    /// It is a part of the document, and stays as it is with the version.
    Document,
}

/// What all operations of a file have in common.
pub(super) struct Common {
    pub(super) connector: String,
    pub(super) origin: Origin,
    pub(super) docs: String,
    pub(super) base: Vec<Part>,
    pub(super) hosts: Vec<Vec<Part>>,
    pub(super) settings: Vec<Setting>,
    pub(super) auth: Auth,
    pub(super) headers: Option<Arc<Template>>,
    pub(super) rules: Option<AnswerRules>,
    pub(super) expired: Option<Expired>,
}

pub(super) fn read(
    reader: &mut Reader,
    root: &Map<String, Value>,
    path: &str,
    origin: Origin,
) -> Option<Connector> {
    let known: Vec<&str> = FIELDS.iter().map(|field| &*field.name).collect();
    reader.known(root, path, &known);
    let name = reader.needed(root, path, "connector").to_owned();
    if !name.is_empty() && !is_word(&name) {
        let rule = "`connector` has lower-case letters, digits and `_`, at most 40";
        reader.error(&at(path, "connector"), rule);
    }
    let summary = reader.text(root, path, "summary").unwrap_or_default().to_owned();
    let docs = read_docs(reader, root, path);
    let settings = read_settings(reader, root, path);
    let names = settings_names(&settings);
    let hosts = read_hosts(reader, root, path, &names);
    let auth = read_auths(reader, root, path);
    let first = auth.first().cloned().unwrap_or(Auth::None);
    check_same(reader, &auth, &first, path);
    let expired = auth.iter().find_map(|auth| match auth {
        Auth::OAuth2(oauth) => oauth.expired.clone(),
        _ => None,
    });
    let base = reader.text(root, path, "base").unwrap_or_default();
    let is_url = first == Auth::Url;
    let common = Common {
        connector: name.clone(),
        origin,
        docs: docs.clone(),
        base: parts(reader, base, &at(path, "base"), &names, is_url),
        hosts: hosts.iter().map(|host| parts(reader, host, path, &names, false)).collect(),
        headers: read_headers(reader, root, path, &names).map(Arc::new),
        rules: read_rules(reader, root, path),
        expired,
        auth: first,
        settings,
    };
    let operations = read_operations(reader, root, path, &common);
    let settings = common.settings;
    Some(Connector { name, summary, docs, hosts, settings, auth, operations })
}

/// Reads the address of a page of the vendor's documentation.
pub(super) fn read_docs(reader: &mut Reader, root: &Map<String, Value>, path: &str) -> String {
    let docs = reader.text(root, path, "docs").unwrap_or_default();
    if !docs.is_empty() && !docs.starts_with("https://") {
        reader.error(&at(path, "docs"), "`docs` begins with https://");
    }
    docs.to_owned()
}

/// Settings are the only references in a host and a base.
fn settings_names(settings: &[Setting]) -> Names {
    let fields = settings.iter().map(|setting| setting.name.clone()).collect::<BTreeSet<_>>();
    Names { fields: Some(fields), ..Names::default() }
}

fn read_settings(reader: &mut Reader, root: &Map<String, Value>, path: &str) -> Vec<Setting> {
    let Some(written) = reader.object(root, path, "settings") else { return Vec::new() };
    let path = at(path, "settings");
    let mut settings = Vec::new();
    for (name, setting) in written {
        let path = at(&path, name);
        let Value::Object(setting) = setting else {
            reader.error(&path, "a setting is an object with `pattern`");
            continue;
        };
        reader.known(setting, &path, &["pattern", "help"]);
        let written = reader.needed(setting, &path, "pattern");
        let pattern = format!("^(?:{})$", written.trim_start_matches('^').trim_end_matches('$'));
        if let Err(message) = pattern::states(&pattern) {
            reader.error(&at(&path, "pattern"), message);
        }
        let help = reader.text(setting, &path, "help").unwrap_or_default().to_owned();
        settings.push(Setting { name: name.clone(), pattern, help });
    }
    settings
}

fn read_hosts(
    reader: &mut Reader,
    root: &Map<String, Value>,
    path: &str,
    names: &Names,
) -> Vec<String> {
    let written = reader.list(root, path, "hosts").to_vec();
    if written.is_empty() || written.len() > MAX_HOSTS {
        reader.error(path, format!("`hosts` names 1 to {MAX_HOSTS} hosts"));
    }
    let path = at(path, "hosts");
    let mut hosts = Vec::new();
    for (index, host) in written.iter().enumerate() {
        let path = format!("{path}/{index}");
        let host = host.as_str().unwrap_or_default();
        let plain: String = scan(host)
            .into_iter()
            .map(|piece| if let Piece::Text(text) = piece { text } else { "x" })
            .collect();
        let is_of_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
        if plain.is_empty() || !plain.bytes().all(is_of_host) {
            reader.error(&path, "a host is a name such as `api.example.com`");
            continue;
        }
        parts(reader, host, &path, names, false);
        hosts.push(host.to_ascii_lowercase());
    }
    hosts
}

fn read_headers(
    reader: &mut Reader,
    root: &Map<String, Value>,
    path: &str,
    names: &Names,
) -> Option<Template> {
    let headers = reader.object(root, path, "headers")?;
    let path = at(path, "headers");
    check_headers(reader, headers, &path);
    Some(Template::read(reader, &Value::Object(headers.clone()), &path, names))
}

pub(super) fn check_headers(reader: &mut Reader, headers: &Map<String, Value>, path: &str) {
    for name in headers.keys().filter(|name| !name.starts_with(['$', '.'])) {
        if !header::is_name(name) || header::is_forbidden(name) {
            reader.error(&at(path, name), format!("the header `{name}` may not be set"));
        }
    }
}

fn read_auths(reader: &mut Reader, root: &Map<String, Value>, path: &str) -> Vec<Auth> {
    let path_of = at(path, "auth");
    match given(root, "auth") {
        None => Vec::new(),
        Some(Value::Array(list)) => {
            let list = list.iter().enumerate();
            let read = |(index, auth)| read_auth(reader, auth, &format!("{path_of}/{index}"));
            list.filter_map(read).collect()
        }
        Some(one) => read_auth(reader, one, &path_of).into_iter().collect(),
    }
}

const TYPES: [&str; 9] =
    ["none", "bearer", "basic", "header", "headers", "url", "path", "oauth2", "jwt_bearer"];

/// Reads `none`, or an object with a `type`.
pub(super) fn read_auth(reader: &mut Reader, value: &Value, path: &str) -> Option<Auth> {
    if value == "none" {
        return Some(Auth::None);
    }
    let Value::Object(auth) = value else {
        reader.error(path, "`auth` is `none`, or an object with a `type`");
        return None;
    };
    if given(auth, "type").is_none() {
        reader.error(path, format!("`type` is missing; it is one of {}", TYPES.join(", ")));
    }
    Some(match reader.one_of(auth, path, ("type", &TYPES))? {
        "bearer" => {
            reader.known(auth, path, &["type"]);
            Auth::Bearer
        }
        "basic" => {
            reader.known(auth, path, &["type"]);
            Auth::Basic
        }
        "header" => {
            reader.known(auth, path, &["type", "name", "value"]);
            let name = reader.needed(auth, path, "name").to_owned();
            let value = reader.text(auth, path, "value").unwrap_or("<login>").to_owned();
            Auth::Headers(check_login(reader, vec![(name, value)], path))
        }
        "headers" => {
            reader.known(auth, path, &["type", "headers"]);
            let headers = reader.object(auth, path, "headers").cloned().unwrap_or_default();
            let text = |(name, value): (&String, &Value)| {
                (name.clone(), value.as_str().unwrap_or_default().to_owned())
            };
            Auth::Headers(check_login(reader, headers.iter().map(text).collect(), path))
        }
        "url" | "path" => {
            reader.known(auth, path, &["type"]);
            Auth::Url
        }
        "oauth2" => Auth::OAuth2(read_oauth(reader, auth, path)),
        "jwt_bearer" => {
            reader.known(auth, path, &["type", "token_url", "scopes"]);
            let token_url = reader.needed(auth, path, "token_url").to_owned();
            Auth::JwtBearer { token_url, scopes: texts(reader, auth, path, "scopes") }
        }
        _ => Auth::None,
    })
}

fn check_login(
    reader: &mut Reader,
    headers: Vec<(String, String)>,
    path: &str,
) -> Vec<(String, String)> {
    for (name, value) in &headers {
        if !header::is_name(name) || header::is_forbidden(name) {
            reader.error(path, format!("the header `{name}` may not be set"));
        }
        parts(reader, value, path, &Names::default(), true);
    }
    if !headers.iter().any(|(_, value)| value.contains("<login>")) {
        reader.error(path, "one of the headers holds <login>");
    }
    headers
}

fn read_oauth(reader: &mut Reader, auth: &Map<String, Value>, path: &str) -> OAuth2 {
    const KNOWN: [&str; 10] = [
        "type",
        "authorize_url",
        "token_url",
        "scopes",
        "authorize_params",
        "pkce",
        "rotates",
        "client",
        "body",
        "expired",
    ];
    reader.known(auth, path, &KNOWN);
    let params = reader.object(auth, path, "authorize_params").cloned().unwrap_or_default();
    let text = |(name, value): (&String, &Value)| {
        (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    };
    let expired = reader.text(auth, path, "expired");
    let expired = expired.and_then(|rule| reader.rule(rule, &at(path, "expired"), &RULE_NAMES));
    OAuth2 {
        authorize_url: reader.text(auth, path, "authorize_url").unwrap_or_default().to_owned(),
        token_url: reader.needed(auth, path, "token_url").to_owned(),
        scopes: texts(reader, auth, path, "scopes"),
        authorize_params: params.iter().map(text).collect(),
        pkce: reader.boolean(auth, path, "pkce").unwrap_or(false),
        rotates: reader.boolean(auth, path, "rotates").unwrap_or(false),
        client_in_body: reader.one_of(auth, path, ("client", &["body", "basic"])) != Some("basic"),
        is_json: reader.one_of(auth, path, ("body", &["form", "json"])) == Some("json"),
        expired: expired.map(|rule| Expired(Arc::new(rule))),
    }
}

fn texts(reader: &mut Reader, object: &Map<String, Value>, path: &str, name: &str) -> Vec<String> {
    let items = reader.list(object, path, name).to_vec();
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Auth {
    /// Whether two ways send the login alike.
    fn is_sent_as(&self, other: &Self) -> bool {
        let is_bearer =
            |auth: &Self| matches!(auth, Self::Bearer | Self::OAuth2(_) | Self::JwtBearer { .. });
        self == other || (is_bearer(self) && is_bearer(other))
    }
}

fn check_same(reader: &mut Reader, auths: &[Auth], first: &Auth, path: &str) {
    for (index, auth) in auths.iter().enumerate().skip(1) {
        if !auth.is_sent_as(first) {
            let message = "all ways of `auth` send the login alike: an operation may have its own";
            reader.error(&format!("{}/{index}", at(path, "auth")), message);
        }
    }
}

fn read_rules(reader: &mut Reader, root: &Map<String, Value>, path: &str) -> Option<AnswerRules> {
    let written = reader.list(root, path, "errors").to_vec();
    let path = at(path, "errors");
    let mut rules = Vec::new();
    for (index, rule) in written.iter().enumerate() {
        let path = format!("{path}/{index}");
        let Value::Object(rule) = rule else {
            reader.error(&path, "a rule is an object with `when` and `code`");
            continue;
        };
        rules.extend(read_rule(reader, rule, &path));
    }
    (!rules.is_empty()).then(|| AnswerRules(rules.into()))
}

fn read_rule(reader: &mut Reader, rule: &Map<String, Value>, path: &str) -> Option<AnswerRule> {
    const KNOWN: [&str; 6] = ["when", "code", "message", "retry", "retry_after", "retry_at"];
    reader.known(rule, path, &KNOWN);
    let when = reader.needed(rule, path, "when");
    let when = reader.rule(when, &at(path, "when"), &RULE_NAMES)?;
    if given(rule, "code").is_none() {
        reader.error(path, "`code` is missing");
    }
    let retry = match given(rule, "retry") {
        Some(Value::String(text)) => {
            reader.rule(text, &at(path, "retry"), &RULE_NAMES).map(Said::Read)
        }
        Some(other) => Some(Said::Literal(other.clone())),
        None => None,
    };
    Some(AnswerRule {
        when,
        code: said(reader, rule, path, "code").unwrap_or(Said::Literal("vendor_error".into())),
        message: said(reader, rule, path, "message"),
        retry: retry.unwrap_or(Said::Literal(false.into())),
        retry_after: said(reader, rule, path, "retry_after"),
        retry_at: said(reader, rule, path, "retry_at"),
    })
}

/// A literal; or where the answer says it: `<body.error>`, one reference alone.
fn said(reader: &mut Reader, rule: &Map<String, Value>, path: &str, name: &str) -> Option<Said> {
    let value = given(rule, name)?;
    let Some(text) = value.as_str() else { return Some(Said::Literal(value.clone())) };
    let inner = text.strip_prefix('<').and_then(|text| text.strip_suffix('>'));
    match inner {
        Some(inner) => reader.rule(&as_cel(inner), &at(path, name), &RULE_NAMES).map(Said::Read),
        None if text.starts_with('=') => {
            reader.rule(&text[1..], &at(path, name), &RULE_NAMES).map(Said::Read)
        }
        None => Some(Said::Literal(value.clone())),
    }
}

/// A path of a reference as CEL: `headers.retry-after` is `headers["retry-after"]`.
fn as_cel(path: &str) -> String {
    let mut steps = path.split('.');
    let mut cel = steps.next().unwrap_or_default().to_owned();
    for step in steps {
        match step.contains('-') {
            true => cel.push_str(&format!("[\"{step}\"]")),
            false => cel.push_str(&format!(".{step}")),
        }
    }
    cel
}

fn read_operations(
    reader: &mut Reader,
    root: &Map<String, Value>,
    path: &str,
    common: &Common,
) -> Vec<Arc<Operation>> {
    let Some(written) = reader.object(root, path, "operations") else {
        reader.error(path, "`operations` is missing");
        return Vec::new();
    };
    let path = at(path, "operations");
    if written.is_empty() || written.len() > MAX_OPERATIONS {
        reader.error(&path, format!("a connector has 1 to {MAX_OPERATIONS} operations"));
    }
    let mut operations = Vec::new();
    for (name, operation) in written.iter().take(MAX_OPERATIONS) {
        let path = at(&path, name);
        match operation {
            Value::Object(operation) => {
                let read = operation::read(reader, (name, operation), &path, common);
                operations.extend(read.map(Arc::new));
            }
            _ => reader.error(&path, "an operation is an object with `fields` and `request`"),
        }
    }
    operations
}
