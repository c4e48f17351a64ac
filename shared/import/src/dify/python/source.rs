//! Where a piece of Python is text, and where it is code.

/// The code with blanks in the place of what is inside texts and comments; as long in bytes.
pub(super) fn without_texts(code: &str) -> String {
    blanked(code, false)
}

/// The same with the texts that hold expressions, which are marked with an `f`.
pub(super) fn without_plain_texts(code: &str) -> String {
    blanked(code, true)
}

fn blanked(code: &str, keeps_formatted: bool) -> String {
    let mut bare = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' => text_length(rest, c),
            _ => {
                bare.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        if keeps_formatted && c != '#' && bare.ends_with(['f', 'F']) {
            bare.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        for byte in rest[..length].bytes() {
            bare.push(if byte == b'\n' { '\n' } else { ' ' });
        }
        rest = &rest[length..];
    }
    bare
}

/// The length of the text that stands at the beginning, with its quotes.
fn text_length(code: &str, quote: char) -> usize {
    let long: String = [quote; 3].iter().collect();
    let (end, is_long) = match code.starts_with(&long) {
        true => (long, true),
        false => (quote.to_string(), false),
    };
    let mut at = end.len();
    while let Some(c) = code[at..].chars().next() {
        if code[at..].starts_with(&end) {
            return at + end.len();
        }
        at += match c {
            '\\' => 1 + code[at + 1..].chars().next().map_or(0, char::len_utf8),
            '\n' if !is_long => return at,
            other => other.len_utf8(),
        };
    }
    code.len()
}

/// How far it is from the beginning of a list, in brackets or not, to the end of its first item:
/// a comma, or a bracket that closes what was not opened.
pub(super) fn item_length(bare: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in bare.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return at,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => return at,
            _ => {}
        }
    }
    bare.len()
}
