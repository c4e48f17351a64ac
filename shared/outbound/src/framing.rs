//! Cuts a streamed answer into frames, however its bytes arrive.

pub(crate) mod aws_message;

use aws_message::Messages;

/// A frame may hold a whole answer.
pub(super) const MAX_FRAME_BYTES: usize = 4 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON value per line.
    Lines,
    /// AWS's binary messages.
    AwsMessages,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// The event's name; empty if it has none.
    pub(super) name: String,
    pub(super) data: String,
}

/// Why an answer cannot be cut into frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Unreadable,
    /// This part of it is larger than a frame may be.
    TooLarge(&'static str),
}

/// The frames of one answer.
pub(super) enum Framer {
    /// Nothing has come that shows what this is.
    Unknown {
        framing: Framing,
        held: Vec<u8>,
    },
    Lines(Lines),
    Events {
        lines: Lines,
        event: Frame,
        has_data: bool,
    },
    AwsMessages(Messages),
    /// A JSON value where a stream was asked for.
    Whole(Vec<u8>),
}

impl Framer {
    pub(super) fn new(framing: Framing) -> Self {
        Self::Unknown { framing, held: Vec::new() }
    }

    /// Returns the frames that end within these bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, Fault> {
        if let Self::Unknown { framing, held } = self {
            held.extend_from_slice(bytes);
            let Some(known) = Self::recognized(*framing, held) else { return Ok(Vec::new()) };
            let held = std::mem::take(held);
            *self = known;
            return self.push(&held);
        }
        match self {
            Self::Unknown { .. } => Ok(Vec::new()),
            Self::Lines(lines) => {
                let lines = lines.push(bytes)?;
                Ok(lines.into_iter().filter_map(line_frame).collect())
            }
            Self::Events { lines, event, has_data } => {
                let mut frames = Vec::new();
                for line in lines.push(bytes)? {
                    frames.extend(take_line(&line, event, has_data)?);
                }
                Ok(frames)
            }
            Self::AwsMessages(messages) => messages.push(bytes),
            Self::Whole(body) => {
                body.extend_from_slice(bytes);
                if body.len() > MAX_FRAME_BYTES {
                    return Err(Fault::TooLarge("the answer"));
                }
                Ok(Vec::new())
            }
        }
    }

    /// Returns what stands at the end without the line end that would close it, and the body if it
    /// is no stream.
    pub(super) fn end(&mut self) -> Result<End, Fault> {
        match self {
            Self::Unknown { held, .. } | Self::Whole(held) => {
                Ok(End::of_body(std::mem::take(held)))
            }
            Self::Lines(lines) => {
                let last = lines.end()?;
                Ok(End::Frames(last.and_then(line_frame).into_iter().collect()))
            }
            Self::Events { lines, event, has_data } => {
                let mut frames = Vec::new();
                if let Some(last) = lines.end()? {
                    frames.extend(take_line(&last, event, has_data)?);
                }
                // The standard drops it. Providers forget the last empty line, and an event of
                // which a part is missing does not parse.
                frames.extend(std::mem::take(has_data).then(|| std::mem::take(event)));
                Ok(End::Frames(frames))
            }
            // A message that was cut is none: what came before it decides.
            Self::AwsMessages(_) => Ok(End::Frames(Vec::new())),
        }
    }

    /// The bytes that wait for the end of their frame.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Unknown { held, .. } | Self::Whole(held) => held.len(),
            Self::Lines(lines) => lines.held.len(),
            Self::AwsMessages(messages) => messages.held.len(),
            Self::Events { lines, event, .. } => lines.held.len() + event.data.len(),
        }
    }

    /// Distinguishes a stream from a JSON value by its first character: no stream begins like one.
    fn recognized(framing: Framing, held: &mut Vec<u8>) -> Option<Self> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        if MARK.starts_with(&held[..held.len().min(3)]) {
            if held.len() < MARK.len() {
                return None;
            }
            held.drain(..MARK.len());
        }
        let first = held.iter().find(|byte| !byte.is_ascii_whitespace());
        match (framing, first?) {
            (Framing::Events | Framing::AwsMessages, b'{' | b'[') => Some(Self::Whole(Vec::new())),
            (Framing::AwsMessages, _) => Some(Self::AwsMessages(Messages::default())),
            (Framing::Events, _) => Some(Self::Events {
                lines: Lines::default(),
                event: Frame::default(),
                has_data: false,
            }),
            (Framing::Lines, _) => Some(Self::Lines(Lines::default())),
        }
    }
}

/// How an answer ends.
pub(super) enum End {
    Frames(Vec<Frame>),
    Body(Vec<u8>),
}

impl End {
    fn of_body(body: Vec<u8>) -> Self {
        let is_empty = body.iter().all(u8::is_ascii_whitespace);
        if is_empty { Self::Frames(Vec::new()) } else { Self::Body(body) }
    }
}

fn line_frame(line: String) -> Option<Frame> {
    let is_empty = line.trim().is_empty();
    (!is_empty).then(|| Frame { data: line, ..Frame::default() })
}

/// Takes one line of an event; an empty one ends it.
fn take_line(line: &str, event: &mut Frame, has_data: &mut bool) -> Result<Option<Frame>, Fault> {
    if line.is_empty() {
        let ended = std::mem::take(event);
        return Ok(std::mem::take(has_data).then_some(ended));
    }
    let (field, value) = line.split_once(':').unwrap_or((line, ""));
    let value = value.strip_prefix(' ').unwrap_or(value);
    match field {
        "data" => {
            if event.data.len() + value.len() > MAX_FRAME_BYTES {
                return Err(Fault::TooLarge("an event of the answer"));
            }
            if *has_data {
                event.data.push('\n');
            }
            *has_data = true;
            event.data.push_str(value);
        }
        "event" => value.clone_into(&mut event.name),
        // Comments keep the connection open. Ids and retry times are for browsers.
        _ => {}
    }
    Ok(None)
}

/// Cuts text into lines: CR, LF or both end one.
#[derive(Default)]
pub(super) struct Lines {
    held: Vec<u8>,
    /// The last byte was a CR: an LF right after it ends no second line.
    after_return: bool,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, Fault> {
        let mut lines = Vec::new();
        for byte in bytes {
            let is_second = self.after_return && *byte == b'\n';
            self.after_return = *byte == b'\r';
            if is_second {
                continue;
            }
            if matches!(byte, b'\r' | b'\n') {
                lines.push(text(std::mem::take(&mut self.held))?);
            } else if self.held.len() == MAX_FRAME_BYTES {
                return Err(Fault::TooLarge("a line of the answer"));
            } else {
                self.held.push(*byte);
            }
        }
        Ok(lines)
    }

    fn end(&mut self) -> Result<Option<String>, Fault> {
        let last = std::mem::take(&mut self.held);
        if last.is_empty() { Ok(None) } else { text(last).map(Some) }
    }
}

fn text(bytes: Vec<u8>) -> Result<String, Fault> {
    String::from_utf8(bytes).map_err(|_| Fault::Unreadable)
}
