//! The bytes of an answer, decompressed as they come, and counted and bounded before they are kept.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::{HeaderMap, header};

use super::super::Metered;
use super::{CallError, invalid_answer};

/// An answer as text, as a value, the engine's, the checkpoint's, and as it is written.
pub(super) const COPIES_OF_ANSWER: usize = 5;
const PIECE_BYTES: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Identity,
    Gzip,
    Deflate,
}

impl Encoding {
    /// Several compressions of one answer would multiply what a small one can cost.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, CallError> {
        let mut found = Self::Identity;
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let text = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
            for name in text.split(',').map(str::trim) {
                let encoding = match name {
                    "" | "identity" => continue,
                    "gzip" | "x-gzip" => Self::Gzip,
                    "deflate" => Self::Deflate,
                    _ => {
                        let name: String = name.chars().take(40).collect();
                        let message = format!("its content encoding {name:?} is not supported");
                        return Err(invalid_answer(message));
                    }
                };
                if found != Self::Identity {
                    return Err(invalid_answer("it is compressed more than once"));
                }
                found = encoding;
            }
        }
        Ok(found)
    }
}

/// Takes the bytes of an answer as they come.
pub(super) enum Inflate<'m> {
    Identity(Kept<'m>),
    Gzip(MultiGzDecoder<Kept<'m>>),
    Deflate(Deflate<'m>),
}

/// Why no more bytes are taken.
pub(super) enum Stop {
    /// They do not fit.
    Full,
    /// They are not what the content encoding says.
    Corrupt,
    Overloaded(CallError),
}

impl<'m> Inflate<'m> {
    pub(super) fn new(encoding: Encoding, kept: Kept<'m>) -> Self {
        match encoding {
            Encoding::Identity => Self::Identity(kept),
            Encoding::Gzip => Self::Gzip(MultiGzDecoder::new(kept)),
            Encoding::Deflate => Self::Deflate(Deflate::new(kept)),
        }
    }

    pub(super) fn push(&mut self, part: &[u8]) -> Result<(), Stop> {
        let written = match self {
            Self::Identity(kept) => kept.write_all(part),
            Self::Gzip(decoder) => decoder.write_all(part),
            Self::Deflate(deflate) => deflate.push(part),
        };
        written.map_err(|_| self.kept().stop())
    }

    /// Fails if the stream is cut off.
    pub(super) fn finish(&mut self) -> Result<(), Stop> {
        let finished = match self {
            Self::Identity(_) => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Deflate(deflate) => deflate.finish(),
        };
        finished.map_err(|_| self.kept().stop())
    }

    /// Returns what has come since, and goes on with the same room.
    pub(super) fn drain(&mut self) -> Vec<u8> {
        let kept = self.kept();
        let drained = kept.bytes.clone();
        kept.bytes.clear();
        drained
    }

    pub(super) fn take(mut self) -> Vec<u8> {
        std::mem::take(&mut self.kept().bytes)
    }

    fn kept(&mut self) -> &mut Kept<'m> {
        match self {
            Self::Identity(kept) => kept,
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Deflate(deflate) => &mut deflate.kept,
        }
    }
}

/// The bytes so far. It takes no more than its limit, and none that are not counted.
pub(super) struct Kept<'m> {
    bytes: Vec<u8>,
    limit: usize,
    memory: &'m Metered,
    is_full: bool,
    refusal: Option<CallError>,
}

impl<'m> Kept<'m> {
    pub(super) fn new(limit: usize, memory: &'m Metered) -> Self {
        Self { bytes: Vec::new(), limit, memory, is_full: false, refusal: None }
    }

    /// Counts bytes before they come: of many answers that begin together, the first ones fit.
    pub(super) fn expect(&mut self, length: usize) -> Result<(), CallError> {
        self.make_room(length.min(self.limit))
    }

    fn make_room(&mut self, room: usize) -> Result<(), CallError> {
        if room > self.bytes.capacity() {
            self.memory.add(COPIES_OF_ANSWER * (room - self.bytes.capacity()))?;
            self.bytes.reserve_exact(room - self.bytes.len());
        }
        Ok(())
    }

    fn stop(&mut self) -> Stop {
        match self.refusal.take() {
            Some(error) => Stop::Overloaded(error),
            None if self.is_full => Stop::Full,
            None => Stop::Corrupt,
        }
    }
}

impl Write for Kept<'_> {
    fn write(&mut self, part: &[u8]) -> io::Result<usize> {
        let filled = self.bytes.len() + part.len();
        if filled > self.bytes.capacity()
            && let Err(error) = self.make_room((2 * filled).min(self.limit))
        {
            self.refusal = Some(error);
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let fitting = part.len().min(self.limit - self.bytes.len());
        self.bytes.extend_from_slice(&part[..fitting]);
        if fitting < part.len() {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(part.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Servers mean either of two formats by `deflate`: with the header of zlib, or without.
pub(super) struct Deflate<'m> {
    kept: Kept<'m>,
    decoder: Option<Decompress>,
    /// The first bytes, until they show the format.
    head: Vec<u8>,
    has_ended: bool,
}

impl<'m> Deflate<'m> {
    fn new(kept: Kept<'m>) -> Self {
        Self { kept, decoder: None, head: Vec::new(), has_ended: false }
    }

    fn push(&mut self, part: &[u8]) -> io::Result<()> {
        if self.decoder.is_some() {
            return self.inflate(part);
        }
        self.head.extend_from_slice(part);
        let [first, second, ..] = *self.head.as_slice() else { return Ok(()) };
        let is_zlib = first & 15 == 8 && u16::from_be_bytes([first, second]) % 31 == 0;
        self.decoder = Some(Decompress::new(is_zlib));
        let head = std::mem::take(&mut self.head);
        self.inflate(&head)
    }

    fn inflate(&mut self, mut part: &[u8]) -> io::Result<()> {
        let Some(decoder) = &mut self.decoder else { return Ok(()) };
        let mut piece = [0; PIECE_BYTES];
        while !self.has_ended {
            let before = (decoder.total_in(), decoder.total_out());
            let status = decoder.decompress(part, &mut piece, FlushDecompress::None)?;
            let taken = usize::try_from(decoder.total_in() - before.0).unwrap_or(part.len());
            let made = usize::try_from(decoder.total_out() - before.1).unwrap_or(0);
            part = &part[taken..];
            self.kept.write_all(&piece[..made])?;
            self.has_ended = status == Status::StreamEnd;
            if taken == 0 && made == 0 {
                break;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        if self.has_ended { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}
