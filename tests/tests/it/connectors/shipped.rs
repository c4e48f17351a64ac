//! Plays the tries of the shipped files over real HTTP: a server at `<CONNECTOR>_BASE_URL` gives
//! the canned answers, and refuses what a try does not name.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_engine::document::Document;
use flowgate_tests::receiver::{Received, Receiver, Reply};
use flowgate_tests::server::{ADMIN_KEY, TestServer};
use reqwest::Url;
use serde_json::{Map, Value, json};

use super::written::{
    decoded, files_in, form, pairs_of, replaced, text_of, with_file, without_files, without_hashes,
};

const TOKEN: &str = "t0ken-0123456789abcdef";
/// Headers of every request.
const USUAL: [&str; 8] = [
    "host",
    "user-agent",
    "accept",
    "accept-encoding",
    "content-type",
    "content-length",
    "transfer-encoding",
    "flowgate-hops",
];

/// What the server plays.
#[derive(Default)]
struct Script {
    calls: Vec<Value>,
    /// Beside the method, what the ids that an operation makes change is not compared.
    makes_ids: bool,
    made: usize,
    faults: Vec<String>,
}

struct Stage {
    server: TestServer,
    receiver: Receiver,
    script: Arc<Mutex<Script>>,
    /// The files of tries, by name of the input, and as they are stored.
    files: BTreeMap<String, (Value, Value)>,
}

impl Stage {
    async fn set() -> Self {
        let script: Arc<Mutex<Script>> = Arc::default();
        let played = Arc::clone(&script);
        let receiver = Receiver::start(move |request, _| played.lock().unwrap().answer(request));
        let (server, receiver) = (TestServer::start().await, receiver.await);
        Self { server, receiver, script, files: BTreeMap::new() }
    }

    async fn play_file(&mut self, connector: &Value) -> Vec<String> {
        let name = connector["connector"].as_str().unwrap();
        let base = format!("{}_BASE_URL", name.to_ascii_uppercase());
        super::set_secret(&self.server.client, &self.server.url, &base, &self.receiver.url).await;
        let mut found = Vec::new();
        for (operation, spec) in connector["operations"].as_object().unwrap() {
            let tries = match &spec["try"] {
                Value::Array(tries) => tries.clone(),
                one => vec![one.clone()],
            };
            for (at, tried) in tries.iter().enumerate() {
                let kind = format!("{name}.{operation}");
                let makes_ids = spec.to_string().contains("\"$key\"");
                let faults = self.play(connector, (&kind, spec), tried, makes_ids).await;
                found.extend(faults.into_iter().map(|it| format!("{kind}: try {at}: {it}")));
            }
        }
        found
    }

    async fn play(
        &mut self,
        connector: &Value,
        (kind, spec): (&str, &Value),
        tried: &Value,
        makes_ids: bool,
    ) -> Vec<String> {
        let with = tried["with"].as_object().cloned().unwrap_or_default();
        let default = format!("{}_TOKEN", kind.split('.').next().unwrap().to_ascii_uppercase());
        let login = with.get("login").and_then(Value::as_str).unwrap_or(&default).to_owned();
        let tried = self.moved(connector, &with, tried).await;
        let token = login_value(connector, &login, spec, &self.receiver.url);
        super::set_secret(&self.server.client, &self.server.url, &login, &token).await;
        let mut tried = replaced(&tried, &format!("{{{{{login}}}}}"), &token);
        for call in tried["calls"].as_array_mut().into_iter().flatten() {
            call["token"] = token.clone().into();
            call["origin"] = self.receiver.url.clone().into();
        }
        let calls = tried["calls"].as_array().cloned().unwrap_or_default();
        *self.script.lock().unwrap() =
            Script { calls: calls.clone(), makes_ids, ..Script::default() };
        let mut node = json!({ "id": "step", "type": kind });
        node.as_object_mut()
            .unwrap()
            .extend(tried["with"].as_object().cloned().unwrap_or_default());
        let (id, document) = (kind.replace('.', "-"), json!({ "nodes": [node] }).to_string());
        if let Err(problem) = self.publish(&id, &document).await {
            // What is refused where it is written needs no call.
            return if calls.is_empty() { Vec::new() } else { vec![problem] };
        }
        let run = super::run(&self.server, &id, self.input()).await;
        let script = std::mem::take(&mut *self.script.lock().unwrap());
        let mut faults = script.faults;
        if script.made != calls.len() {
            faults.push(format!("{} of {} calls were made", script.made, calls.len()));
        }
        let leaves = tried.get("leaves").filter(|_| !makes_ids);
        match tried["fails"].as_str() {
            Some(code) if run["error"]["code"] == code => {}
            None if run["status"] == "succeeded" => {
                let output = without_files(&self.here(connector, &with, &run["output"]));
                if leaves.is_some_and(|leaves| without_files(leaves) != output) {
                    faults.push(format!("it left {output}"));
                }
            }
            _ => faults.push(format!("it ended otherwise: {run}")),
        }
        faults
    }

    async fn publish(&self, id: &str, document: &str) -> Result<(), String> {
        let url = &self.server.url;
        let put = self.server.client.put(format!("{url}/v1/workflows/{id}"));
        let put = put.bearer_auth(ADMIN_KEY).header("content-type", "application/json");
        let saved = put.body(document.to_owned()).send().await.unwrap();
        let saved: Value = saved.json().await.unwrap();
        let publish = self.server.post(&format!("/v1/workflows/{id}/versions"), ADMIN_KEY);
        let published = publish.json(&json!({})).send().await.unwrap();
        if !published.status().is_success() {
            return Err(format!("it was not published: {saved}"));
        }
        self.server.settle().await;
        Ok(())
    }

    /// The try with the vendor's hosts as the receiver's, and files that are stored.
    async fn moved(
        &mut self,
        connector: &Value,
        with: &Map<String, Value>,
        tried: &Value,
    ) -> Value {
        let mut moved = tried.clone();
        for field in ["calls", "leaves"] {
            if let Some(value) = moved.get_mut(field) {
                *value = self.here(connector, with, value);
            }
        }
        let mut files = Vec::new();
        files_in(&moved["with"], &mut files);
        for file in files {
            let known = self.files.iter().find(|(_, (known, _))| *known == file);
            let name =
                known.map_or_else(|| format!("f{}", self.files.len()), |(name, _)| name.clone());
            if !self.files.contains_key(&name) {
                let stored = self.stored(&file).await;
                self.files.insert(name.clone(), (file.clone(), stored));
            }
            moved = with_file(&moved, &file, &name);
        }
        moved
    }

    /// Puts the receiver in the place of the vendor's hosts.
    fn here(&self, connector: &Value, with: &Map<String, Value>, value: &Value) -> Value {
        let mut value = value.clone();
        for host in connector["hosts"].as_array().unwrap() {
            let mut host = host.as_str().unwrap().to_owned();
            for setting in connector["settings"].as_object().into_iter().flat_map(Map::keys) {
                let given = with.get(setting).and_then(Value::as_str).unwrap_or_default();
                host = host.replace(&format!("<in.{setting}>"), given);
            }
            value = replaced(&value, &format!("https://{host}"), &self.receiver.url);
        }
        value
    }

    fn input(&self) -> Value {
        let stored = self.files.iter().map(|(name, (_, stored))| (name.clone(), stored.clone()));
        stored.collect::<Map<_, _>>().into()
    }

    async fn stored(&self, file: &Value) -> Value {
        let (name, media_type) = (file["name"].as_str().unwrap(), file["type"].as_str().unwrap());
        let size = usize::try_from(file["size"].as_u64().unwrap()).unwrap();
        let mut path = Url::parse("http://x.example/v1/files").unwrap();
        path.query_pairs_mut().append_pair("name", name);
        let path = format!("{}?{}", path.path(), path.query().unwrap_or_default());
        let sent = self.server.post(&path, ADMIN_KEY);
        let sent = sent.header("content-type", media_type).body(content(size));
        let answer = sent.send().await.unwrap();
        assert_eq!(answer.status(), 201);
        answer.json().await.unwrap()
    }
}

fn content(size: usize) -> Vec<u8> {
    b"hello".iter().copied().cycle().take(size).collect()
}

/// Basic logins are `user:password`; some vendors' secret is an address.
fn login_value(connector: &Value, login: &str, spec: &Value, here: &str) -> String {
    let is_address = spec["try"].to_string().contains(&format!("\"{{{{{login}}}}}"));
    match () {
        () if is_address => format!("{here}/hook/{TOKEN}"),
        () if connector["auth"].to_string().contains("\"basic\"") => format!("user:{TOKEN}"),
        () => TOKEN.to_owned(),
    }
}

impl Script {
    /// What goes out side by side may come in any order.
    fn answer(&mut self, request: &Received) -> Reply {
        self.made += 1;
        let asked = format!("{} {}", request.method, request.uri);
        let faults: Vec<Vec<String>> =
            self.calls.iter().map(|call| self.faults_of(request, call)).collect();
        let Some(first) = faults.first() else {
            self.faults.push(format!("nothing expects {asked}"));
            return Reply::Now(StatusCode::INTERNAL_SERVER_ERROR, "{}".to_owned());
        };
        let fitting = faults.iter().position(Vec::is_empty);
        if fitting.is_none() {
            self.faults.extend(first.iter().map(|fault| format!("{asked}: {fault}")));
        }
        reply(&self.calls.remove(fitting.unwrap_or(0))["answer"])
    }

    fn faults_of(&self, request: &Received, call: &Value) -> Vec<String> {
        match call.get("request") {
            None => Vec::new(),
            Some(expected) if !self.makes_ids => unlike(request, expected, call),
            Some(expected) if expected["method"] == request.method.as_str() => Vec::new(),
            Some(_) => vec!["the method is another".to_owned()],
        }
    }
}

fn reply(answer: &Value) -> Reply {
    let status = answer["status"].as_u64().map_or(200, |status| status as u16);
    let status = StatusCode::from_u16(status).unwrap();
    let mut headers: Vec<(&'static str, String)> = Vec::new();
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        headers.push((name.clone().leak(), value.as_str().unwrap().to_owned()));
    }
    let (media_type, body) = match &answer["body"] {
        Value::Null => ("text/plain", String::new()),
        Value::String(text) => ("text/plain", text.clone()),
        file if file.get("$file").is_some() => {
            let size = usize::try_from(file["size"].as_u64().unwrap()).unwrap();
            (file["type"].as_str().unwrap().to_owned().leak() as &str, text_of(&content(size)))
        }
        other => ("application/json", other.to_string()),
    };
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        headers.push(("content-type", media_type.to_owned()));
    }
    Reply::With(status, headers, body)
}

/// Returns how a request differs from the one that the try names.
fn unlike(request: &Received, expected: &Value, call: &Value) -> Vec<String> {
    let (origin, token) = (call["origin"].as_str().unwrap(), call["token"].as_str().unwrap());
    let mut faults = Vec::new();
    if expected["method"] != request.method.as_str() {
        faults.push(format!("the method is not {}", expected["method"]));
    }
    let links = expected["links"].as_array().and_then(|links| links.last());
    let url = links.unwrap_or(&expected["url"]).as_str().unwrap_or_default();
    let path = url.strip_prefix(origin).unwrap_or(url);
    let (path, of_url) = match decoded(request.uri.path()) == path {
        true => (path, ""),
        false => path.split_once('?').unwrap_or((path, "")),
    };
    if decoded(request.uri.path()) != decoded(path) {
        faults.push(format!("the path is not {path}"));
    }
    let query = request.uri.query().unwrap_or_default();
    let mut wanted = if links.is_some() { Vec::new() } else { pairs_of(&expected["query"]) };
    wanted.extend(form(of_url.as_bytes()));
    wanted.sort();
    if form(query.as_bytes()) != wanted {
        faults.push(format!("the query is not {wanted:?}"));
    }
    faults.extend(unlike_headers(request, expected, token));
    faults.extend(unlike_body(request, expected));
    faults
}

fn unlike_headers(request: &Received, expected: &Value, token: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let wanted = pairs_of(&expected["headers"]);
    for (name, value) in &wanted {
        let found = request.headers.get(name.to_ascii_lowercase());
        if found.is_none_or(|found| decoded_basic(found.to_str().unwrap_or("?")) != *value) {
            faults.push(format!("the header {name} is {found:?}"));
        }
    }
    let mut has_login = request.uri.to_string().contains(token);
    for (name, value) in &request.headers {
        let value = decoded_basic(&String::from_utf8_lossy(value.as_bytes()));
        let is_login = value.contains(token);
        has_login |= is_login;
        let is_wanted = wanted.iter().any(|(wanted, _)| name.as_str().eq_ignore_ascii_case(wanted));
        if !is_wanted && !is_login && !USUAL.contains(&name.as_str()) {
            faults.push(format!("the header {name} is not named"));
        }
    }
    let is_address = token.starts_with("http://");
    if !is_address && has_login == (expected["auth"] == "none") {
        faults.push(format!("a login was sent: {has_login}"));
    }
    faults
}

fn decoded_basic(value: &str) -> String {
    let Some(encoded) = value.strip_prefix("Basic ") else { return value.to_owned() };
    STANDARD.decode(encoded).map_or_else(|_| value.to_owned(), |bytes| text_of(&bytes))
}

fn unlike_body(request: &Received, expected: &Value) -> Vec<String> {
    let body = text_of(&request.body);
    let media_type = request.headers.get("content-type").map(|it| it.to_str().unwrap_or("?"));
    let is_like = match () {
        () if expected.get("body").is_some_and(Value::is_string) => expected["body"] == *body,
        () if expected.get("body").is_some() => {
            serde_json::from_str::<Value>(&body).is_ok_and(|it| it == expected["body"])
        }
        () if expected.get("form").is_some() => {
            let mut wanted = pairs_of(&expected["form"]);
            wanted.sort();
            media_type == Some("application/x-www-form-urlencoded") && form(&request.body) == wanted
        }
        () if expected.get("file").is_some() => {
            let given = expected["file"]["type"].as_str();
            body == file_content(&expected["file"]["file"])
                && given.is_none_or(|given| media_type == Some(given))
        }
        () if expected.get("pieces").is_some() => {
            let pieces = expected["pieces"]["pieces"].as_array().unwrap();
            let wanted: String = pieces.iter().map(piece).collect();
            // Boundaries are hashes of the parts, with the ids of files.
            let type_of = expected["pieces"]["type"].as_str().unwrap_or_default();
            without_hashes(media_type.unwrap_or_default()) == without_hashes(type_of)
                && without_hashes(&body) == without_hashes(&wanted)
        }
        () if expected.get("multipart").is_some() => {
            let parts = expected["multipart"].as_array().unwrap();
            let is_form = media_type.is_some_and(|it| it.starts_with("multipart/form-data"));
            is_form
                && body.matches("form-data; name=\"").count() == parts.len()
                && parts.iter().all(|part| holds_part(&body, part))
        }
        () => body.is_empty(),
    };
    if is_like { Vec::new() } else { vec![format!("the body is {body:?}, a {media_type:?}")] }
}

fn holds_part(body: &str, part: &Value) -> bool {
    let head = format!("form-data; name=\"{}\"", part["name"].as_str().unwrap_or_default());
    let content = match part["value"].as_str() {
        Some(text) => text.to_owned(),
        None => file_content(&part["file"]),
    };
    body.contains(&head) && body.contains(&format!("\r\n\r\n{content}\r\n"))
}

fn piece(piece: &Value) -> String {
    if let Some(text) = piece["text"].as_str() {
        return text.to_owned();
    }
    match piece.get("file") {
        Some(file) => file_content(file),
        None => {
            let encoded = STANDARD.encode(file_content(&piece["file_base64"]));
            let lines = encoded.as_bytes().chunks(76);
            lines.map(|line| format!("{}\r\n", text_of(line))).collect()
        }
    }
}

/// A file's id carries its size here: `file_… 5`.
fn file_content(id: &Value) -> String {
    let size =
        id.as_str().and_then(|id| id.rsplit_once(' ')).map(|(_, size)| size.parse().unwrap());
    text_of(&content(size.unwrap_or(0)))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_try_of_the_shipped_files_passes_over_http() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../connectors");
    let mut stage = Stage::set().await;
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        let document = Document::parse(&text).unwrap_or_else(|error| panic!("{}", error.message));
        found.extend(stage.play_file(&Value::Object(document.root().clone())).await);
    }
    assert!(found.is_empty(), "{} faults:\n{}", found.len(), found.join("\n"));
}
