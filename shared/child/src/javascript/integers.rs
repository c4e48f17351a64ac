//! Integers beyond 2^53, which JavaScript's numbers would round. They cross as texts with a mark.

/// The largest integer that a number holds, with all below it.
const MAX_NUMBER: &str = "9007199254740992";

/// Marks the integers that a number would round; `None` if there are none. The mark occurs nowhere
/// else in the JSON, which must not escape what it could say as it is.
pub(super) fn with_marks(json: &str) -> Option<(String, String)> {
    let found = integers(json);
    if found.is_empty() {
        return None;
    }
    let mut mark = "@integer".to_owned();
    while json.contains(&mark) {
        mark.push('@');
    }
    let mut marked = String::with_capacity(json.len() + found.len() * (mark.len() + 2));
    let mut end = 0;
    for (start, after) in found {
        marked.push_str(&json[end..start]);
        marked.push_str(&format!("\"{mark}{}\"", &json[start..after]));
        end = after;
    }
    marked.push_str(&json[end..]);
    Some((marked, mark))
}

/// Returns where the integers beyond [`MAX_NUMBER`] begin and end.
fn integers(json: &str) -> Vec<(usize, usize)> {
    let bytes = json.as_bytes();
    let (mut found, mut at, mut in_text) = (Vec::new(), 0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if in_text => at += 1,
            b'"' => in_text = !in_text,
            b'-' | b'0'..=b'9' if !in_text => {
                let is_of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
                let end = at + bytes[at..].iter().take_while(|byte| is_of_number(byte)).count();
                if is_large(&json[at..end]) {
                    found.push((at, end));
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn is_large(number: &str) -> bool {
    let digits = number.strip_prefix('-').unwrap_or(number);
    let is_longer =
        digits.len() > MAX_NUMBER.len() || digits.len() == MAX_NUMBER.len() && digits > MAX_NUMBER;
    is_longer && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The mark of a call's result. Nobody can send text with it: they cannot know the seed.
pub(super) fn mark_of_result(seed: u64) -> String {
    format!("@integer{seed:016x}")
}

/// Turns marked texts of the result into integers.
pub(super) fn without_marks(json: &str, mark: &str) -> String {
    let opening = format!("\"{mark}");
    let mut plain = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find(&opening) {
        plain.push_str(&rest[..at]);
        let after = &rest[at + opening.len()..];
        let Some((integer, after)) = after.split_once('"').filter(|(text, _)| is_integer(text))
        else {
            plain.push_str(&opening);
            rest = after;
            continue;
        };
        plain.push_str(integer);
        rest = after;
    }
    plain + rest
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
