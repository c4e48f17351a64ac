//! Files of callers and runs.

use flowgate_core::file::FileId;

use crate::platform::App;

impl App {
    /// Processes a `FileV1` message.
    pub async fn collect_file(&self, id: &FileId) -> anyhow::Result<()> {
        self.ports.files.collect(id, self.now()).await?;
        Ok(())
    }
}
