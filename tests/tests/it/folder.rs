//! The data folder of `serve`: one process uses it, and none starts anew where data was lost.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use flowgate_tests::process::Process;
use flowgate_tests::server::{ADMIN_KEY, program, publish};

fn serve(folder: &Path) -> Child {
    let mut command = Command::new(program());
    command.arg("serve").arg("--data").arg(folder).args(["--listen", "127.0.0.1:0"]);
    command.env("FLOWGATE_ADMIN_KEY", ADMIN_KEY).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Waits for the end, and returns what it wrote. Panics if it goes on.
fn refused(mut child: Child) -> String {
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > Duration::from_secs(10) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it goes on");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!status.success(), "{said}");
    said
}

#[tokio::test]
async fn a_deleted_lock_file_lets_no_second_process_in() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path()).await;
    std::fs::remove_file(folder.path().join("lock")).unwrap();
    let said = refused(serve(folder.path()));
    assert!(said.contains("in use by another process"), "{said}");
    process.kill().await;
}

#[tokio::test]
async fn an_empty_or_cut_database_is_not_taken_for_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flowgate.db");
    let process = Process::start(folder.path()).await;
    publish(
        &reqwest::Client::new(),
        &process.url,
        "w",
        "nodes: [{ id: say, type: template, template: hi }]\n",
    )
    .await;
    process.kill().await;
    // What the process has written may still be in the log: move it into the file.
    let connection = rusqlite::Connection::open(&file).unwrap();
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    let whole = std::fs::read(&file).unwrap();
    for (content, expected) in [
        (&[][..], "is empty"),
        (&whole[..whole.len() / 2], "is cut off"),
        (&whole[1..], "is not a database"),
    ] {
        std::fs::write(&file, content).unwrap();
        let said = refused(serve(folder.path()));
        assert!(said.contains(expected) && said.contains("restore it from a backup"), "{said}");
        assert_eq!(std::fs::read(&file).unwrap(), content, "it is left as it was");
    }
    std::fs::write(&file, &whole).unwrap();
    let process = Process::start(folder.path()).await;
    let read = reqwest::Client::new().get(format!("{}/v1/workflows/w", process.url));
    assert_eq!(read.bearer_auth(ADMIN_KEY).send().await.unwrap().status(), 200);
    process.kill().await;
}

#[tokio::test]
async fn a_process_whose_database_is_taken_away_stops() {
    for how in ["deleted", "replaced", "moved"] {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut child = serve(&data);
        let file = data.join("flowgate.db");
        let began = Instant::now();
        // The log beside it: the database is open.
        while !data.join("flowgate.db-wal").exists() && began.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(500));
        assert!(child.try_wait().unwrap().is_none(), "it runs");
        match how {
            "deleted" => std::fs::remove_file(&file).unwrap(),
            "replaced" => {
                let copy = data.join("copy");
                std::fs::copy(&file, &copy).unwrap();
                std::fs::rename(&copy, &file).unwrap();
            }
            _ => std::fs::rename(&data, folder.path().join("elsewhere")).unwrap(),
        }
        let said = refused(child);
        assert!(said.contains("moved, deleted or replaced"), "{how}: {said}");
    }
}
