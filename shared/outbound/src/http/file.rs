//! Reads an answer into a file of the run, piece by piece.

use flowgate_engine::call::CallOutput;
use flowgate_engine::file::MAX_FILE;
use http::{HeaderMap, header};
use reqwest::Response;
use serde_json::{Value, json};

use super::super::client::describe;
use super::super::files::Sink;
use super::super::mask::Masks;
use super::super::{Metered, Outbound, RunFiles, too_large};
use super::answer::header_fields;
use super::inflate::{Encoding, Inflate, Kept, Stop};
use super::media::ContentType;
use super::{CallError, invalid_answer};

/// One KiB of deflate stands for a MiB at most.
const COMPRESSED_PIECE: usize = 1 << 10;
const INFLATED_PIECE: usize = 2 << 20;

impl Outbound {
    /// Output: as of any answer, with the file as `data`; null if there is no body.
    pub(super) async fn read_file(
        &self,
        mut response: Response,
        path: &str,
        (masks, memory, files): (&Masks, &Metered, &RunFiles),
    ) -> Result<CallOutput, CallError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let max = usize::try_from(MAX_FILE).unwrap_or(usize::MAX);
        if response.content_length().is_some_and(|length| length > MAX_FILE) {
            return Err(too_large("the answer", max));
        }
        let encoding = match response.content_length() {
            Some(0) => Encoding::Identity,
            _ => Encoding::of(&headers)?,
        };
        let mut inflate = Inflate::new(encoding, Kept::new(INFLATED_PIECE, memory));
        let piece_size =
            if encoding == Encoding::Identity { INFLATED_PIECE } else { COMPRESSED_PIECE };
        let (name, media_type) = (file_name(&headers, path), ContentType::of(&headers).media_type);
        let (mut sink, mut read): (Option<Sink<'_>>, u64) = (None, 0);
        while let Some(part) = response.chunk().await.map_err(|error| describe(&error))? {
            read += part.len() as u64;
            // Compressed bytes that stand for nothing would never end.
            if read > MAX_FILE {
                return Err(too_large("the answer", max));
            }
            let sink = match &mut sink {
                Some(sink) => sink,
                None => sink.insert(files.create(&name, &media_type, masks).await?),
            };
            for piece in part.chunks(piece_size) {
                inflate.push(piece).map_err(stopped)?;
                sink.write(&inflate.drain()).await?;
            }
        }
        let data = match sink {
            Some(mut sink) => {
                inflate.finish().map_err(stopped)?;
                sink.write(&inflate.take()).await?;
                sink.finish().await?.to_value()
            }
            None => Value::Null,
        };
        let headers = header_fields(&headers);
        let value = json!({ "data": data, "status": status.as_u16(), "headers": headers });
        Ok(CallOutput { value, tokens: None, cost_nano_usd: None })
    }
}

fn stopped(stop: Stop) -> CallError {
    match stop {
        Stop::Full => too_large("a piece of the answer", INFLATED_PIECE),
        Stop::Corrupt => invalid_answer("it is not compressed as its content encoding says"),
        Stop::Overloaded(error) => error,
    }
}

/// What the answer calls itself, or the last segment of the path.
fn file_name(headers: &HeaderMap, path: &str) -> String {
    let disposition = headers.get(header::CONTENT_DISPOSITION).map(|value| value.as_bytes());
    let disposition = String::from_utf8_lossy(disposition.unwrap_or_default()).into_owned();
    let named = disposition.split(';').find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("filename")
            .then(|| value.trim().trim_matches('"').to_owned())
    });
    named.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_as_its_answer_says() {
        let check = |disposition: Option<&'static str>, expected: &str| {
            let mut headers = HeaderMap::new();
            if let Some(disposition) = disposition {
                headers.insert(header::CONTENT_DISPOSITION, disposition.parse().unwrap());
            }
            assert_eq!(file_name(&headers, "/a/photo.png"), expected);
        };
        check(None, "photo.png");
        check(Some("inline"), "photo.png");
        check(Some("attachment; FileName=\"b c.pdf\""), "b c.pdf");
        check(Some("attachment; filename=d.pdf; size=3"), "d.pdf");
    }
}
