//! Takes a Jinja template apart.

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Text(String),
    /// An expression whose value is put there.
    Output(String),
    Statement(String),
}

const TAGS: [(&str, &str); 3] = [("{{", "}}"), ("{%", "%}"), ("{#", "#}")];

/// As Jinja does by default: one line break at the end is left out, and a `-` in a tag takes the
/// white space beside it away.
pub(super) fn segments(template: &str) -> Result<Vec<Segment>, String> {
    let template = template.strip_suffix('\n').unwrap_or(template);
    let mut segments = Vec::new();
    let (mut rest, mut strips) = (template, false);
    while let Some(at) = rest.find('{') {
        let tag = TAGS.iter().find(|(open, _)| rest[at..].starts_with(open));
        let Some((open, close)) = tag else {
            let end = at + 1;
            push(&mut segments, strip(&rest[..end], &mut strips));
            rest = &rest[end..];
            continue;
        };
        let inner = &rest[at + open.len()..];
        let length = end_of(inner, close).ok_or_else(|| format!("`{open}` has no `{close}`"))?;
        let mut tag = &inner[..length];
        let mut before = strip(&rest[..at], &mut strips);
        if let Some(stripped) = tag.strip_prefix('-') {
            tag = stripped;
            before = before.trim_end();
            trim_last(&mut segments, before.is_empty());
        }
        push(&mut segments, before);
        tag = tag.strip_prefix('+').unwrap_or(tag);
        if let Some(stripped) = tag.strip_suffix('-') {
            tag = stripped;
            strips = true;
        }
        let tag = tag.trim().to_owned();
        match *open {
            "{{" => segments.push(Segment::Output(tag)),
            "{%" => segments.push(Segment::Statement(tag)),
            _ => {}
        }
        rest = &inner[length + close.len()..];
    }
    push(&mut segments, strip(rest, &mut strips));
    Ok(segments)
}

fn strip<'t>(text: &'t str, strips: &mut bool) -> &'t str {
    if !*strips {
        return text;
    }
    let text = text.trim_start();
    *strips = text.is_empty();
    text
}

fn push(segments: &mut Vec<Segment>, text: &str) {
    match segments.last_mut() {
        _ if text.is_empty() => {}
        Some(Segment::Text(before)) => before.push_str(text),
        _ => segments.push(Segment::Text(text.to_owned())),
    }
}

/// Takes white space away from a text that was cut at a brace.
fn trim_last(segments: &mut [Segment], is_at_end: bool) {
    if let (true, Some(Segment::Text(text))) = (is_at_end, segments.last_mut()) {
        text.truncate(text.trim_end().len());
    }
}

/// Where a tag ends, texts in it aside.
fn end_of(inner: &str, close: &str) -> Option<usize> {
    let mut quote = None;
    for (at, character) in inner.char_indices() {
        match (quote, character) {
            (None, '"' | '\'') if close != "#}" => quote = Some(character),
            (Some(open), character) if open == character => quote = None,
            (None, _) if inner[at..].starts_with(close) => return Some(at),
            _ => {}
        }
    }
    None
}
