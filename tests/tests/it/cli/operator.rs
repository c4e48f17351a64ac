//! What operators do: the folder's master key, rotations, erasures.

use std::path::Path;

use super::*;

async fn served(folder: &Path, command: &str, master_key: Option<&str>) -> Said {
    let mut program = Command::new(program());
    program.arg(command).arg("--data").arg(folder).args(["--listen", "127.0.0.1:0"]);
    program.env_remove("FLOWGATE_KEY").env_remove("FLOWGATE_MASTER_KEY").current_dir(folder);
    if let Some(key) = master_key {
        program.env("FLOWGATE_MASTER_KEY", key);
    }
    // A start that succeeds goes on until it is killed.
    let ended = tokio::time::timeout(Duration::from_secs(20), program.kill_on_drop(true).output());
    let ended = ended.await.expect("the command ends").unwrap();
    Said {
        code: ended.status.code().unwrap(),
        out: String::from_utf8(ended.stdout).unwrap(),
        err: String::from_utf8(ended.stderr).unwrap(),
    }
}

/// Starts it once, and returns the first lines of its log.
async fn log_of_start(folder: &Path, master_key: Option<&str>) -> String {
    let mut program = Command::new(program());
    program.arg("serve").arg("--data").arg(folder).args(["--listen", "127.0.0.1:0"]);
    program.env_remove("FLOWGATE_MASTER_KEY").stdout(Stdio::null()).stderr(Stdio::piped());
    if let Some(key) = master_key {
        program.env("FLOWGATE_MASTER_KEY", key);
    }
    let mut child = program.kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut log = String::new();
    for _ in 0..2 {
        log.push_str(&lines.next_line().await.unwrap().unwrap_or_default());
        log.push('\n');
    }
    child.kill().await.unwrap();
    log
}

#[tokio::test]
async fn a_start_says_which_key_seals_the_secrets_and_ends_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_of_start(folder.path(), None).await;
    let file = folder.path().join("master.key");
    assert!(log.contains("sealed with the key in") && log.contains("back that file up"), "{log}");
    let found = served(folder.path(), "doctor", None).await;
    assert!(found.out.contains("master.key opens the folder's secrets"), "{}", found.out);

    std::fs::rename(&file, folder.path().join("elsewhere")).unwrap();
    let refused = served(folder.path(), "serve", None).await;
    assert_eq!(refused.code, 1, "{}", refused.err);
    assert!(refused.err.contains("Put the file back from its backup"), "{}", refused.err);
    assert!(!file.exists(), "no other key is made");
    let found = served(folder.path(), "doctor", None).await;
    assert!(
        found.code == 1 && found.out.contains("FLOWGATE_MASTER_KEY is not set"),
        "{}",
        found.out
    );

    std::fs::rename(folder.path().join("elsewhere"), &file).unwrap();
    let own = "0123456789abcdef".repeat(4);
    let log = log_of_start(folder.path(), Some(&own)).await;
    assert!(log.contains("are sealed with FLOWGATE_MASTER_KEY"), "{log}");
    assert_eq!(
        served(folder.path(), "serve", None).await.code,
        1,
        "the file's key is of no use now"
    );

    let malformed = served(folder.path(), "serve", Some("secret")).await;
    assert_eq!(malformed.code, 1);
    assert!(
        malformed.err.contains("must be 32 random bytes") && malformed.err.contains("openssl rand"),
        "{}",
        malformed.err
    );
}

#[tokio::test]
async fn runs_are_erased_and_the_keyring_is_rotated() {
    let server = TestServer::start().await;
    server.publish("story", STORY).await;
    let mut shell = Shell::new(&server);
    for _ in 0..2 {
        let start = server.post("/v1/workflows/story/runs", ADMIN_KEY);
        start.json(&json!({ "input": { "who": "x" }, "user": "ann" })).send().await.unwrap();
    }
    let runs = json(&shell.run("runs story -o json").await);
    let run = runs[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(shell.run(&format!("erase run {run}")).await.code, 0);
    assert_eq!(shell.run(&format!("runs {run}")).await.code, 3);
    let erased = shell.run("erase user ann").await;
    assert_eq!((erased.code, erased.out.as_str()), (0, "1 runs are deleted\n"), "{}", erased.err);

    let rotated = json(&shell.run("keyring rotate -o json").await);
    assert!(rotated["pepper"].as_u64().unwrap() >= 2, "{rotated}");
    // A caller's key shows the run, and no timeline.
    let start = server
        .post("/v1/workflows/story/runs", ADMIN_KEY)
        .json(&json!({ "input": { "who": "x" } }));
    let run: Value = start.send().await.unwrap().json().await.unwrap();
    shell.key = server.key(&["story"], &["run", "read", "cancel"]).await;
    let shown = shell.run(&format!("runs {}", run["id"].as_str().unwrap())).await;
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert!(shown.err.contains("lacks the scope trace") && shown.out.contains("Once there was x."));
    assert_eq!(shell.run("keyring rotate").await.code, 3);
}
