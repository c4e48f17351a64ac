//! The author's code as the interpreter runs it: a function `main` is called.

use monty_types::MontyObject;

/// Names the arguments of `main`: other names of the code's cannot hide them.
const GIVEN: &str = "__given_";

/// Adds the call of `main` where the code defines it, else the arguments are variables. Lines keep
/// their numbers.
pub(super) fn complete(code: &str, arguments: &mut [(String, MontyObject)]) -> String {
    let mut source = code.replace("\r\n", "\n");
    if !defines_main(&source) {
        return source;
    }
    source.push_str("\nmain(");
    for (name, _) in arguments {
        let given = format!("{GIVEN}{name}");
        source.push_str(&format!("{name}={given}, "));
        *name = given;
    }
    source.push_str(")\n");
    source
}

/// Whether a line outside strings begins with `def main(`.
fn defines_main(code: &str) -> bool {
    let mut quotes = Quotes::default();
    code.lines().any(|line| {
        let is_code = quotes.are_closed();
        quotes.read_line(line);
        let rest = line.strip_prefix("def main").map(str::trim_start);
        is_code && rest.is_some_and(|rest| rest.starts_with('('))
    })
}

/// The string with three quotes in which a line begins, if any.
#[derive(Default)]
struct Quotes(Option<&'static str>);

const TRIPLES: [&str; 2] = ["\"\"\"", "'''"];

impl Quotes {
    fn are_closed(&self) -> bool {
        self.0.is_none()
    }

    fn read_line(&mut self, line: &str) {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let step = match self.0 {
                Some(_) if first == '\\' => 1 + rest[1..].chars().next().map_or(0, char::len_utf8),
                Some(end) if rest.starts_with(end) => {
                    self.0 = None;
                    end.len()
                }
                Some(_) => first.len_utf8(),
                None if first == '#' => return,
                None => match TRIPLES.iter().find(|triple| rest.starts_with(**triple)) {
                    Some(triple) => {
                        self.0 = Some(triple);
                        triple.len()
                    }
                    None if first == '"' || first == '\'' => end_of_string(rest, first),
                    None => first.len_utf8(),
                },
            };
            rest = &rest[step..];
        }
    }
}

/// Returns the length of the string in one line that the text begins with.
fn end_of_string(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn main_is_found_where_it_is_code() {
        let check = |code: &str, expected: bool| assert_eq!(defines_main(code), expected, "{code}");
        check("def main(a):\n  return 1", true);
        check("import json\n\ndef main (a: str) -> dict:\n  return {}", true);
        check("'''\ndef main(a):\n'''\nreturn 1", false);
        check("x = \"\"\"a\n\"\"\"\ndef main(): pass", true);
        check("x = 'it\\'s' # '''\ndef main(): pass", true);
        check("x = '\"\"\"'\ndef main(): pass", true);
        check("def mainly(): pass", false);
        check("  def main(): pass", false);
        check("# def main():", false);
        check("x = 'é\\", false);
    }
}
