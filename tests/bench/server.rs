//! This program as a server in a process of its own, on a folder of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flowgate_tests::server::ADMIN_KEY;

pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    folder: tempfile::TempDir,
}

impl Server {
    pub(crate) async fn of_flowgate() -> Self {
        Self::start(|folder, address| {
            ["serve", "--data", &folder.display().to_string(), "--listen", address]
                .map(str::to_owned)
                .to_vec()
        })
        .await
    }

    /// Starts this program with `arguments`, which get a new folder and an address.
    pub(crate) async fn start(arguments: impl Fn(&Path, &str) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir_in(".").expect("a folder on the disk");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let address = format!("127.0.0.1:{port}");
        let mut command = Command::new(std::env::current_exe().expect("our own path"));
        command
            .args(arguments(folder.path(), &address))
            .env("FLOWGATE_ADMIN_KEY", ADMIN_KEY)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let child = command.spawn().expect("the server starts");
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { child, address, folder }
    }

    /// Returns the bytes that the process has had written to the disk.
    pub(crate) fn written(&self) -> f64 {
        self.of_process("io", "write_bytes:")
    }

    /// Returns what it takes: memory, and the files of its folder by the runs in them.
    pub(crate) fn size(&self) -> String {
        let size = |file: &str| {
            self.folder.path().join(file).metadata().map_or(0, |file| file.len()) as f64 / 1e3
        };
        let runs = rusqlite::Connection::open(self.folder.path().join("flowgate.db"))
            .and_then(|db| db.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)));
        let (runs, database): (u32, f64) = (runs.expect("a database"), size("flowgate.db"));
        format!(
            "{:.0} MB resident; {runs} runs, {:.2} KB of database per run, log {:.0} KB",
            self.of_process("status", "VmRSS:") / 1e3,
            database / f64::from(runs),
            size("flowgate.db-wal")
        )
    }

    fn of_process(&self, file: &str, name: &str) -> f64 {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id()));
        let text = text.unwrap_or_default();
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.and_then(|value| value.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
