//! The receiving host of a webhook.

use flowgate_core::group::Group;
use flowgate_engine::call::Piece;
use url::Url;

/// Stands for a secret: its value is not known here.
const SECRET: &str = "secret";

/// Returns host and port of the URL, in one spelling; the workflow's uid where only a secret knows
/// the host.
pub(crate) fn receiver(url: &[Piece], workflow_uid: &str) -> Group {
    let text: String = url
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) | Piece::Value(text) => text.as_str(),
            Piece::Secret(_) => SECRET,
        })
        .collect();
    let Some((host, port)) = host_and_port(&text) else { return Group::new(workflow_uid) };
    Group::new(format!("{}:{port}", host.trim_end_matches('.')))
}

fn host_and_port(text: &str) -> Option<(String, u16)> {
    let url = Url::parse(text).ok()?;
    Some((url.host_str()?.to_owned(), url.port_or_known_default()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_has_one_group_however_it_is_spelled() {
        let check = |url: &[Piece], expected: &str| {
            assert_eq!(receiver(url, "uid").as_str(), expected, "{url:?}");
        };
        let text = |text: &str| Piece::Text(text.to_owned());
        let secret = || Piece::Secret("NAME".to_owned());
        for url in [
            "https://example.com/a",
            "https://EXAMPLE.com:443/b?c",
            "https://user:word@example.com./",
            "https:\\\\example.com\\",
            "https://exa\tmple.com",
        ] {
            check(&[text(url)], "example.com:443");
        }
        check(&[text("http://127.1:8080/")], "127.0.0.1:8080");
        check(&[text("http://[::1]/")], "[::1]:80");
        check(&[text("https://example.com/"), secret()], "example.com:443");
        check(&[secret()], "uid");
        check(&[text("nonsense")], "uid");
    }
}
