//! `flowgate serve`: the server, and on its first start a welcome with examples to try.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use flowgate_app::access::Caller;
use flowgate_app::collector::Signal;
use flowgate_app::keys::KeyRequest;
use flowgate_app::origin::AllowedOrigins;
use flowgate_app::workflows::{OnlyIf, SaveDraft};
use flowgate_app::{App, Settings};
use flowgate_core::key::{Scope, WorkflowScope};
use flowgate_core::memory::MemoryLimits;
use flowgate_core::page::PageRequest;
use flowgate_engine::Kinds;
use flowgate_local::{KeyPlace, MASTER_KEY_VARIABLE, MasterKey};
use flowgate_outbound::{Collector, OutboundSettings};
use secrecy::{ExposeSecret, SecretString};
use tokio::signal::unix::{SignalKind, signal};

use crate::server::connections::ConnectionLimits;
use crate::server::{OpenServer, Options};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder for all data
    #[arg(long, env = "FLOWGATE_DATA", default_value = "./.flowgate")]
    pub data: PathBuf,
    #[arg(long, env = "FLOWGATE_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where callers reach the server, used in links; default: http:// and the listen address
    #[arg(long, env = "FLOWGATE_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Pages of this origin may read answers in a browser, such as https://app.example.com; repeat
    /// for several, * for all
    #[arg(
        long = "allow-origin",
        env = "FLOWGATE_ALLOWED_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    allowed_origins: Vec<String>,
    /// Allow workflows to be public: callers without a key run them, on behalf of one that an admin
    /// attaches
    #[arg(
        long,
        env = "FLOWGATE_PUBLIC_WORKFLOWS",
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    public_workflows: bool,
    /// For how many days the audit log of keys and rotations is kept
    #[arg(
        long,
        env = "FLOWGATE_AUDIT_DAYS",
        default_value_t = 365,
        value_name = "DAYS",
        value_parser = clap::value_parser!(u64).range(1..=3650)
    )]
    audit_days: u64,
    /// Refuse outside calls and webhooks to this machine's own addresses. By default the URLs in
    /// workflows may lead there while the server listens on loopback
    #[arg(long)]
    no_loopback: bool,
    /// Allow them for every URL, those of callers included, wherever the server listens
    #[arg(long, conflicts_with = "no_loopback")]
    allow_loopback: bool,
    /// Allow outside calls and webhooks to private networks, and plain http
    #[arg(long)]
    allow_private: bool,
    /// Memory for requests, runs and answers, in MiB; one key may take a fifth, at least 96
    #[arg(
        long,
        env = "FLOWGATE_MEMORY",
        default_value_t = 512,
        value_name = "MIB",
        value_parser = clap::value_parser!(u32).range(64..=1_048_576)
    )]
    memory: u32,
    /// Connections at the same time; further ones are answered with 503
    #[arg(long, env = "FLOWGATE_MAX_CONNECTIONS", default_value_t = 4096)]
    max_connections: usize,
    /// Do not serve the web console, nor the API's reference at /docs
    #[arg(long)]
    no_console: bool,
}

/// Published on the first start. They run without a provider.
const EXAMPLES: [(&str, &str); 2] = [
    ("greeting", include_str!("../../../examples/greeting.yaml")),
    ("story", include_str!("../../../examples/story.yaml")),
];
const MIN_ADMIN_KEY_CHARACTERS: usize = 32;

pub(crate) async fn run(args: Args, kinds: Kinds) -> Result<ExitCode> {
    let admin_key = admin_key()?;
    let outbound = args.outbound()?;
    let kinds = Some(kinds);
    let memory = MemoryLimits::of_process((args.memory as usize) << 20);
    let allowed_origins = args.allowed_origins()?;
    let audit_retention = Duration::from_secs(args.audit_days * 24 * 3600);
    let settings = Settings {
        kinds,
        admin_key: admin_key.clone(),
        memory,
        allowed_origins,
        public_workflows: args.public_workflows,
        audit_retention,
        ..Settings::default()
    };
    let options = Options {
        data: args.data.clone(),
        master_key: master_key()?,
        listen: args.listen,
        public_url: args.public_url,
        settings,
        outbound,
        connections: ConnectionLimits { max: args.max_connections, ..Default::default() },
        console: !args.no_console,
    };
    let server = OpenServer::open(options).await?;
    let app = server.app.clone();
    // Before the first request: it could save a workflow under the same id.
    let example_keys = if is_new(&app).await? { publish_examples(&app).await? } else { Vec::new() };
    eprintln!(
        "flowgate listens on http://{} and stores its data in {}",
        server.address,
        args.data.display()
    );
    eprintln!("{}", protection(&server.key_place, &args.data));
    if let Some(telemetry) = &app.ports.telemetry {
        for (signal, what) in [(Signal::Spans, "spans of ended runs"), (Signal::Metrics, "metrics")]
        {
            if let Some(place) = telemetry.place(signal) {
                eprintln!("{what} go to {place} as {}", telemetry.service());
            }
        }
    }
    if !args.no_console {
        eprintln!("console: {}", app.settings.public_url);
    }
    let server = server.serve();
    if let [greeting, story] = &example_keys[..] {
        let admin_key = if admin_key.is_none() { Some(app.bootstrap_token().await?) } else { None };
        welcome(&app.settings.public_url, admin_key, greeting, story);
    }
    drop(app);
    let is_lost = tokio::select! {
        signal = stop_signal() => signal.map(|()| false)?,
        () = server.folder_lost() => true,
    };
    eprintln!("stopping");
    server.stop().await;
    if is_lost {
        bail!(
            "the database in {} was moved, deleted or replaced while this server used it: put it \
             back and start again",
            args.data.display()
        );
    }
    Ok(ExitCode::SUCCESS)
}

impl Args {
    fn allowed_origins(&self) -> Result<AllowedOrigins> {
        AllowedOrigins::parse(&self.allowed_origins.join(",")).map_err(|text| {
            anyhow!("{text:?} is not an origin: it is a scheme, a host and a port, without a path")
        })
    }

    /// What workflows and webhooks may call.
    pub(super) fn outbound(&self) -> Result<OutboundSettings> {
        let mut settings = OutboundSettings {
            allow_http: self.allow_private,
            allow_loopback: self.allow_loopback,
            allow_authors_loopback: !self.no_loopback && self.listen.ip().is_loopback(),
            allow_private: self.allow_private,
            collector: Collector::from_variables(|name| std::env::var(name).ok())?,
            ..OutboundSettings::with_child_beside()?
        };
        // `cargo run` and `cargo install` build this program alone, so it can be its own child.
        settings.child_programs.push(std::env::current_exe()?);
        Ok(settings)
    }
}

/// The operator's own admin credential.
pub(super) fn admin_key() -> Result<Option<String>> {
    let Some(key) = std::env::var("FLOWGATE_ADMIN_KEY").ok().filter(|key| !key.is_empty()) else {
        return Ok(None);
    };
    if key.len() < MIN_ADMIN_KEY_CHARACTERS || key.starts_with("fg_") {
        bail!(
            "FLOWGATE_ADMIN_KEY must have at least {MIN_ADMIN_KEY_CHARACTERS} characters and not \
             begin with fg_"
        );
    }
    Ok(Some(key))
}

/// The key that seals the folder's secrets, if the operator gives one.
pub(crate) fn master_key() -> Result<Option<MasterKey>> {
    let given = std::env::var(MASTER_KEY_VARIABLE).ok().filter(|key| !key.trim().is_empty());
    let Some(given) = given else { return Ok(None) };
    MasterKey::parse(&given).map(Some).with_context(|| {
        format!(
            "{MASTER_KEY_VARIABLE} must be 32 random bytes, as 64 hex digits or in base64; make \
             one with: openssl rand -base64 32"
        )
    })
}

fn protection(place: &KeyPlace, folder: &Path) -> String {
    match place {
        KeyPlace::Given => format!(
            "the secrets in {} are sealed with {MASTER_KEY_VARIABLE}; keep a copy of it elsewhere",
            folder.display()
        ),
        KeyPlace::File(file) => format!(
            "the secrets in {} are sealed with the key in {}; back that file up, apart from the \
             folder",
            folder.display(),
            file.display()
        ),
    }
}

async fn is_new(app: &App) -> Result<bool> {
    let one = || PageRequest { limit: 1, cursor: None };
    Ok(app.ports.workflows.list(one()).await?.items.is_empty()
        && app.ports.keys.list(one()).await?.items.is_empty())
}

/// Returns a key for each example.
async fn publish_examples(app: &Arc<App>) -> Result<Vec<SecretString>> {
    let mut keys = Vec::new();
    for (id, document) in EXAMPLES {
        let draft = SaveDraft { id, document, only_if: OnlyIf::Any, reserved_input_names: &[] };
        app.save_draft(&Caller::Admin, draft).await?;
        app.publish(&Caller::Admin, id, Some("published on the first start".to_owned()), None)
            .await?;
        let request = KeyRequest {
            name: format!("{id} example"),
            workflows: WorkflowScope::Only([id.to_owned()].into()),
            scopes: Scope::OF_CALLERS.into(),
            expires_at: None,
            limits: None,
            budget: None,
            origins: BTreeSet::new(),
        };
        keys.push(app.create_key(&Caller::Admin, request).await?.key);
    }
    Ok(keys)
}

/// Prints the keys and lines to paste.
#[expect(clippy::print_stdout, reason = "the welcome is the command's output")]
fn welcome(url: &str, admin_key: Option<String>, greeting: &SecretString, story: &SecretString) {
    let (greeting, story) = (greeting.expose_secret(), story.expose_secret());
    println!();
    if let Some(key) = admin_key {
        println!("Admin key, for the console and the API, shown this once:  {key}\n");
    }
    println!("Two workflows are published, each with its own key, shown this once:");
    println!("  greeting  {greeting}\n  story     {story}\n\nTry them:\n");
    println!("# native: wait for the answer");
    println!(
        "curl -s {url}/v1/workflows/greeting/runs -H 'Authorization: Bearer {greeting}' -H \
         'Content-Type: application/json' -d '{{\"input\":{{\"name\":\"Ada\",\"n\":3}}}}'\n"
    );
    println!("# GPTBots: the key names the workflow");
    println!(
        "curl -s {url}/v1/workflow/invoke -H 'Authorization: Bearer {greeting}' -H 'Content-Type: \
         application/json' -d '{{\"input\":{{\"name\":\"Ada\",\"n\":3}}}}'\n"
    );
    println!("# Sim: stream the story as it is written");
    println!(
        "curl -sN {url}/api/workflows/story/execute -H 'X-API-Key: {story}' -H 'Content-Type: \
         application/json' -d '{{\"character\":\"a lighthouse \
         keeper\",\"stream\":true,\"selectedOutputs\":[\"draft.content\"]}}'\n"
    );
    println!("# AI-Flow: start, then fetch the result with the run_id in the answer");
    println!(
        "curl -s {url}/v1/flow/greeting/run -H 'Authorization: Bearer {greeting}' -H \
         'Content-Type: application/json' -d '{{\"name\":\"Ada\",\"n\":3}}'\n"
    );
}

async fn stop_signal() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("could not listen for ctrl-c")?;
        }
        _ = terminate.recv() => {}
    }
    Ok(())
}
