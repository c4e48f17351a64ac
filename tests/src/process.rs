//! `flowgate serve` as a separate process that tests can kill. On the double of AWS, a kill hits
//! every function that has an event.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use flowgate_app::Settings;

use crate::double::Double;
use crate::home::is_aws;
use crate::server::{ADMIN_KEY, outbound_settings, program, settings};

pub struct Process {
    pub url: String,
    home: Home,
}

enum Home {
    Alone(Alone),
    Aws(PathBuf, Double),
}

/// Killed when it is dropped.
struct Alone(Child);

/// Keeps accounts between a kill and the next start on their folder: their stores outlive a kill.
static ACCOUNTS: LazyLock<Mutex<HashMap<PathBuf, Double>>> = LazyLock::new(Mutex::default);

impl Process {
    /// Starts on `folder` and waits until the program prints its address.
    pub async fn start(folder: &Path) -> Self {
        Self::start_with(folder, &settings(|_| {})).await
    }

    /// The functions of AWS go by all the settings, the program has its own; it always knows the
    /// kind `several`.
    pub async fn start_with(folder: &Path, settings: &Settings) -> Self {
        if is_aws() { Self::on_aws(folder, settings).await } else { Self::alone(folder).await }
    }

    async fn alone(folder: &Path) -> Self {
        let mut command = Command::new(program());
        command.args(serve_arguments(folder));
        Self::spawn(command).await
    }

    /// Starts a command that becomes the program, such as a shell with limits, and waits until it
    /// prints its address.
    pub async fn spawn(mut command: Command) -> Self {
        let child = command
            .env("FLOWGATE_ADMIN_KEY", ADMIN_KEY)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("the program starts");
        let log = BufReader::new(child.stderr.take().expect("its log is piped"));
        let (say, said) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || read_log(log, say));
        let url = said.await.expect("the program listens");
        Self { url, home: Home::Alone(Alone(child)) }
    }

    /// The process of the program; `None` on the double of AWS.
    pub fn pid(&self) -> Option<u32> {
        match &self.home {
            Home::Alone(process) => Some(process.0.id()),
            Home::Aws(..) => None,
        }
    }

    /// What it holds now, and the most that it held, in bytes. `None` on the double of AWS.
    pub fn memory(&self) -> Option<(usize, usize)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?)).ok()?;
        let of = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            Some(line.split_whitespace().nth(1)?.parse::<usize>().ok()? * 1024)
        };
        Some((of("VmRSS:")?, of("VmHWM:")?))
    }

    async fn on_aws(folder: &Path, settings: &Settings) -> Self {
        let stored = ACCOUNTS.lock().expect("no test panics while it holds it").remove(folder);
        let double = match stored {
            Some(double) => double,
            None => Double::start(settings, &outbound_settings(), &[]).await,
        };
        Self { url: double.url.clone(), home: Home::Aws(folder.to_owned(), double) }
    }

    /// Sends the signal, such as `STOP`, to the process of `serve`.
    pub fn signal(&self, signal: &str) {
        let Home::Alone(Alone(child)) = &self.home else { panic!("not a process of `serve`") };
        let mut kill = Command::new("kill");
        kill.arg(format!("-{signal}")).arg(child.id().to_string());
        assert!(kill.status().expect("kill starts").success());
    }

    /// Sends SIGKILL.
    pub async fn kill(self) {
        match self.home {
            Home::Alone(process) => drop(process),
            Home::Aws(folder, double) => {
                for function in ["invoke", "worker", "webhook"] {
                    double.kill(function).await;
                }
                ACCOUNTS.lock().expect("no test panics while it holds it").insert(folder, double);
            }
        }
    }
}

/// The arguments with which the program serves a folder, on any port.
pub fn serve_arguments(folder: &Path) -> [OsString; 6] {
    let listen = ["--listen", "127.0.0.1:0"].map(OsString::from);
    let [option, address] = listen;
    // Callers of tests have receivers on this machine.
    ["serve".into(), "--data".into(), folder.into(), option, address, "--allow-loopback".into()]
}

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Sends the program's address, then keeps reading, so that the program never blocks on its log.
fn read_log(log: impl BufRead, say: tokio::sync::oneshot::Sender<String>) {
    let mut say = Some(say);
    for line in log.lines().map_while(Result::ok) {
        let Some(rest) = line.strip_prefix("flowgate listens on ") else { continue };
        if let Some(say) = say.take() {
            let _ = say.send(rest.split(' ').next().unwrap_or_default().to_owned());
        }
    }
}
