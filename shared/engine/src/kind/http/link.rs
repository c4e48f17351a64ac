//! The `Link` header: where the next page is.

/// Returns the target of the first link whose `rel` is `next`, as RFC 8288 writes it:
/// `<https://a.example/?page=2>; rel="next", <https://a.example/?page=9>; rel="last"`.
pub(crate) fn next(header: &str) -> Option<&str> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, after) = after.split_once('>')?;
        let end = unquoted(after, ',').unwrap_or(after.len());
        if is_next(&after[..end]) {
            return Some(target);
        }
        rest = &after[end..];
    }
    None
}

/// Only the first `rel` counts.
fn is_next(mut parameters: &str) -> bool {
    while !parameters.is_empty() {
        let end = unquoted(parameters, ';').unwrap_or(parameters.len());
        if let Some((name, value)) = parameters[..end].split_once('=')
            && name.trim().eq_ignore_ascii_case("rel")
        {
            let mut relations = value.trim().trim_matches('"').split_whitespace();
            return relations.any(|relation| relation.eq_ignore_ascii_case("next"));
        }
        parameters = parameters.get(end + 1..).unwrap_or_default();
    }
    false
}

/// Returns where the character stands outside of quotes.
fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if character == wanted && !is_quoted => return Some(at),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_link_is_found() {
        let check = |header: &str, expected: Option<&str>| {
            assert_eq!(next(header), expected, "{header}");
        };
        check("<https://a.example/?page=2>; rel=\"next\"", Some("https://a.example/?page=2"));
        check("<?page=9>; rel=\"last\", <?page=2>; rel=\"next\"", Some("?page=2"));
        check("<?a=1,2;3>; title=\"a, <b>; rel=next\"; rel=next", Some("?a=1,2;3"));
        check("<?a>; title=\"\\\"; rel=next\", <?b>; REL=Next", Some("?b"));
        check("<?a>; rel=\"prev next\"", Some("?a"));
        check("<?a>;rel=next;rel=prev", Some("?a"));
        check("<?a>; rel=prev; rel=next", None);
        check("<?a>; rev=next", None);
        check("<?a>; rel=nextish", None);
        for broken in ["", "<", "<?a", "<?a>", "?a; rel=next", "<?a>; rel=\"", "<?a>; \"rel=next"] {
            check(broken, None);
        }
    }
}
