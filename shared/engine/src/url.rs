//! URLs with references: which part of a URL a reference stands in, and who decides its host.

use serde::{Serialize, Serializer};

use crate::call::{Piece, Rendered};
use crate::expr::template::{Part, Text};

/// A rendered URL with secrets still as names. What references gave stays apart from the author's
/// text, so that `outbound` can encode it for its place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RenderedUrl(pub Vec<Piece>);

impl RenderedUrl {
    /// A URL as the author wrote it.
    pub fn of_author(url: impl Into<String>) -> Self {
        Self(vec![Piece::Text(url.into())])
    }
}

/// Secrets appear as `{{NAME}}`.
impl Serialize for RenderedUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Rendered::Text(self.0.clone()).serialize(serializer)
    }
}

/// The part of a URL that begins at the end of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlPart {
    /// The text is empty: what follows is a whole URL or its beginning.
    Start,
    /// The scheme or the authority.
    Authority,
    Path,
    /// The query or the fragment.
    Query,
}

/// Returns where a URL stands at the end of `text`, as browsers read it: `\` is `/`, and slashes
/// after the scheme are optional.
pub fn part_after(text: &str) -> UrlPart {
    if text.bytes().all(|byte| byte <= b' ') {
        return UrlPart::Start;
    }
    match authority_end(text) {
        None => UrlPart::Authority,
        Some(end) if text[end..].contains(['?', '#']) => UrlPart::Query,
        Some(_) => UrlPart::Path,
    }
}

/// Returns where the authority of an http or https URL ends, if it ends within `text`.
fn authority_end(text: &str) -> Option<usize> {
    let scheme_end = text.find(':')?;
    let is_in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !text[..scheme_end].trim_start().bytes().all(is_in_scheme) {
        return None;
    }
    let rest = &text[scheme_end + 1..];
    let begin = rest.find(|character| !matches!(character, '/' | '\\'))?;
    let end = rest[begin..].find(['/', '\\', '?', '#'])?;
    Some(scheme_end + 1 + begin + end)
}

/// Who decides the host of an author's URL, as far as its text shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// The author. The text begins with the whole authority.
    Written(String),
    /// A secret that the text begins with.
    InSecret,
    /// A reference.
    Referenced,
    /// The model's provider: its own address, or the secret `<PROVIDER>_BASE_URL`.
    Provider,
}

impl Host {
    pub(crate) fn of(url: &Text) -> Self {
        let mut written = String::new();
        for part in &url.parts {
            match part {
                Part::Text(text) => written.push_str(text),
                _ if authority_end(&written).is_some() => break,
                Part::Secret(_) => return Self::InSecret,
                Part::Reference(_) => return Self::Referenced,
            }
        }
        Self::Written(written)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::call::Action;
    use crate::run::tests::only_call;
    use crate::{Document, Workflow};

    #[test]
    fn the_part_of_a_url_is_what_a_browser_reads() {
        for (text, expected) in [
            ("", UrlPart::Start),
            (" ", UrlPart::Start),
            ("https", UrlPart::Authority),
            ("https:", UrlPart::Authority),
            ("https://", UrlPart::Authority),
            ("https:////", UrlPart::Authority),
            ("https://a.example", UrlPart::Authority),
            ("https://a.example:", UrlPart::Authority),
            ("https://user:pass@", UrlPart::Authority),
            ("no url / at all", UrlPart::Authority),
            ("https:a.example/", UrlPart::Path),
            ("https:/a.example/", UrlPart::Path),
            (r"https:\\a.example\", UrlPart::Path),
            ("https://a.example/x/", UrlPart::Path),
            ("https://a.example?", UrlPart::Query),
            ("https://a.example/x?a=b&c=", UrlPart::Query),
            ("https://a.example#", UrlPart::Query),
        ] {
            assert_eq!(part_after(text), expected, "{text}");
        }
    }

    #[test]
    fn a_secret_goes_to_the_host_of_its_own_request() {
        let check = |node: &str, expected: &[(&str, Host, bool)]| {
            let yaml = format!("nodes: [{{ id: a, {node} }}]\n");
            let (workflow, problems) = Workflow::compile(&Document::parse(&yaml).unwrap());
            let workflow = workflow.unwrap_or_else(|| panic!("{problems:?}"));
            let uses: Vec<_> = workflow
                .secret_uses()
                .iter()
                .map(|used| (used.name.as_str(), used.host.clone(), used.is_implicit))
                .collect();
            assert_eq!(uses, expected, "{node}");
        };
        let http = |url: &str| format!("type: http, url: '{url}', headers: {{ x: '{{{{K}}}}' }}");
        let written = |url: &str| Host::Written(url.to_owned());
        check(&http("https://a.example/x"), &[("K", written("https://a.example/x"), false)]);
        check(
            &http("https://a.example/<api.input.x>"),
            &[("K", written("https://a.example/"), false)],
        );
        check(
            &http("https://a.example?<api.input.x>"),
            &[("K", written("https://a.example?"), false)],
        );
        for open in [
            "<api.input.x>",
            "<api.input.x>/v1",
            "https://<api.input.x>/",
            "https://<api.input.x>.a.example/",
            "https://a.example<api.input.x>/",
            "https://a.example:<api.input.x>/",
            "https://u:<api.input.x>@a.example/",
            "<api.input.x>://a.example/",
            "http<api.input.x>://a.example/",
            "https:///<api.input.x>/",
        ] {
            check(&http(open), &[("K", Host::Referenced, false)]);
        }
        let base = [("B", Host::InSecret, false), ("K", Host::InSecret, false)];
        check(&http("{{B}}/<api.input.x>"), &base);
        check(&http("https://{{B}}.a.example/<api.input.x>"), &base);

        let model =
            |model: &str, more: &str| format!("type: agent, prompt: x, model: '{model}'{more}");
        let own = "OPENAI_API_KEY";
        check(&model("openai/m", ""), &[(own, Host::Provider, true)]);
        check(&model("openai/<api.input.m>", ""), &[(own, Host::Provider, true)]);
        check(&model("openai/m", ", base_url: <api.input.u>"), &[(own, Host::Referenced, true)]);
        check(&model("offline/echo", ", base_url: <api.input.u>"), &[]);
        check(&model("<api.input.m>", ""), &[]);
        check(&model("<api.input.m>", ", api_key: '{{K}}'"), &[("K", Host::Referenced, false)]);
        check(&model("openai/m", ", api_key: '{{K}}'"), &[("K", Host::Provider, false)]);
        let url = ", base_url: 'https://a.example/v1', api_key: '{{K}}'";
        check(&model("<api.input.m>", url), &[("K", written("https://a.example/v1"), false)]);
    }

    #[test]
    fn values_stay_apart_and_are_hashed_as_before() {
        let yaml = "nodes: [{ id: a, type: http, url: 'https://a.example/<api.input.x>?k={{K}}' }]";
        let call = only_call(yaml, json!({ "x": "b/c" }));
        let Action::Http(http) = call.action else { panic!() };
        assert_eq!(
            http.url.0,
            [
                Piece::Text("https://a.example/".into()),
                Piece::Value("b/c".into()),
                Piece::Text("?k=".into()),
                Piece::Secret("K".into()),
            ]
        );
        assert_eq!(serde_json::to_value(&http.url).unwrap(), "https://a.example/b/c?k={{K}}");
    }
}
