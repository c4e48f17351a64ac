//! A form with one file (RFC 7578), read as it comes: of its bytes, only those are held that may
//! begin the boundary.

use flowgate_app::file::clean_name;

const MAX_BOUNDARY: usize = 70;
const MAX_HEAD: usize = 16 << 10;
const MAX_PREAMBLE: usize = 64 << 10;
/// Parts beside the file, and their bytes.
const MAX_OTHERS: usize = 20;
const MAX_OTHER_BYTES: usize = 64 << 10;

/// What becomes of parts beside the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    Refused,
    /// Parts that are no files are passed over.
    Ignored,
}

/// What a part says of itself.
#[derive(Debug, PartialEq)]
pub(super) struct PartHead {
    pub(super) filename: String,
    pub(super) content_type: Option<String>,
}

pub(super) struct OneFile {
    others: Others,
    passed_over: usize,
    passed_over_bytes: usize,
    /// What ends a part: the line end belongs to it.
    delimiter: Vec<u8>,
    held: Vec<u8>,
    /// What of the preamble, and of `held` while it is a head, has been looked through.
    seen: usize,
    state: State,
    head: Option<PartHead>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Preamble,
    Head,
    Content,
    /// Of a part that is passed over.
    Other,
    /// After the delimiter that ends the part.
    After,
    End,
}

impl OneFile {
    pub(super) fn of(content_type: &str, others: Others) -> Result<Self, &'static str> {
        let boundary = parameter(content_type, "boundary").ok_or("the form has no boundary")?;
        if boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
            return Err("the boundary of the form must have 1 to 70 bytes");
        }
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // A form may begin with its boundary: as if a line had ended.
        let held = b"\r\n".to_vec();
        Ok(Self {
            others,
            passed_over: 0,
            passed_over_bytes: 0,
            delimiter,
            held,
            seen: 0,
            state: State::Preamble,
            head: None,
        })
    }

    pub(super) fn head(&self) -> Option<&PartHead> {
        self.head.as_ref()
    }

    /// Takes what has come, and returns the bytes of the part in it.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, &'static str> {
        self.held.extend_from_slice(bytes);
        let mut content = Vec::new();
        loop {
            match self.state {
                State::Preamble => {
                    let Some(at) = self.find_delimiter() else {
                        let sure = self.held.len().saturating_sub(self.delimiter.len() - 1);
                        self.held.drain(..sure);
                        self.seen += sure;
                        if self.seen > MAX_PREAMBLE {
                            return Err("the form does not begin with its boundary");
                        }
                        return Ok(content);
                    };
                    // The end of a form without parts, too, is followed by no head.
                    self.held.drain(..at + self.delimiter.len());
                    (self.state, self.seen) = (State::Head, 0);
                }
                State::Head => {
                    let Some(at) = find(&self.held[self.seen..], b"\r\n\r\n") else {
                        self.seen = self.held.len().saturating_sub(3);
                        let is_end = self.held.starts_with(b"--");
                        if is_end || self.held.len() > MAX_HEAD {
                            return Err(
                                "the form has no file, or the head of its part is too long",
                            );
                        }
                        return Ok(content);
                    };
                    let at = self.seen + at;
                    let head = read_head(&self.held[..at]);
                    self.held.drain(..at + 4);
                    self.state = self.part(head)?;
                }
                State::Other => {
                    if !self.pass_over()? {
                        return Ok(content);
                    }
                    self.state = State::After;
                }
                State::Content => {
                    if let Some(at) = self.find_delimiter() {
                        content.extend(self.held.drain(..at));
                        self.held.drain(..self.delimiter.len());
                        self.state = State::After;
                    } else {
                        let sure = self.held.len().saturating_sub(self.delimiter.len() - 1);
                        content.extend(self.held.drain(..sure));
                        return Ok(content);
                    }
                }
                State::After => {
                    if self.held.len() < 2 {
                        return Ok(content);
                    }
                    self.state = match (self.held.starts_with(b"--"), self.others) {
                        (true, _) => State::End,
                        (false, Others::Ignored) => State::Head,
                        (false, Others::Refused) => {
                            return Err("the form must have one part, the file");
                        }
                    };
                    self.seen = 0;
                }
                State::End => {
                    self.held.clear();
                    return Ok(content);
                }
            }
        }
    }

    /// Returns whether the part is over.
    fn pass_over(&mut self) -> Result<bool, &'static str> {
        let end = self.find_delimiter();
        let sure = self.held.len().saturating_sub(self.delimiter.len() - 1);
        let passed_over = end.unwrap_or(sure);
        self.passed_over_bytes += passed_over;
        if self.passed_over_bytes > MAX_OTHER_BYTES {
            return Err("the form has too much beside the file");
        }
        self.held.drain(..passed_over + end.map_or(0, |_| self.delimiter.len()));
        Ok(end.is_some())
    }

    /// Returns what follows the head of a part.
    fn part(
        &mut self,
        head: Result<Option<PartHead>, &'static str>,
    ) -> Result<State, &'static str> {
        match (head?, self.others) {
            (Some(_), _) if self.head.is_some() => Err("the form must have one file"),
            (Some(head), _) => {
                self.head = Some(head);
                Ok(State::Content)
            }
            (None, Others::Refused) => Err("the part is no file: no filename"),
            (None, Others::Ignored) => {
                self.passed_over += 1;
                match self.passed_over > MAX_OTHERS {
                    true => Err("the form has too many parts"),
                    false => Ok(State::Other),
                }
            }
        }
    }

    pub(super) fn finish(&self) -> Result<(), &'static str> {
        if self.state == State::End { Ok(()) } else { Err("the form ended early") }
    }

    fn find_delimiter(&self) -> Option<usize> {
        find(&self.held, &self.delimiter)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// `None`: the part is no file.
fn read_head(head: &[u8]) -> Result<Option<PartHead>, &'static str> {
    let head = str::from_utf8(head).map_err(|_| "the head of the part is not UTF-8")?;
    let header = |wanted: &str| {
        let mut lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines
            .find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim())
    };
    let disposition = header("content-disposition").ok_or("the part has no content-disposition")?;
    let Some(filename) = parameter(disposition, "filename") else { return Ok(None) };
    let content_type = header("content-type").map(str::to_owned);
    Ok(Some(PartHead { filename: clean_name(&filename), content_type }))
}

/// Returns a parameter of a header value: a word, or text in quotes, in which `\"` is a quote.
fn parameter(value: &str, wanted: &str) -> Option<String> {
    let mut rest = value.split_once(';')?.1;
    loop {
        let (name, after) = rest.split_once('=')?;
        let is_wanted = name.trim().eq_ignore_ascii_case(wanted);
        let after = after.trim_start();
        let (text, left) = match after.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = after.find(';').unwrap_or(after.len());
                (after[..end].trim().to_owned(), &after[end..])
            }
        };
        if is_wanted {
            return Some(text);
        }
        rest = left.trim_start().strip_prefix(';')?;
    }
}

/// Returns the text up to the closing quote, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut read = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((read, &text[at + 1..])),
            // A path of Windows has backslashes that escape nothing.
            '\\' if characters.peek().is_some_and(|(_, next)| *next == '"') => {
                read.extend(characters.next().map(|(_, next)| next));
            }
            other => read.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=XX";

    fn form(content: &str) -> String {
        format!(
            "--XX\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a \\\"b.png\"\r\n\
             content-type: image/png\r\n\r\n{content}\r\n--XX--\r\n"
        )
    }

    /// Pushed in pieces of this size.
    fn read(body: &[u8], size: usize) -> Result<(Vec<u8>, PartHead), &'static str> {
        let mut form = OneFile::of(TYPE, Others::Refused)?;
        let mut content = Vec::new();
        for piece in body.chunks(size) {
            content.extend(form.push(piece)?);
        }
        form.finish()?;
        Ok((content, form.head.ok_or("no head")?))
    }

    #[test]
    fn a_part_is_read_wherever_it_is_cut() {
        for content in ["", "x", "\r\n", "a\r\n--X\r\n--X", "--XX", "\r\n\r\n--"] {
            let body = form(content);
            for size in 1..body.len() {
                let (read, head) = read(body.as_bytes(), size).unwrap();
                assert_eq!(read, content.as_bytes(), "{content:?} by {size}");
                assert_eq!(head.filename, "a \"b.png");
                assert_eq!(head.content_type.as_deref(), Some("image/png"));
            }
        }
    }

    #[test]
    fn only_what_may_be_the_boundary_is_held() {
        let mut part = OneFile::of(TYPE, Others::Refused).unwrap();
        part.push(form("").split("\r\n\r\n").next().unwrap().as_bytes()).unwrap();
        part.push(b"\r\n\r\n").unwrap();
        for _ in 0..100 {
            assert!(part.push(&[b'x'; 10_000]).unwrap().len() >= 9_990);
            assert!(part.held.len() < 10);
        }
    }

    /// Whoever sends byte by byte must not make each of them cost all before it.
    #[test]
    fn what_precedes_the_part_is_looked_through_once() {
        let mut part = OneFile::of(TYPE, Others::Refused).unwrap();
        for _ in 0..60_000 {
            part.push(b"x").unwrap();
            assert!(part.held.len() < part.delimiter.len());
        }
        part.push(b"\r\n--XX").unwrap();
        for n in 1..10_000 {
            part.push(b"y").unwrap();
            assert!(part.held.len() == n && part.held.len() - part.seen <= 3);
        }
    }

    #[test]
    fn what_is_no_form_with_one_file_is_refused() {
        let check = |body: &str, expected: &str| {
            let said = read(body.as_bytes(), 7).unwrap_err();
            assert!(said.contains(expected), "{body:?}: {said}");
        };
        check("", "ended early");
        check("--XX--\r\n", "no file");
        check("--XX\r\n\r\n\r\n--XX--", "no content-disposition");
        check("--XX\r\ncontent-disposition: form-data; name=a\r\n\r\nx\r\n--XX--", "no filename");
        check(&form("x").replace("--XX--\r\n", ""), "ended early");
        check(&form("x").replace("--XX--", &form("y")), "one part");
        check(&"x".repeat(70_000), "does not begin");
        check(&format!("--XX\r\n{}", "x".repeat(20_000)), "too long");
        assert!(OneFile::of("multipart/form-data", Others::Refused).is_err());
        assert!(OneFile::of("multipart/form-data; boundary=\"\"", Others::Refused).is_err());
        assert!(
            OneFile::of(
                &format!("multipart/form-data; boundary={}", "x".repeat(71)),
                Others::Refused
            )
            .is_err()
        );
    }

    #[test]
    fn parameters_are_read_in_quotes_or_without() {
        let check = |value: &str, expected: Option<&str>| {
            assert_eq!(parameter(value, "filename").as_deref(), expected, "{value}");
        };
        check("form-data; name=\"a; filename=b\"; filename=c", Some("c"));
        check("form-data; FileName = \"C:\\x\\y.z\"", Some("C:\\x\\y.z"));
        check("form-data; filename=\"a", None);
        check("form-data", None);
    }

    #[test]
    fn parts_that_are_no_files_may_be_passed_over() {
        let field = |name: &str, value: &str| {
            format!("--XX\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let body = form("the bytes");
        let (file, end) = body.split_at(body.len() - "--XX--\r\n".len());
        let whole = format!(
            "{}{file}{}{}{end}",
            field("workspaceId", "w"),
            field("a", "--X"),
            field("b", ""),
        );
        let read = |others, body: &[u8], size: usize| {
            let mut form = OneFile::of(TYPE, others)?;
            let mut content = Vec::new();
            for piece in body.chunks(size) {
                content.extend(form.push(piece)?);
            }
            form.finish().map(|()| (content, form.head.map(|head| head.filename)))
        };
        for size in 1..whole.len() {
            let (content, name) = read(Others::Ignored, whole.as_bytes(), size).unwrap();
            assert_eq!(content, b"the bytes", "by {size}");
            assert_eq!(name.as_deref(), Some("a \"b.png"));
        }
        assert!(read(Others::Refused, whole.as_bytes(), 7).is_err());
        let twice = format!("{file}{}", form("more"));
        assert_eq!(read(Others::Ignored, twice.as_bytes(), 7), Err("the form must have one file"));
        let long = format!("{}{body}", field("a", &"x".repeat(MAX_OTHER_BYTES + 1)));
        assert!(read(Others::Ignored, long.as_bytes(), 1_000).is_err());
        let many = field("a", "").repeat(MAX_OTHERS + 1) + &body;
        assert!(read(Others::Ignored, many.as_bytes(), 1_000).is_err());
    }
}
