//! Sends bytes to the bucket: small files at once, others in parts as they come.

use anyhow::{Context, Result, bail, ensure};
use async_trait::async_trait;
use flowgate_core::file::{FileRef, FileWriter, MAX_FILE, Received};
use flowgate_core::hash::hex;
use sha2::{Digest, Sha256};

use crate::Aws;

/// S3 takes no smaller parts than 5 MiB, but for the last.
const PART: usize = 8 << 20;

pub(super) struct Writer {
    aws: Aws,
    /// Size and hash are those announced, if any were.
    file: FileRef,
    is_announced: bool,
    size: u64,
    hash: Sha256,
    buffer: Vec<u8>,
    parts: Option<Parts>,
}

struct Parts {
    upload: String,
    tags: Vec<String>,
}

impl Writer {
    pub(super) fn new(aws: Aws, file: FileRef, is_announced: bool) -> Self {
        let (hash, buffer) = (Sha256::new(), Vec::new());
        Self { aws, file, is_announced, size: 0, hash, buffer, parts: None }
    }

    async fn send_part(&mut self) -> Result<()> {
        let (bucket, tries) = (self.aws.bucket(), || self.aws.table().tries());
        let mut parts = match self.parts.take() {
            Some(parts) => parts,
            None => {
                let upload = bucket.begin_parts(&self.file.id, tries()).await?;
                Parts { upload, tags: Vec::new() }
            }
        };
        let part = (parts.tags.len() + 1, self.buffer.as_slice());
        let tag = bucket.put_part(&self.file.id, &parts.upload, part, tries()).await?;
        parts.tags.push(tag);
        self.parts = Some(parts);
        self.buffer.clear();
        Ok(())
    }
}

#[async_trait]
impl FileWriter for Writer {
    async fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.size += bytes.len() as u64;
        ensure!(self.size <= MAX_FILE, "a file has more than {MAX_FILE} bytes");
        self.hash.update(bytes);
        while !bytes.is_empty() {
            if self.buffer.len() == PART {
                self.send_part().await?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(PART - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Received> {
        let sha256 = hex(&std::mem::take(&mut self.hash).finalize());
        let differs = self.size != self.file.size || sha256 != self.file.sha256;
        let file = FileRef { size: self.size, sha256, ..self.file.clone() };
        let tries = || self.aws.table().tries();
        if self.is_announced && differs {
            if let Some(parts) = &self.parts {
                self.aws.bucket().abort_parts(&file.id, &parts.upload, tries()).await?;
            }
            return Ok(Received::Differs);
        }
        if self.parts.is_some() {
            self.send_part().await?;
        }
        match &self.parts {
            Some(Parts { upload, tags }) => {
                self.aws.bucket().end_parts(&file.id, upload, tags, self.aws.table().tries()).await
            }
            None => self.aws.bucket().put(&file.id, &self.buffer, self.aws.table().tries()).await,
        }
        .context("a file could not be stored")?;
        if !self.aws.mark_whole(&file).await? {
            self.aws.let_go(&file.id).await?;
            bail!("the file's row has expired");
        }
        Ok(Received::Whole(file))
    }
}
