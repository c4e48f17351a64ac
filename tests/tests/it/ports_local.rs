//! The SQLite adapter keeps every guarantee of the ports, and some of its own.

use std::sync::Arc;

use anyhow::Result;
use flowgate_local::Local;
use flowgate_tests::ports::{World, check_all};

#[tokio::test(flavor = "multi_thread")]
async fn the_local_adapter_keeps_every_guarantee() {
    check_all(fresh).await;
}

async fn fresh() -> Result<World> {
    let folder = tempfile::tempdir()?;
    let local = Arc::new(Local::open(folder.path())?);
    Ok(World {
        runs: local.clone(),
        deliveries: local.clone(),
        due: local.clone(),
        workflows: local.clone(),
        keys: local.clone(),
        secrets: local,
        keep: Arc::new(folder),
    })
}
