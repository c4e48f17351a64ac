//! `flowgate serve` as a process of its own, to be killed.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::server::{ADMIN_KEY, program};

pub struct Process {
    pub url: String,
    child: Child,
}

impl Process {
    /// Starts on `folder` and waits until it says where it listens.
    pub async fn start(folder: &Path) -> Self {
        let mut command = Command::new(program());
        command.arg("serve").arg("--data").arg(folder).args(["--listen", "127.0.0.1:0"]);
        let child = command.env("FLOWGATE_ADMIN_KEY", ADMIN_KEY).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the program starts");
        let log = BufReader::new(child.stderr.take().expect("its log is piped"));
        let (say, said) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || read_log(log, say));
        let url = said.await.expect("the program listens");
        Self { url, child }
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

/// Says where the program listens, and reads on, so that it never waits for its log to be read.
fn read_log(log: impl BufRead, say: tokio::sync::oneshot::Sender<String>) {
    let mut say = Some(say);
    for line in log.lines().map_while(Result::ok) {
        let Some(rest) = line.strip_prefix("flowgate listens on ") else { continue };
        if let Some(say) = say.take() {
            let _ = say.send(rest.split(' ').next().unwrap_or_default().to_owned());
        }
    }
}
