//! `multipart/form-data` with files whose bytes are in memory.

use flowgate_core::hash::hex;
use sha2::{Digest, Sha256};

/// Names and texts are ours or an author's; file names are ours alone.
pub(super) struct Multipart<'p>(Vec<(String, &'p [u8])>);

impl<'p> Multipart<'p> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn text(&mut self, name: &str, text: &'p str) {
        let head = format!("content-disposition: form-data; name=\"{name}\"\r\n");
        self.0.push((head, text.as_bytes()));
    }

    pub(super) fn file(&mut self, name: &str, filename: &str, media_type: &str, bytes: &'p [u8]) {
        let head = format!(
            "content-disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\n\
             content-type: {media_type}\r\n"
        );
        self.0.push((head, bytes));
    }

    /// Returns the content type and the body.
    pub(super) fn encode(&self) -> (String, Vec<u8>) {
        let mut hash = Sha256::new();
        for (head, content) in &self.0 {
            hash.update(head);
            hash.update(content);
        }
        // A hash of all that it separates: no part can be made to contain it.
        let boundary = hex(&hash.finalize()[..16]);
        let length = self.0.iter().map(|(head, content)| head.len() + content.len() + 64);
        let mut body = Vec::with_capacity(length.sum::<usize>() + 64);
        for (head, content) in &self.0 {
            body.extend_from_slice(format!("--{boundary}\r\n{head}\r\n").as_bytes());
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), body)
    }
}
