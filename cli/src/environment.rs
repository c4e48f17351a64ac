//! The file `.env` of the current folder. What the environment already has wins.

use std::path::Path;

/// The warning where the file is there and cannot be read to its end.
pub(crate) fn load() -> Result<(), String> {
    match dotenvy::from_path(Path::new(".env")) {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(error) => Err(told(&error, &std::fs::read_to_string(".env").unwrap_or_default())),
    }
}

/// Never the line itself: it may hold a secret.
fn told(error: &dotenvy::Error, text: &str) -> String {
    match error {
        dotenvy::Error::LineParse(line, _) => {
            // After a quote that is not closed it is the rest of the file.
            let first = line.trim().lines().next().unwrap_or_default();
            let number = text
                .lines()
                .position(|candidate| candidate.trim() == first.trim())
                .map_or(String::new(), |index| format!(" {}", index + 1));
            format!(".env: line{number} is not NAME=value; it and what follows is ignored")
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
        assert_eq!(told(&error, text), ".env: line 3 is not NAME=value; it and what follows is ignored");
    }
}
