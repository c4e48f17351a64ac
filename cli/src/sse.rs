//! Reads server-sent events from bytes that may be cut anywhere.

use anyhow::{Result, bail};

/// A run object with its input and output fits; an endless line does not.
const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Frame {
    pub event: String,
    pub id: Option<String>,
    pub data: String,
}

#[derive(Default)]
pub(crate) struct Frames {
    buffer: Vec<u8>,
    /// The buffer holds no end of line before this position.
    searched: usize,
    frame: Frame,
    has_data: bool,
}

impl Frames {
    /// Takes the bytes that arrived and returns the frames that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>> {
        self.buffer.extend_from_slice(bytes);
        let mut frames = Vec::new();
        let mut start = 0;
        while let Some(end) = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| self.searched + at)
        {
            let line =
                String::from_utf8_lossy(&self.buffer[start..end]).trim_end_matches('\r').to_owned();
            frames.extend(self.line(&line));
            start = end + 1;
            self.searched = start;
        }
        self.buffer.drain(..start);
        self.searched = self.buffer.len();
        if self.buffer.len() + self.frame.data.len() > MAX_FRAME_BYTES {
            bail!("an event of the stream is larger than {MAX_FRAME_BYTES} bytes");
        }
        Ok(frames)
    }

    /// An empty line ends a frame; a line that begins with a colon is a comment.
    fn line(&mut self, line: &str) -> Option<Frame> {
        if line.is_empty() {
            let frame = std::mem::take(&mut self.frame);
            return std::mem::take(&mut self.has_data).then_some(frame);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.frame.event),
            "id" => self.frame.id = Some(value.to_owned()),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str = ": hello\n\n\
                          event: chunk\r\n\
                          id: 1-2\r\n\
                          data: {\"text\":\"ö\"}\r\n\
                          \r\n\
                          event: end\n\
                          data: a\n\
                          data:b\n\n\
                          id: 9\n\n\
                          data: cut";

    #[test]
    fn frames_are_the_same_however_the_bytes_are_cut() {
        let expected = [
            Frame {
                event: "chunk".into(),
                id: Some("1-2".into()),
                data: "{\"text\":\"ö\"}".into(),
            },
            Frame { event: "end".into(), id: None, data: "a\nb".into() },
        ];
        for size in [1, 2, 3, 7, STREAM.len()] {
            let mut frames = Frames::default();
            let read: Vec<Frame> = STREAM
                .as_bytes()
                .chunks(size)
                .flat_map(|bytes| frames.push(bytes).unwrap())
                .collect();
            assert_eq!(read, expected, "{size} bytes at a time");
        }
    }
}
