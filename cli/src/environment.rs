//! The file `.env` of the current folder. Variables that are already set win.

use std::path::Path;

/// Returns a warning if the file exists but cannot be read to its end.
pub(crate) fn load() -> Result<(), String> {
    match dotenvy::from_path(Path::new(".env")) {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(error) => Err(warning(&error, &std::fs::read_to_string(".env").unwrap_or_default())),
    }
}

/// Never quotes the line: it may hold a secret.
fn warning(error: &dotenvy::Error, text: &str) -> String {
    match error {
        dotenvy::Error::LineParse(line, _) => {
            // After an unclosed quote, this is the rest of the file.
            let first = line.trim().lines().next().unwrap_or_default();
            let number = text
                .lines()
                .position(|candidate| candidate.trim() == first.trim())
                .map_or(String::new(), |index| format!(" {}", index + 1));
            format!(".env: line{number} is not NAME=value; this line and the rest are ignored")
        }
        dotenvy::Error::Io(error) => format!(".env cannot be read: {error}"),
        _ => ".env cannot be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_line_is_named_and_not_shown() {
        let text = "A=1\n\nsk-secret 'oops\nB=2\n";
        let error = dotenvy::from_read_iter(text.as_bytes()).find_map(Result::err).unwrap();
        let expected = ".env: line 3 is not NAME=value; this line and the rest are ignored";
        assert_eq!(warning(&error, text), expected);
    }
}
