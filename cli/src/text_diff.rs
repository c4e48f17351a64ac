//! Two texts, line by line.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};

const CONTEXT: usize = 2;
/// Past it the difference is shown as coarser than it is.
const TIME: Duration = Duration::from_millis(500);

/// Returns the lines that differ, with those around them, as `diff -u` marks them.
pub(crate) fn lines(before: &str, after: &str) -> Vec<(char, String)> {
    let diff = TextDiff::configure().timeout(TIME).diff_lines(before, after);
    let mut lines = Vec::new();
    for group in diff.grouped_ops(CONTEXT) {
        if !lines.is_empty() {
            lines.push(('@', String::new()));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let mark = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            lines.push((mark, change.value().trim_end_matches(['\n', '\r']).to_owned()));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_there_with_the_lines_around_it() {
        let before: String = (0..20).map(|number| format!("line {number}\n")).collect();
        let after = before.replace("line 3\n", "three\n").replace("line 17\n", "");
        let shown: Vec<String> =
            lines(&before, &after).iter().map(|(mark, line)| format!("{mark}{line}")).collect();
        assert_eq!(
            shown,
            [
                " line 1", " line 2", "-line 3", "+three", " line 4", " line 5", "@", " line 15",
                " line 16", "-line 17", " line 18", " line 19"
            ]
        );
        assert!(lines("a", "a").is_empty());
    }
}
