//! Files in messages: their bytes take the place of their ids, once they are what they say.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_engine::call::{CallError, Content, ContentPart, Image, ModelCall, ModelMessage};
use flowgate_engine::file::{ANY_TYPE, FileId, FileRef};

use super::failed;
use crate::sniff::sniff;
use crate::{Metered, RunFiles};

/// Of all files of a call. They are there as bytes, as base64, in the body as a value and as text.
const MAX_TOGETHER: u64 = 16 << 20;
/// What is counted for each byte of a file, beside the byte: base64 in each of its places.
const COPIES: usize = 4;

/// The largest picture and the largest PDF that a provider takes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limits {
    picture: u64,
    pdf: u64,
}

impl Limits {
    fn of(provider: &str) -> Self {
        const MIB: u64 = 1 << 20;
        match provider {
            "anthropic" => Self { picture: 5 * MIB, pdf: MAX_TOGETHER },
            "bedrock" => Self { picture: 15 * MIB / 4, pdf: 9 * MIB / 2 },
            // A request has 20 MB, in base64.
            "gemini" | "google" | "vertex" => Self { picture: 14 * MIB, pdf: 14 * MIB },
            "ollama" | "cohere" => Self { picture: MAX_TOGETHER, pdf: 0 },
            _ => Self { picture: MAX_TOGETHER, pdf: MAX_TOGETHER },
        }
    }
}

/// Returns the call with the bytes of its files.
pub(super) async fn with_files<'c>(
    call: &'c ModelCall,
    provider: &str,
    (memory, files): (&Metered, &RunFiles),
) -> Result<Cow<'c, ModelCall>, CallError> {
    let is_file = |part: &ContentPart| matches!(part, ContentPart::File { .. });
    if !call.messages.iter().filter_map(parts).flatten().any(is_file) {
        return Ok(Cow::Borrowed(call));
    }
    let mut call = call.clone();
    let mut left = MAX_TOGETHER;
    for part in call.messages.iter_mut().filter_map(parts_mut).flatten() {
        if let ContentPart::File { file } = part {
            let (stored, bytes) = read(file, provider, left, (memory, files)).await?;
            left -= stored.size;
            *part = filled(&stored, &bytes)?;
        }
    }
    Ok(Cow::Owned(call))
}

fn parts(message: &ModelMessage) -> Option<&Vec<ContentPart>> {
    match message {
        ModelMessage::User { content: Content::Parts(parts) } => Some(parts),
        _ => None,
    }
}

fn parts_mut(message: &mut ModelMessage) -> Option<&mut Vec<ContentPart>> {
    match message {
        ModelMessage::User { content: Content::Parts(parts) } => Some(parts),
        _ => None,
    }
}

async fn read(
    id: &FileId,
    provider: &str,
    left: u64,
    (memory, files): (&Metered, &RunFiles),
) -> Result<(FileRef, Vec<u8>), CallError> {
    let file = files.find(id).await?;
    let limits = Limits::of(provider);
    let (what, most) = match file.media_type.as_str() {
        "application/pdf" => ("PDFs", limits.pdf),
        _ => ("pictures", limits.picture),
    };
    if most == 0 {
        return Err(unfit(&file, &format!("{provider} takes no {what}")));
    }
    if file.size > most {
        return Err(unfit(&file, &format!("{provider} takes {what} of at most {most} bytes")));
    }
    if file.size > left {
        return Err(unfit(&file, &format!("the files of a call have at most {MAX_TOGETHER} bytes")));
    }
    memory.add(COPIES * usize::try_from(file.size).unwrap_or(usize::MAX / COPIES).div_ceil(3) * 4)?;
    files.read(id, most, memory).await
}

/// A picture or a PDF by its first bytes, which must agree with its type, if that says anything.
fn filled(file: &FileRef, bytes: &[u8]) -> Result<ContentPart, CallError> {
    let found = sniff(bytes).unwrap_or(ANY_TYPE);
    let said = match file.media_type.as_str() {
        "image/jpg" => "image/jpeg",
        other => other,
    };
    if said != ANY_TYPE && said != found {
        let what = if found == ANY_TYPE { "something else".to_owned() } else { found.to_owned() };
        return Err(unfit(file, &format!("it says that it is {said}, and is {what}")));
    }
    match found {
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" => {
            let (media_type, data) = (found.to_owned(), STANDARD.encode(bytes));
            Ok(ContentPart::Image { image: Image::Base64 { media_type, data } })
        }
        "application/pdf" => Ok(ContentPart::Document {
            name: file.name.clone(),
            media_type: found.to_owned(),
            data: STANDARD.encode(bytes),
        }),
        _ => Err(unfit(file, "models take PDFs, and pictures in PNG, JPEG, GIF and WebP")),
    }
}

fn unfit(file: &FileRef, why: &str) -> CallError {
    failed("invalid_file", format!("the file {}: {why}", file.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(media_type: &str) -> FileRef {
        FileRef {
            id: FileId::new([1; 16]),
            name: "a".to_owned(),
            media_type: media_type.to_owned(),
            size: 1,
            sha256: String::new(),
        }
    }

    #[test]
    fn a_file_is_what_its_bytes_say() {
        let check = |media_type: &str, bytes: &[u8], expected: &str| {
            let said = match filled(&file(media_type), bytes) {
                Ok(ContentPart::Image { image: Image::Base64 { media_type, .. } }) => media_type,
                Ok(ContentPart::Document { media_type, .. }) => media_type,
                Ok(_) => "other".to_owned(),
                Err(error) => error.message,
            };
            assert!(said.contains(expected), "{media_type}: {said}");
        };
        let png = b"\x89PNG\r\n\x1a\n";
        check("image/png", png, "image/png");
        check(ANY_TYPE, png, "image/png");
        check("image/jpg", b"\xff\xd8\xff", "image/jpeg");
        check("application/pdf", b"%PDF-1.7", "application/pdf");
        check("image/jpeg", png, "it says that it is image/jpeg, and is image/png");
        check("image/png", b"<svg onload=alert(1)>", "and is something else");
        check("application/pdf", png, "it says that it is application/pdf");
        check("text/csv", b"a,b", "it says that it is text/csv, and is something else");
        check(ANY_TYPE, b"a,b", "models take PDFs");
        check("application/zip", b"PK\x03\x04", "models take PDFs");
    }

    #[test]
    fn providers_take_what_they_take() {
        assert_eq!(Limits::of("anthropic").picture, 5 << 20);
        assert_eq!(Limits::of("ollama").pdf, 0);
        assert_eq!(Limits::of("openai"), Limits { picture: MAX_TOGETHER, pdf: MAX_TOGETHER });
    }
}
