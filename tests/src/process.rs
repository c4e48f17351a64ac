//! `flowgate serve` as a process of its own, to be killed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::server::{ADMIN_KEY, program};

pub struct Process {
    pub url: String,
    child: Child,
}

impl Process {
    /// Starts on `folder` and waits until it answers.
    pub async fn start(folder: &Path) -> Self {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        let mut command = Command::new(program());
        command.arg("serve").arg("--data").arg(folder).args(["--listen", &listen]);
        let child =
            command.env("FLOWGATE_ADMIN_KEY", ADMIN_KEY).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts");
        let process = Self { url: format!("http://{listen}"), child };
        process.until_healthy().await;
        process
    }

    async fn until_healthy(&self) {
        for _ in 0..1_000 {
            if reqwest::get(format!("{}/health", self.url)).await.is_ok_and(|answer| answer.status().is_success()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} does not answer", self.url);
    }

    /// SIGKILL: no goodbye.
    pub fn kill(mut self) {
        self.child.kill().expect("the process is killed");
        self.child.wait().expect("the process is reaped");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
