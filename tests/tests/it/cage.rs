//! The cage of the child: what a process in it cannot do, and that the child which runs code is in
//! it.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use flowgate_tests::process::Process;
use flowgate_tests::server::{ADMIN_KEY, publish};
use reqwest::Client;
use serde_json::{Value, json};

use crate::code::CHILD;

const EPERM: i32 = 1;
const EMFILE: i32 = 24;

/// How each try of the program `caged` ended: `None` if nothing stopped it.
type Tries = BTreeMap<String, Option<i32>>;

/// Returns the layers that were missing, and the tries.
fn tries(mode: &str) -> (String, Tries) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "text").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_caged"))
        .args([mode, file.to_str().unwrap(), &listener.local_addr().unwrap().to_string()])
        .arg(std::process::id().to_string())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: BTreeMap<String, &str> =
        text.lines().filter_map(|line| line.split_once(": ")).map(|(k, v)| (k.into(), v)).collect();
    // The last try may end the program in its own way.
    assert!(lines.len() >= 17, "{text}{}", String::from_utf8_lossy(&output.stderr));
    let missing = lines.remove("missing").unwrap_or_default().to_owned();
    let number = |said: &str| {
        let number = said.trim_start_matches("Some(").trim_end_matches(')');
        (said != "done").then(|| number.parse().unwrap_or_else(|_| panic!("{said}")))
    };
    (missing, lines.into_iter().map(|(name, said)| (name, number(said))).collect())
}

fn is_refused(what: &[&str]) {
    let (_, tries) = tries("caged");
    for name in what {
        assert_eq!(tries[*name], Some(EPERM), "{name}");
    }
}

#[test]
fn without_the_cage_every_try_succeeds() {
    let (_, mut tries) = tries("free");
    // Some systems protect it from every child.
    tries.remove("memory of the parent");
    // The last try ends the program, if it succeeds.
    assert_eq!(tries.len(), 16);
    assert!(tries.values().all(Option::is_none), "{tries:?}");
}

#[test]
fn files_are_refused() {
    is_refused(&["open", "create", "stat", "list", "mkdir", "unlink"]);
}

#[test]
fn the_network_is_refused() {
    is_refused(&["tcp connect", "tcp listen", "udp", "unix socket"]);
}

#[test]
fn processes_and_threads_are_refused() {
    is_refused(&["start a process", "start a thread", "become a program"]);
}

#[test]
fn the_parent_is_out_of_reach() {
    is_refused(&["signal the parent", "environ of the parent", "memory of the parent"]);
}

#[test]
fn the_cage_cannot_be_left() {
    is_refused(&["raise a limit", "become dumpable"]);
}

/// Lambda's kernel may be one of them.
#[test]
fn on_a_kernel_that_refuses_seccomp_and_landlock_the_limits_hold() {
    let (missing, tries) = tries("refusing");
    assert_eq!(missing, "landlock, seccomp");
    let opens = [
        "open",
        "create",
        "list",
        "tcp connect",
        "tcp listen",
        "udp",
        "unix socket",
        "environ of the parent",
        "memory of the parent",
    ];
    for name in opens {
        assert_eq!(tries[name], Some(EMFILE), "{name}");
    }
}

/// Its parent died before it could ask for the signal.
#[test]
fn a_child_whose_parent_is_another_process_ends_at_once() {
    let start = |parent: u32| {
        let mut child = Command::new(CHILD);
        child.args(["__flowgate-child", &parent.to_string()]).stdin(Stdio::null());
        child.output().unwrap()
    };
    let ours = start(std::process::id());
    assert!(ours.status.success() && ours.stdout.len() > 4, "it says hello, and reads the end");
    let orphan = start(std::process::id() + 1);
    assert!(!orphan.status.success() && orphan.stdout.is_empty());
}

/// A shell, a container or a service manager may leave files open for all programs under it.
#[test]
fn a_child_keeps_no_file_that_it_inherits() {
    let id = std::process::id();
    let script = format!("exec 7>&2 2>/dev/null; exec {CHILD} __flowgate-child {id}");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut inherited = child.stderr.take().unwrap();
    let (say, closed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let _ = say.send(std::io::Read::read_to_end(&mut inherited, &mut Vec::new()));
    });
    let closed = closed.recv_timeout(Duration::from_secs(5));
    assert!(child.try_wait().unwrap().is_none(), "it waits for calls");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(closed.is_ok(), "the pipe stays open");
}

#[test]
fn started_by_hand_the_child_explains_itself() {
    let output = Command::new(CHILD).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("flowgate starts this program"));
}

/// The direct children of a process that compute or wait, by their id.
fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let is_child = |id: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let mut fields = after_name.split(' ');
        let (state, of) = (fields.next(), fields.next());
        state != Some("Z") && of == Some(&parent.to_string())
    };
    processes.filter(is_child).collect()
}

fn is_alive(id: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

async fn none_alive_within_a_second(ids: &[u32]) {
    let began = Instant::now();
    while ids.iter().any(|id| is_alive(*id)) {
        assert!(began.elapsed() < Duration::from_secs(1), "{ids:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// A server with a detached run that computes for ever, and its child.
struct Computing {
    server: Process,
    client: Client,
    run: String,
    children: Vec<u32>,
    folder: tempfile::TempDir,
}

impl Computing {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Process::start(folder.path()).await;
        let client = Client::new();
        let document = "name: Endless\nnodes:\n  - { id: f, type: function, code: \"for (;;) {}\", \
                        timeout: 60s }\noutput: { r: <f.result> }\n";
        publish(&client, &server.url, "endless", document).await;
        let answer = client
            .post(format!("{}/v1/workflows/endless/runs", server.url))
            .bearer_auth(ADMIN_KEY)
            .header("prefer", "respond-async")
            .json(&json!({ "input": {} }));
        let run: Value = answer.send().await.unwrap().json().await.unwrap();
        let run = run["id"].as_str().unwrap_or_else(|| panic!("{run}")).to_owned();
        let children = Self::children(&server).await;
        Self { server, client, run, children, folder }
    }

    async fn children(server: &Process) -> Vec<u32> {
        for _ in 0..500 {
            let found = children(server.pid().unwrap());
            if !found.is_empty() && found.iter().all(|id| status(*id).contains("Seccomp:\t2")) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no caged child runs");
    }
}

fn status(id: u32) -> String {
    std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default()
}

fn is_in_the_cage(id: u32) {
    for thread in std::fs::read_dir(format!("/proc/{id}/task")).unwrap() {
        let status = std::fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        for line in ["Seccomp:\t2", "NoNewPrivs:\t1", "Threads:\t2"] {
            assert!(status.contains(line), "{line} is not in\n{status}");
        }
    }
    let limits = std::fs::read_to_string(format!("/proc/{id}/limits")).unwrap();
    let limit_of = |name: &str| -> Vec<String> {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().take(2).map(str::to_owned).collect()
    };
    assert_eq!(limit_of("Max open files"), ["3", "3"]);
    assert_eq!(limit_of("Max processes"), ["0", "0"]);
    assert_eq!(limit_of("Max core file size"), ["0", "0"]);
    assert_eq!(limit_of("Max file size"), ["0", "0"]);
    assert_eq!(limit_of("Max address space"), ["402653184", "402653184"]);
    // It is not dumpable, so only root may look at these.
    if let Ok(environment) = std::fs::read_to_string(format!("/proc/{id}/environ")) {
        assert_eq!(environment, "TZ=UTC\0");
    }
    if let Ok(open) = std::fs::read_dir(format!("/proc/{id}/fd")) {
        assert_eq!(open.count(), 3);
    }
}

#[tokio::test]
async fn the_child_of_a_server_computes_in_the_cage() {
    let computing = Computing::start().await;
    computing.children.iter().for_each(|id| is_in_the_cage(*id));
}

#[tokio::test]
async fn a_killed_server_leaves_no_child() {
    let computing = Computing::start().await;
    let children = computing.children.clone();
    computing.server.kill().await;
    none_alive_within_a_second(&children).await;
    drop(computing.folder);
}

#[tokio::test]
async fn a_cancelled_run_leaves_no_child() {
    let computing = Computing::start().await;
    let url = format!("{}/v1/runs/{}/cancel", computing.server.url, computing.run);
    let answer = computing.client.post(url).bearer_auth(ADMIN_KEY).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    none_alive_within_a_second(&computing.children).await;
}

/// The double of an installation: two files beside each other.
#[test]
fn an_installed_program_finds_the_child_beside_itself() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("flowgate");
    std::fs::copy(flowgate_tests::server::program(), &program).unwrap();
    let doctor = || {
        let output = Command::new(&program)
            .args(["doctor", "-o", "json", "--url", "http://127.0.0.1:1"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
        let findings = findings["findings"].as_array().unwrap().clone();
        let found = findings.into_iter().find(|it| it["about"] == "javascript").unwrap();
        found["message"].as_str().unwrap().to_owned()
    };
    let alone = doctor();
    assert!(alone.contains(&format!("in {}; held by", program.display())), "{alone}");

    let child = folder.path().join("flowgate-child");
    std::fs::copy(Path::new(CHILD), &child).unwrap();
    let both = doctor();
    assert!(both.contains(&format!("in {}; held by", child.display())), "{both}");
    assert!(both.contains("seccomp"), "{both}");
}
