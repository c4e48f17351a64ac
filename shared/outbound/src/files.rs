//! The files of the run that a call belongs to: makes them, and reads those that the run owns.

use std::sync::Arc;

use flowgate_core::clock::{Clock, Entropy};
use flowgate_core::file::{
    FileId, FileOwner, FileRecord, FileRef, FileWriter, Files, MAX_FILE, NewFile, Received,
    clean_name, read_media_type,
};
use flowgate_core::id::RunId;
use flowgate_engine::call::CallError;
use flowgate_engine::file::ANY_TYPE;

use super::{Metered, failed, retryable};

/// Reads go piece by piece: the bytes are counted before they are there.
const PIECE: u64 = 1 << 20;

/// What a call may do with files. A run reads only the files that it owns.
#[derive(Clone, Default)]
pub struct RunFiles(Option<Place>);

#[derive(Clone)]
struct Place {
    files: Arc<dyn Files>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    run: RunId,
}

impl RunFiles {
    pub fn new(
        files: Arc<dyn Files>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        run: RunId,
    ) -> Self {
        Self(Some(Place { files, clock, entropy, run }))
    }

    /// For a call of no run: there are no files.
    pub fn none() -> Self {
        Self(None)
    }

    /// Stores bytes that are in memory already as a file of the run.
    pub async fn store(
        &self,
        name: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> Result<FileRef, CallError> {
        let mut sink = self.create(name, media_type).await?;
        sink.write(bytes).await?;
        sink.finish().await
    }

    /// Begins a file of the run. Name and type may be anything: they are cleaned.
    pub async fn create(&self, name: &str, media_type: &str) -> Result<Sink, CallError> {
        let Place { files, clock, entropy, run } = self.place()?;
        let mut random = [0; 16];
        entropy.fill(&mut random);
        let file = NewFile {
            id: FileId::new(random),
            name: clean_name(name),
            media_type: read_media_type(media_type).unwrap_or_else(|| ANY_TYPE.to_owned()),
            owner: FileOwner::Run(run.clone()),
            created_at: clock.now(),
        };
        let writer = files.create(file).await.map_err(|error| unavailable(&error))?;
        Ok(Sink { writer, size: 0 })
    }

    /// Returns the file as it is stored, if the run owns it. What the value says beside its id is
    /// not believed: code can make any.
    pub async fn find(&self, id: &FileId) -> Result<FileRef, CallError> {
        let Place { files, run, .. } = self.place()?;
        let found = files.of_run(id, run).await.map_err(|error| unavailable(&error))?;
        match found {
            Some(FileRecord { file, is_whole: true, .. }) => Ok(file),
            _ => Err(unknown(id)),
        }
    }

    /// Returns a file of the run with its bytes, which are counted until the call has ended.
    pub async fn read(
        &self,
        id: &FileId,
        max: u64,
        memory: &Metered,
    ) -> Result<(FileRef, Vec<u8>), CallError> {
        let file = self.find(id).await?;
        if file.size > max {
            let (name, size) = (&file.name, file.size);
            let message = format!("the file {name} has {size} bytes; at most {max} are taken here");
            return Err(failed("value_too_large", message));
        }
        let size = usize::try_from(file.size).unwrap_or(usize::MAX);
        memory.add(size)?;
        let mut bytes = Vec::with_capacity(size);
        while (bytes.len() as u64) < file.size {
            let from = bytes.len() as u64;
            let piece = self.piece(id, from, file.size).await?;
            bytes.extend_from_slice(&piece);
        }
        Ok((file, bytes))
    }

    /// Returns the next bytes of a file that [`Self::find`] found: some, or a failure.
    pub(crate) async fn piece(
        &self,
        id: &FileId,
        from: u64,
        size: u64,
    ) -> Result<Vec<u8>, CallError> {
        let Place { files, .. } = self.place()?;
        let range = from..size.min(from + PIECE);
        let read = files.read(id, range).await.map_err(|error| unavailable(&error))?;
        read.filter(|piece| !piece.is_empty()).ok_or_else(|| unknown(id))
    }

    fn place(&self) -> Result<&Place, CallError> {
        self.0.as_ref().ok_or_else(|| failed("files_unavailable", "there are no files here"))
    }
}

/// Takes the bytes of a new file. Dropped before its end, none of them are kept.
pub struct Sink {
    writer: Box<dyn FileWriter>,
    size: u64,
}

impl Sink {
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), CallError> {
        self.size += bytes.len() as u64;
        if self.size > MAX_FILE {
            let message = format!("a file has at most {MAX_FILE} bytes");
            return Err(failed("value_too_large", message));
        }
        self.writer.write(bytes).await.map_err(|error| unavailable(&error))
    }

    pub async fn finish(self) -> Result<FileRef, CallError> {
        match self.writer.finish().await.map_err(|error| unavailable(&error))? {
            Received::Whole(file) => Ok(file),
            Received::Differs => Err(failed("internal", "nothing was announced of the file")),
        }
    }
}

/// A file of another run and one that does not exist are the same: an id says nothing.
fn unknown(id: &FileId) -> CallError {
    failed("unknown_file", format!("the run has no file {id}"))
}

fn unavailable(error: &anyhow::Error) -> CallError {
    tracing::error!(error = format!("{error:#}"), "could not store or read a file");
    retryable("files_unavailable", "files cannot be stored or read now")
}
