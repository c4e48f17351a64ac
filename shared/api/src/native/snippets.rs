//! Programs that call a workflow, with its own fields: `GET /v1/workflows/{id}/snippets`.
//!
//! The programs are the text files beside this one.

mod example;
mod literal;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::interface::Described;
use flowgate_app::{App, Error};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Caller;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};

/// Programs that call a workflow.
#[derive(Serialize, ToSchema)]
struct Snippets {
    items: Vec<Snippet>,
}

/// A program.
#[derive(Serialize, ToSchema)]
struct Snippet {
    lang: Lang,
    mode: Mode,
    /// What the file may be called.
    #[schema(examples("run.py"))]
    file: &'static str,
    /// Reads the key from the environment variable `FLOWGATE_KEY`; a receiver of webhooks the
    /// signing secret from `FLOWGATE_WEBHOOK_SECRET`.
    code: String,
    /// The command that installs what it needs beside the language; null if that is nothing.
    #[schema(required)]
    install: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Lang {
    Curl,
    Python,
    /// Runs as JavaScript, too.
    TypeScript,
    Rust,
    Go,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// Waits for the end of the run.
    Wait,
    /// Starts it, and asks for it until it has ended.
    Async,
    /// Follows its events.
    Stream,
    /// Receives and verifies webhooks.
    Webhook,
}

struct Template {
    lang: Lang,
    mode: Mode,
    text: &'static str,
}

const fn template(lang: Lang, mode: Mode, text: &'static str) -> Template {
    Template { lang, mode, text }
}

const TEMPLATES: [Template; 20] = [
    template(Lang::Curl, Mode::Wait, include_str!("snippets/curl_wait.txt")),
    template(Lang::Curl, Mode::Async, include_str!("snippets/curl_async.txt")),
    template(Lang::Curl, Mode::Stream, include_str!("snippets/curl_stream.txt")),
    template(Lang::Curl, Mode::Webhook, include_str!("snippets/curl_webhook.txt")),
    template(Lang::Python, Mode::Wait, include_str!("snippets/python_wait.txt")),
    template(Lang::Python, Mode::Async, include_str!("snippets/python_async.txt")),
    template(Lang::Python, Mode::Stream, include_str!("snippets/python_stream.txt")),
    template(Lang::Python, Mode::Webhook, include_str!("snippets/python_webhook.txt")),
    template(Lang::TypeScript, Mode::Wait, include_str!("snippets/typescript_wait.txt")),
    template(Lang::TypeScript, Mode::Async, include_str!("snippets/typescript_async.txt")),
    template(Lang::TypeScript, Mode::Stream, include_str!("snippets/typescript_stream.txt")),
    template(Lang::TypeScript, Mode::Webhook, include_str!("snippets/typescript_webhook.txt")),
    template(Lang::Rust, Mode::Wait, include_str!("snippets/rust_wait.txt")),
    template(Lang::Rust, Mode::Async, include_str!("snippets/rust_async.txt")),
    template(Lang::Rust, Mode::Stream, include_str!("snippets/rust_stream.txt")),
    template(Lang::Rust, Mode::Webhook, include_str!("snippets/rust_webhook.txt")),
    template(Lang::Go, Mode::Wait, include_str!("snippets/go_wait.txt")),
    template(Lang::Go, Mode::Async, include_str!("snippets/go_async.txt")),
    template(Lang::Go, Mode::Stream, include_str!("snippets/go_stream.txt")),
    template(Lang::Go, Mode::Webhook, include_str!("snippets/go_webhook.txt")),
];

/// Read programs that call a workflow
///
/// With a value for each field that a caller must send, and the server's own address; all of them,
/// or those of a language or a mode. Of the version that `read_interface` describes. Needs the
/// scope `read`, `run` or `author`.
#[utoipa::path(
    get,
    path = "/v1/workflows/{workflow_id}/snippets",
    operation_id = "read_snippets",
    tag = "Workflows",
    params(
        ("workflow_id" = String, Path, description = "The workflow's id."),
        (
            "lang" = Option<String>,
            Query,
            description = "`curl`, `python`, `typescript`, `rust` or `go`.",
        ),
        (
            "mode" = Option<String>,
            Query,
            description = "`wait`, `async`, `stream` or `webhook`.",
        ),
        (
            "version" = Option<String>,
            Query,
            description = "Instead of the active version. `draft`: the saved draft, for authors.",
        ),
    ),
    responses(
        (status = 200, description = "The programs.", body = Snippets),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 409>,
        Refused<Problem, 422>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
    caller: Caller,
    query: QueryPairs,
) -> Result<Response, Refusal> {
    let lang = query.get("lang").map(Lang::parse).transpose()?;
    let mode = query.get("mode").map(Mode::parse).transpose()?;
    let described = app.described(&caller, &id, query.get("version")).await?;
    let values = Values::of(&described, &app.settings.public_url);
    let asked = TEMPLATES.iter().filter(|template| {
        lang.is_none_or(|lang| lang == template.lang)
            && mode.is_none_or(|mode| mode == template.mode)
    });
    let items = asked.map(|template| template.filled(&values)).collect();
    Ok(Json(Snippets { items }).into_response())
}

/// What is filled into the programs.
struct Values {
    workflow_id: String,
    base: String,
    input: Value,
}

impl Values {
    fn of(described: &Described, public_url: &str) -> Self {
        Self {
            workflow_id: described.id.clone(),
            base: plain_url(public_url),
            input: example::input(&described.workflow),
        }
    }
}

/// Without characters that mean something in a literal or a comment.
fn plain_url(url: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/[]@%+,;=".contains(&byte);
    url.bytes()
        .map(
            |byte| {
                if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            },
        )
        .collect()
}

impl Template {
    fn filled(&self, values: &Values) -> Snippet {
        let mut code = String::with_capacity(self.text.len());
        // Only names in the program are filled in, never in what was filled in.
        let mut rest = self.text;
        while let Some((before, after)) = rest.split_once("__") {
            code += before;
            match after
                .split_once("__")
                .and_then(|(name, end)| Some((self.value(name, values)?, end)))
            {
                Some((value, end)) => {
                    code += &value;
                    rest = end;
                }
                None => {
                    code += "__";
                    rest = after;
                }
            }
        }
        code += rest;
        Snippet {
            lang: self.lang,
            mode: self.mode,
            file: self.file(),
            code,
            install: self.install(),
        }
    }

    fn value(&self, name: &str, values: &Values) -> Option<String> {
        let Values { workflow_id, base, input } = values;
        let quoted = |url: String| match self.lang {
            Lang::Curl => format!("'{url}'"),
            _ => format!("\"{url}\""),
        };
        Some(match name {
            "WORKFLOW" => workflow_id.clone(),
            "BASE" => base.clone(),
            "URL" => quoted(format!("{base}/v1/workflows/{workflow_id}/runs")),
            "RUNS" => quoted(format!("{base}/v1/runs/")),
            "INPUT" => literal::python(input),
            "BODY" => match self.lang {
                Lang::Curl => literal::shell_body(input),
                Lang::Python | Lang::TypeScript => literal::javascript_body(input),
                Lang::Rust => literal::rust_body(input),
                Lang::Go => literal::go_body(input),
            },
            _ => return None,
        })
    }

    fn file(&self) -> &'static str {
        match (self.lang, self.mode) {
            (Lang::Curl, Mode::Webhook) => "verify.sh",
            (Lang::Curl, _) => "run.sh",
            (Lang::Python, Mode::Webhook) => "receive.py",
            (Lang::Python, _) => "run.py",
            (Lang::TypeScript, Mode::Webhook) => "receive.mjs",
            (Lang::TypeScript, _) => "run.mjs",
            (Lang::Rust, _) => "src/main.rs",
            (Lang::Go, _) => "main.go",
        }
    }

    fn install(&self) -> Option<&'static str> {
        match (self.lang, self.mode) {
            (Lang::Rust, Mode::Webhook) => {
                Some("cargo add axum base64 hmac sha2 && cargo add tokio --features full")
            }
            (Lang::Rust, _) => {
                Some("cargo add reqwest serde_json && cargo add tokio --features full")
            }
            _ => None,
        }
    }
}

impl Lang {
    fn parse(name: &str) -> Result<Self, Error> {
        Ok(match name {
            "curl" => Self::Curl,
            "python" => Self::Python,
            "typescript" => Self::TypeScript,
            "rust" => Self::Rust,
            "go" => Self::Go,
            _ => return Err(unknown("lang", "`curl`, `python`, `typescript`, `rust` or `go`")),
        })
    }
}

impl Mode {
    fn parse(name: &str) -> Result<Self, Error> {
        Ok(match name {
            "wait" => Self::Wait,
            "async" => Self::Async,
            "stream" => Self::Stream,
            "webhook" => Self::Webhook,
            _ => return Err(unknown("mode", "`wait`, `async`, `stream` or `webhook`")),
        })
    }
}

fn unknown(parameter: &str, known: &str) -> Error {
    Error::bad_field("", format!("the query parameter `{parameter}` must be {known}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_language_has_every_mode_and_nothing_is_left_to_fill_in() {
        let input = json!({ "__URL__": "__BODY__" });
        let base = "https://a.example/prod".to_owned();
        let values = Values { workflow_id: "w".to_owned(), base, input };
        for (at, template) in TEMPLATES.iter().enumerate() {
            let again =
                |other: &Template| (other.lang, other.mode) == (template.lang, template.mode);
            assert!(!TEMPLATES[..at].iter().any(again));
            let code = template.filled(&values).code.replace("__URL__", "").replace("__BODY__", "");
            let left = ["__URL", "__BASE", "__RUNS", "__INPUT", "__BODY", "__WORKFLOW"];
            assert!(!left.iter().any(|name| code.contains(name)), "{code}");
            assert!(code.lines().all(|line| line == line.trim_end()), "{code}");
        }
    }

    #[test]
    fn what_callers_write_is_in_the_program_as_they_write_it() {
        let input = json!({ "__URL__": "__BODY__" });
        let values = Values { workflow_id: "w".to_owned(), base: plain_url("http://h"), input };
        let code = TEMPLATES[0].filled(&values).code;
        assert!(code.contains("\"__URL__\": \"__BODY__\""), "{code}");
    }

    #[test]
    fn an_address_is_no_code() {
        assert_eq!(plain_url("https://a.b:1/x"), "https://a.b:1/x");
        assert_eq!(plain_url("https://a\"'$`\\\n#x"), "https://a%22%27%24%60%5C%0A%23x");
    }
}
