//! JavaScript functions that imported code calls: only those that it needs are written before it.

/// Returns the definitions, of those in `all`, that the code calls, and those that these call.
pub(super) fn needed(all: &'static str, code: &str) -> Vec<&'static str> {
    let definitions = definitions(all);
    let mut is_needed = vec![false; definitions.len()];
    loop {
        let before = is_needed.clone();
        for (at, (name, _)) in definitions.iter().enumerate() {
            let by_others =
                definitions.iter().zip(&before).any(|((_, body), used)| *used && calls(body, name));
            is_needed[at] |= by_others || calls(code, name);
        }
        if before == is_needed {
            let found = definitions.iter().zip(is_needed).filter(|(_, is_needed)| *is_needed);
            return found.map(|((_, body), _)| *body).collect();
        }
    }
}

/// Each name with its whole definition.
fn definitions(all: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut begins: Vec<usize> = all.match_indices("\nconst ").map(|(at, _)| at + 1).collect();
    begins.insert(0, 0);
    begins.push(all.len());
    let bodies = begins.windows(2).map(|pair| all[pair[0]..pair[1]].trim_end());
    let named = bodies.filter_map(|body| {
        let (name, _) = body.strip_prefix("const ")?.split_once(" = ")?;
        Some((name, body))
    });
    named.collect()
}

/// Whether code names a function: to call it, or to pass it on.
fn calls(code: &str, name: &str) -> bool {
    let is_of_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '.');
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + name.len()..];
        before.is_none_or(|c| !is_of_word(c)) && after.starts_with(['(', ')'])
    })
}

#[cfg(test)]
mod tests {
    use super::needed;

    #[test]
    fn only_what_is_called_is_written() {
        let all = "const a = (x) => b(x)\nconst b = (x) =>\n  x\nconst c = () => [].map(a)\n";
        assert_eq!(needed(all, "b(1)"), ["const b = (x) =>\n  x"]);
        assert_eq!(needed(all, "c()").len(), 3);
        assert!(needed(all, "ab(1) + x.a(2)").is_empty());
    }
}
