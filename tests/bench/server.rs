//! This program as a server in a process of its own, on a folder of its own.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use flowgate_tests::server::ADMIN_KEY;

pub(crate) struct Server {
    child: Child,
    pub(crate) address: String,
    _folder: tempfile::TempDir,
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
        Self { child, address, _folder: folder }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
