//! What bytes are, by how they begin: a type that somebody names may be a lie.

/// Returns the media type of bytes that begin as one of the types that models and documents know.
pub(crate) fn sniff(bytes: &[u8]) -> Option<&'static str> {
    let at = |from: usize, mark: &[u8]| bytes.get(from..from + mark.len()) == Some(mark);
    let by_start: [(&[u8], &str); 12] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"PK\x05\x06", "application/zip"),
        (b"\x1f\x8b", "application/gzip"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"ID3", "audio/mpeg"),
        (b"\x1a\x45\xdf\xa3", "video/webm"),
    ];
    if let Some((_, found)) = by_start.iter().find(|(mark, _)| at(0, mark)) {
        return Some(found);
    }
    if at(0, b"RIFF") {
        return match bytes.get(8..12)? {
            b"WEBP" => Some("image/webp"),
            b"WAVE" => Some("audio/wav"),
            _ => None,
        };
    }
    if at(4, b"ftyp") {
        return Some(match bytes.get(8..12)? {
            b"avif" => "image/avif",
            b"heic" | b"heix" | b"mif1" => "image/heic",
            b"M4A " => "audio/mp4",
            _ => "video/mp4",
        });
    }
    // A frame of MPEG audio without tags: eleven bits are set, layer III.
    let is_frame = bytes.len() > 1 && bytes[0] == 0xff && matches!(bytes[1] & 0xe6, 0xe2);
    is_frame.then_some("audio/mpeg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_say_what_they_are() {
        let check = |bytes: &[u8], expected: Option<&str>| assert_eq!(sniff(bytes), expected);
        check(b"\x89PNG\r\n\x1a\n....", Some("image/png"));
        check(b"\xff\xd8\xff\xe0", Some("image/jpeg"));
        check(b"GIF89a", Some("image/gif"));
        check(b"RIFF....WEBPVP8 ", Some("image/webp"));
        check(b"RIFF....WAVE", Some("audio/wav"));
        check(b"RIFF....AVI ", None);
        check(b"....ftypavif", Some("image/avif"));
        check(b"....ftypisom", Some("video/mp4"));
        check(b"\xff\xfb\x90", Some("audio/mpeg"));
        check(b"%PDF-1.7", Some("application/pdf"));
        for none in [&b""[..], b"RIFF", b"....ftyp", b"\x89PN", b"<html>", b"\xff", b"%PDF"] {
            check(none, None);
        }
    }
}
