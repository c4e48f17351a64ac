//! The corrected text of what YAML cannot read: mostly a text that must stand in quotes.

/// Returns `; put … in quotes: …` for the value around a place, or nothing if none is there.
pub(super) fn hint(message: &str, text: &str, line: u32, column: u32) -> String {
    let Some(line) = text.lines().nth(line.saturating_sub(1) as usize) else {
        return String::new();
    };
    let at = line.char_indices().nth(column.saturating_sub(1) as usize);
    let at = at.map_or(line.len(), |(at, _)| at);
    // A bracket is missed where it opens, although a comment swallowed its end.
    let at = if message.starts_with("unclosed bracket") { line.find(" #") } else { Some(at) };
    let Some(at) = at else { return String::new() };
    let entries = entries(line);
    let Some(index) = entries.iter().rposition(|entry| entry.value <= at) else {
        return String::new();
    };
    let end = entries.get(index + 1).map_or(line.len(), |next| next.start);
    let Entry { key, value, .. } = entries[index];
    let written = without_closers(&line[..value], &line[value..end]);
    if written.is_empty() || written.len() > MAX_SHOWN || written.starts_with(['|', '>']) {
        return String::new();
    }
    format!("; put the text in quotes: `{key}: {}`", quoted(written))
}

/// Text as YAML reads it back.
pub(super) fn quoted(text: &str) -> String {
    let bare = ['"', '\''].into_iter().find_map(|quote| {
        let inner = text.strip_prefix(quote)?;
        Some(inner.strip_suffix(quote).unwrap_or(inner))
    });
    let escaped = bare.unwrap_or(text).replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

const MAX_SHOWN: usize = 200;

/// `key: value` in a line.
#[derive(Debug, Clone, Copy)]
struct Entry<'l> {
    /// Where the entry before it ends.
    start: usize,
    key: &'l str,
    /// Where the value begins.
    value: usize,
}

/// Finds the entries of a line by their looks: a key stands at its beginning, or after a bracket or
/// a comma.
fn entries(line: &str) -> Vec<Entry<'_>> {
    let begins = line.match_indices(['{', '[', ',']).map(|(at, found)| (at, at + found.len()));
    let begins = std::iter::once((0, 0)).chain(begins);
    begins.filter_map(|(start, after)| entry(line, start, after)).collect()
}

fn entry(line: &str, start: usize, after: usize) -> Option<Entry<'_>> {
    let rest = line[after..].trim_start();
    let rest = rest.strip_prefix("- ").unwrap_or(rest);
    let is_of_key = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$');
    let length = rest.find(|c| !is_of_key(c)).filter(|length| *length > 0)?;
    let (key, rest) = rest.split_at(length);
    let value = rest.strip_prefix(':').filter(|value| value.starts_with(' '))?.trim_start();
    Some(Entry { start, key, value: line.len() - value.len() })
}

/// Cuts off the brackets that close those which opened before the value.
fn without_closers<'l>(before: &str, value: &'l str) -> &'l str {
    let count = |brackets: [char; 2]| before.matches(brackets).count();
    let mut open = count(['{', '[']).saturating_sub(count(['}', ']']));
    let mut value = value.trim_end();
    while open > 0
        && let Some(inner) = value.strip_suffix(['}', ']'])
    {
        value = inner.trim_end();
        open -= 1;
    }
    value
}
