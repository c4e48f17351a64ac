//! Whether bytes are what they should be: a picture or a sound, and whole.

use flowgate_engine::call::{CallError, MediaRequest};
use flowgate_engine::file::{FileRef, read_media_type};

use super::wire::Ask;
use super::{failed, invalid_answer};
use crate::sniff::sniff;

/// The mark of a picture's end stands this near to the end of the file. Some tools append a little.
const END_BYTES: usize = 4096;

/// Returns what the bytes of an answer are. `said`: what the provider says.
pub(super) fn prove(
    ask: &Ask<'_>,
    said: Option<&str>,
    bytes: &[u8],
) -> Result<&'static str, CallError> {
    let said = said.and_then(read_media_type);
    let (what, is_right): (_, fn(&str) -> bool) = match ask.request {
        MediaRequest::Image(_) => ("picture", is_picture),
        _ => ("sound", is_sound),
    };
    if let MediaRequest::Speech(asked) = ask.request
        && asked.format.as_deref() == Some("pcm")
        && !bytes.is_empty()
    {
        return Ok("audio/pcm");
    }
    let found = type_of(bytes).filter(|found| is_right(found));
    let Some(found) = found else {
        let said = said.map(|said| format!(", although it is said to be {said}"));
        let message = format!("answered with what is no {what}{}", said.unwrap_or_default());
        return Err(invalid_answer(message));
    };
    if !is_whole(found, bytes) {
        return Err(invalid_answer(format!("the {what} that it answered with is cut off")));
    }
    Ok(found)
}

/// Returns what the bytes of a file are that goes out as an `image` or as `audio`.
pub(super) fn of_input(
    kind: &str,
    file: &FileRef,
    bytes: &[u8],
) -> Result<&'static str, CallError> {
    let is_right = if kind == "image" { is_picture } else { is_sound };
    let FileRef { name, media_type: said, .. } = file;
    let found = type_of(bytes);
    let claims = |kind: &str| said.strip_prefix(kind).is_some_and(|rest| rest.starts_with('/'));
    match found.filter(|found| is_right(found)) {
        Some(found) if claims(kind) && kind == "image" && found != said => {
            let message = format!("the file {name} says it is {said}, and is {found}");
            Err(failed("invalid_file", message))
        }
        Some(found) => Ok(found),
        None => {
            let is = found.map_or_else(String::new, |found| format!(" but {found}"));
            let what = if kind == "image" { "picture" } else { "sound" };
            let message = format!("the file {name} ({said}) is no {what}{is}");
            Err(failed("invalid_file", message))
        }
    }
}

fn is_picture(media_type: &str) -> bool {
    media_type.starts_with("image/")
}

/// Speech comes in videos, too.
fn is_sound(media_type: &str) -> bool {
    media_type.starts_with("audio/") || media_type.starts_with("video/")
}

fn type_of(bytes: &[u8]) -> Option<&'static str> {
    let is_aac = matches!(bytes, [0xff, second, ..] if second & 0xf6 == 0xf0);
    sniff(bytes).or(is_aac.then_some("audio/aac"))
}

/// A cut that the connection did not show: not all formats let it be seen.
fn is_whole(media_type: &str, bytes: &[u8]) -> bool {
    let end = &bytes[bytes.len().saturating_sub(END_BYTES)..];
    match media_type {
        "image/png" => memchr::memmem::find(end, b"IEND").is_some(),
        "image/jpeg" => memchr::memmem::find(end, b"\xff\xd9").is_some(),
        "image/webp" => {
            let length = bytes.get(4..8).and_then(|length| length.try_into().ok());
            length.is_some_and(|length| {
                bytes.len() as u64 >= 8 + u64::from(u32::from_le_bytes(length))
            })
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use flowgate_engine::call::{ImageRequest, SpeechRequest};
    use flowgate_engine::file::FileId;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....IEND\xaeB`\x82";

    #[test]
    fn an_answer_is_what_its_bytes_are() {
        let image = MediaRequest::Image(ImageRequest::default());
        let speech = |format: &str| {
            let format = Some(format.to_owned());
            MediaRequest::Speech(SpeechRequest { format, ..SpeechRequest::default() })
        };
        let check = |request: &MediaRequest, bytes: &[u8], expected: Result<&str, &str>| {
            let ask = Ask { provider: "p", model: "m", request, files: &[] };
            let found = prove(&ask, Some("image/png; x=y"), bytes);
            match expected {
                Ok(expected) => assert_eq!(found.unwrap(), expected),
                Err(expected) => {
                    let error = found.unwrap_err();
                    assert!(error.message.contains(expected), "{}", error.message);
                    assert_eq!(error.code, "invalid_answer");
                }
            }
        };
        check(&image, PNG, Ok("image/png"));
        check(&image, b"\xff\xd8\xff\xe0..\xff\xd9", Ok("image/jpeg"));
        check(&image, b"RIFF\x04\0\0\0WEBP", Ok("image/webp"));
        check(&image, &PNG[..12], Err("cut off"));
        check(&image, b"\xff\xd8\xff\xe0..", Err("cut off"));
        check(&image, b"RIFF\x05\0\0\0WEBP", Err("cut off"));
        check(&image, b"<html>", Err("no picture, although it is said to be image/png"));
        check(&image, b"", Err("no picture"));
        check(&image, b"RIFF....WAVE", Err("no picture"));
        check(&speech("mp3"), b"ID3", Ok("audio/mpeg"));
        check(&speech("aac"), b"\xff\xf1", Ok("audio/aac"));
        check(&speech("pcm"), b"anything", Ok("audio/pcm"));
        check(&speech("pcm"), b"", Err("no sound"));
        check(&speech("mp3"), PNG, Err("no sound"));
    }

    #[test]
    fn a_file_that_lies_about_its_type_does_not_go_out() {
        let check = |kind: &str, said: &str, bytes: &[u8], expected: Result<&str, &str>| {
            let file = FileRef {
                id: FileId::new([1; 16]),
                name: "x".to_owned(),
                media_type: said.to_owned(),
                size: 1,
                sha256: String::new(),
            };
            let found = of_input(kind, &file, bytes);
            let found = found.as_ref().map_err(|error| error.message.as_str());
            assert_eq!(found.copied(), expected);
        };
        check("image", "image/png", PNG, Ok("image/png"));
        check("image", "application/octet-stream", PNG, Ok("image/png"));
        let lie = "the file x says it is image/jpeg, and is image/png";
        check("image", "image/jpeg", PNG, Err(lie));
        check("image", "image/png", b"<svg>", Err("the file x (image/png) is no picture"));
        let pdf = "the file x (image/png) is no picture but application/pdf";
        check("image", "image/png", b"%PDF-1.7", Err(pdf));
        check("audio", "audio/x-wav", b"RIFF....WAVE", Ok("audio/wav"));
        check("audio", "video/webm", b"\x1a\x45\xdf\xa3", Ok("video/webm"));
        check("audio", "audio/mpeg", PNG, Err("the file x (audio/mpeg) is no sound but image/png"));
    }
}
