//! Starts functions so that they exit with the double, even when it is killed.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command as Exec, Stdio};

use anyhow::Context;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

use crate::function::Function;

/// Starts processes on one thread that lives as long as the double: Linux signals a parent's death
/// to a child when the *thread* that started it ends.
#[derive(Clone)]
pub(crate) struct Spawner {
    orders: mpsc::UnboundedSender<Order>,
}

struct Order {
    command: Command,
    started: oneshot::Sender<std::io::Result<Child>>,
}

impl Spawner {
    pub(crate) fn start() -> Self {
        let (orders, mut received) = mpsc::unbounded_channel::<Order>();
        let runtime = tokio::runtime::Handle::current();
        std::thread::spawn(move || {
            let _within = runtime.enter();
            while let Some(Order { mut command, started }) = received.blocking_recv() {
                let _ = started.send(command.spawn());
            }
        });
        Self { orders }
    }

    /// A process of the function in its own process group. Its environment holds only the variables
    /// of Lambda and the template.
    pub(crate) async fn spawn(
        &self,
        function: &Function,
        runtime_api: &str,
    ) -> anyhow::Result<Child> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("become").arg(std::process::id().to_string()).arg(&function.binary);
        command
            .env_clear()
            .envs(lambda_environment(function, runtime_api))
            .envs(&function.environment);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let (started, child) = oneshot::channel();
        self.orders.send(Order { command, started }).ok().context("the spawner has ended")?;
        child.await?.with_context(|| format!("{} does not start", function.binary.display()))
    }
}

fn lambda_environment(function: &Function, runtime_api: &str) -> [(&'static str, String); 15] {
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime_api.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", function.name.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mb.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", function.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "double".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_REGION", crate::queues::REGION.to_owned()),
        ("AWS_DEFAULT_REGION", crate::queues::REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", function.folder.clone()),
        ("AWS_SECRET_ACCESS_KEY", "double".to_owned()),
        ("AWS_SESSION_TOKEN", "double".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("LAMBDA_TASK_ROOT", "/var/task".to_owned()),
        ("TZ", ":UTC".to_owned()),
    ]
}

/// The child's first steps: asks to be killed when its parent dies, then becomes the function.
pub(crate) fn become_function(parent: u32, binary: &Path) -> anyhow::Error {
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return anyhow::Error::new(error);
    }
    // The parent may have died before the kernel was asked.
    let still_there = getppid().is_some_and(|now| {
        u32::try_from(now.as_raw_nonzero().get()).is_ok_and(|now| now == parent)
    });
    if !still_there {
        return anyhow::anyhow!("the double is gone");
    }
    anyhow::Error::new(Exec::new(binary).exec())
        .context(format!("{} does not start", binary.display()))
}
