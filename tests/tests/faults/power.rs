//! F27, F28: a full disk, and a power cut.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use flowgate_core::id::RunId;
use flowgate_core::run::Runs;
use flowgate_local::Local;
use flowgate_tests::faults::power::{Disk, Record, build_shim};
use flowgate_tests::faults::seed::{Figures, Random, hash, report, seeds};
use flowgate_tests::faults::world::memory_folder;
use flowgate_tests::process::{Process, serve_arguments};
use flowgate_tests::server::{ADMIN_KEY, program, publish};
use reqwest::Client;
use serde_json::{Value, json};

/// A folder with a record and a cut that failed, to try again.
const RECORD: &str = "FLOWGATE_POWER_RECORD";
const DOCUMENT: &str = "input: [{ name: text, type: string }]\n\
                        nodes: [{ id: say, type: template, template: 'Hello' }]\n\
                        output: { said: <say.content> }\n";

/// A run that the caller was answered: its input, and how much was recorded by then.
#[derive(Debug, Clone)]
struct Acked {
    run: String,
    bytes: usize,
    recorded: usize,
    /// Its end was read, too.
    ended: bool,
}

fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

async fn start(client: &Client, url: &str, bytes: usize, wait: bool) -> Result<Option<String>> {
    let request = client
        .post(format!("{url}/v1/workflows/w/runs"))
        .bearer_auth(ADMIN_KEY)
        .json(&json!({ "input": { "text": text(bytes) } }));
    let request = if wait { request } else { request.header("prefer", "respond-async") };
    let answer = request.send().await?;
    if !answer.status().is_success() {
        return Ok(None);
    }
    let run: Value = answer.json().await?;
    Ok(run["id"].as_str().map(str::to_owned))
}

/// Serves requests for a while under the shim. Enough is written for several checkpoints of the
/// file.
async fn recorded() -> Result<(Record, Vec<Acked>)> {
    if let Some(saved) = std::env::var_os(RECORD) {
        return load(Path::new(&saved));
    }
    let (folder, beside) = (memory_folder()?, memory_folder()?);
    let log = beside.path().join("record");
    let mut command = Command::new(program());
    command
        .args(serve_arguments(folder.path()))
        .env("LD_PRELOAD", build_shim(beside.path())?)
        .env("POWERCUT_FOLDER", folder.path())
        .env("POWERCUT_LOG", &log);
    let process = Process::spawn(command).await;
    let client = Client::new();
    publish(&client, &process.url, "w", DOCUMENT).await;
    let acked = std::sync::Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let caller = async || -> Result<()> {
        loop {
            let n = next.fetch_add(1, Ordering::SeqCst);
            if n >= 160 {
                return Ok(());
            }
            let (bytes, ended) = (n % 7 * 20_000, n.is_multiple_of(2));
            let run =
                start(&client, &process.url, bytes, ended).await?.context("it is answered")?;
            let recorded = usize::try_from(std::fs::metadata(&log)?.len())?;
            acked.lock().unwrap().push(Acked { run, bytes, recorded, ended });
        }
    };
    futures_util::future::try_join_all((0..4).map(|_| caller())).await?;
    process.kill().await;
    Ok((Record::parse(std::fs::read(&log)?)?, acked.into_inner().unwrap()))
}

type Saved = (String, usize, usize, bool);

fn load(saved: &Path) -> Result<(Record, Vec<Acked>)> {
    let record = Record::parse(std::fs::read(saved.join("record"))?)?;
    let acked: Vec<Saved> = serde_json::from_slice(&std::fs::read(saved.join("acked.json"))?)?;
    let read = |(run, bytes, recorded, ended)| Acked { run, bytes, recorded, ended };
    Ok((record, acked.into_iter().map(read).collect()))
}

/// Keeps a record that failed, and returns how to try it again.
fn keep(record: &Record, acked: &[Acked], cut: (usize, u64)) -> Result<String> {
    let folder: PathBuf = tempfile::tempdir()?.keep();
    std::fs::write(folder.join("record"), record.bytes())?;
    let saved = |acked: &Acked| (acked.run.clone(), acked.bytes, acked.recorded, acked.ended);
    let acked: Vec<Saved> = acked.iter().map(saved).collect();
    std::fs::write(folder.join("acked.json"), serde_json::to_vec(&acked)?)?;
    std::fs::write(folder.join("cut.json"), serde_json::to_vec(&cut)?)?;
    let folder = folder.display();
    Ok(format!("replay: {RECORD}={folder} cargo test -p flowgate-tests --test faults f28"))
}

/// The places to cut, in order, each with its seed: each step in which the folder is made, and
/// places of the work that follows.
fn cuts(record: &Record, few: u64) -> Result<Vec<(usize, u64)>> {
    const MAKING: usize = 150;
    if let Some(saved) = std::env::var_os(RECORD) {
        return Ok(vec![serde_json::from_slice(&std::fs::read(
            Path::new(&saved).join("cut.json"),
        )?)?]);
    }
    let place = |seed| hash(seed, &["cut"], 0) % (record.len() as u64 + 1);
    let mut cuts: Vec<_> =
        seeds(few).into_iter().map(|seed| (place(seed) as usize, seed)).collect();
    cuts.extend((0..MAKING.min(record.len())).map(|step| (step, step as u64)));
    cuts.sort_unstable();
    Ok(cuts)
}

/// Opens the folder as the next process would, and checks what was acknowledged before the cut.
async fn check(folder: &Path, acked: &[Acked], recorded: usize) -> Result<()> {
    let local = Local::open(folder).context("the folder does not open")?;
    for acked in acked.iter().filter(|acked| acked.recorded <= recorded) {
        let id = RunId::parse(&acked.run).context("an id")?;
        let run = Runs::read(&local, &id).await?;
        let run = run.with_context(|| format!("{} is lost", acked.run))?;
        ensure!(run.head.input["text"] == text(acked.bytes), "{} is damaged", acked.run);
        ensure!(!acked.ended || run.state.has_ended(), "{} has lost its end", acked.run);
    }
    drop(local);
    let connection = rusqlite::Connection::open(folder.join("flowgate.db"))?;
    let found: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    ensure!(found == "ok", "the file is damaged: {found}");
    Ok(())
}

#[tokio::test]
async fn f28_the_power_is_cut() {
    let began = Instant::now();
    let (record, acked) = recorded().await.unwrap();
    assert!(record.syncs() > 50 && acked.len() > 100, "{} syncs", record.syncs());
    let mut disk = Disk::new(&record);
    let all = cuts(&record, 150).unwrap();
    for (place, seed) in all.iter().copied() {
        disk.go_to(place);
        let folder = memory_folder().unwrap();
        disk.cut(folder.path(), &mut Random(seed)).unwrap();
        if let Err(error) = check(folder.path(), &acked, record.end_of(place)).await {
            panic!("{error:#}\n{}", keep(&record, &acked, (place, seed)).unwrap());
        }
    }
    let what = "f28 power cut: unsynced writes lost and torn, names late";
    report(what, all.len(), &Figures::default(), began.elapsed());
}

/// A disk that ignores syncs loses what was acknowledged, and the check says so.
#[tokio::test]
async fn f32_without_the_sync_of_the_disk() {
    let (record, acked) = recorded().await.unwrap();
    let mut disk = Disk::new(&record);
    disk.honours_sync = false;
    disk.go_to(record.len());
    let mut noticed = 0;
    for seed in 0..20 {
        let folder = memory_folder().unwrap();
        disk.cut(folder.path(), &mut Random(seed)).unwrap();
        noticed +=
            usize::from(check(folder.path(), &acked, record.end_of(record.len())).await.is_err());
    }
    assert!(noticed >= 10, "only {noticed} of 20 cuts were noticed");
}

/// A process whose files may grow to `kilobytes`. A larger write fails, as on a full disk.
async fn limited(folder: &Path, kilobytes: usize) -> Process {
    let mut command = Command::new("sh");
    // Bash counts in kilobytes, POSIX shells in blocks of 512 bytes: at least this much.
    let script = format!("trap '' XFSZ; ulimit -f {kilobytes}; exec \"$0\" \"$@\"");
    command.arg("-c").arg(script).arg(program()).args(serve_arguments(folder));
    Process::spawn(command).await
}

#[tokio::test]
async fn f27_the_disk_is_full() {
    let began = Instant::now();
    let folder = memory_folder().unwrap();
    let (client, process) = (Client::new(), limited(folder.path(), 4_096).await);
    publish(&client, &process.url, "w", DOCUMENT).await;
    let (mut acked, mut refused) = (Vec::new(), 0);
    for n in 0..60 {
        match start(&client, &process.url, 200_000, n % 2 == 0).await {
            Ok(Some(run)) => acked.push(run),
            Ok(None) => refused += 1,
            Err(error) => panic!("the process did not answer: {error:#}"),
        }
    }
    assert!(refused > 0 && acked.len() > 3, "{} accepted, {refused} refused", acked.len());
    let health = client.get(format!("{}/health", process.url)).send().await.unwrap();
    assert!(health.status().is_success(), "the process lives: {}", health.status());
    process.kill().await;

    let process = Process::start(folder.path()).await;
    let again = Instant::now();
    for run in &acked {
        let path = format!("{}/v1/runs/{run}", process.url);
        loop {
            let answer = client.get(&path).bearer_auth(ADMIN_KEY).send().await.unwrap();
            assert_eq!(answer.status(), 200, "{run} was acknowledged");
            let stored: Value = answer.json().await.unwrap();
            if stored["status"] == "succeeded" {
                break;
            }
            assert!(again.elapsed() < Duration::from_secs(20), "{stored}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    assert!(start(&client, &process.url, 200_000, true).await.unwrap().is_some());
    let figures = Figures { recovery: again.elapsed(), ..Figures::default() };
    report("f27 full disk, then space again", 1, &figures, began.elapsed());
}
