//! This machine: what workflows may call from here, and whether JavaScript runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowgate_core::secret::{Publisher, SecretUser};
use flowgate_core::system::SystemClock;
use flowgate_engine::call::{CodeCall, Language, Sources};
use flowgate_engine::{Action, Call, CallResult};
use flowgate_outbound::{ChildInfo, CodeGroup, Outbound};
use serde_json::Map;

use super::Finding;
use crate::command::serve;
use crate::no_secrets::NoSecrets;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Shows what the given options of `serve` allow.
pub(super) fn outbound(args: &serve::Args) -> Finding {
    let Ok(settings) = args.outbound() else {
        return Finding::problem(
            "outbound",
            "this program cannot find its own path",
            "start it by its full path",
        );
    };
    let allowed = |allowed: bool| if allowed { "allowed" } else { "refused" };
    let message = format!(
        "https to public addresses; this machine {}, private networks {}, http to \
         other machines {}",
        allowed(settings.allow_loopback || settings.allow_authors_loopback),
        allowed(settings.allow_private),
        allowed(settings.allow_http)
    );
    let is_reached_from_outside = args.public_url.is_some() || !args.listen.ip().is_loopback();
    let allows_loopback = settings.allow_loopback || settings.allow_authors_loopback;
    if allows_loopback && is_reached_from_outside {
        return Finding::warning(
            "outbound",
            message,
            "others can reach this server: --no-loopback keeps workflows from this machine's own \
             services",
        );
    }
    Finding::ok("outbound", message)
}

pub(super) async fn javascript(args: &serve::Args) -> Finding {
    let advice = "function nodes fail until this works; put flowgate-child beside this program, \
                  and check limits on processes and memory (ulimit -a)";
    let Ok(settings) = args.outbound() else {
        return Finding::problem(
            "javascript",
            "this program cannot find its own path to start its child",
            advice,
        );
    };
    let outbound = Outbound::new(settings, Arc::new(NoSecrets), Arc::new(SystemClock));
    let call = Call {
        action: Action::Code(CodeCall {
            language: Language::Javascript,
            code: "return 1 + 1".to_owned(),
            variables: Map::new(),
            arguments: Map::new(),
            sources: Sources::default(),
            now_ms: 0,
        }),
        input_hash: String::new(),
        delay: Duration::ZERO,
        timeout: TIMEOUT,
        at_most_once: false,
        seed: 0,
        asked_at_ms: 0,
        needs_price: false,
        literal_keys: Arc::default(),
        workflow: 0,
    };
    let user = SecretUser { workflow_id: "doctor".to_owned(), published_by: Publisher::Platform };
    let began = Instant::now();
    let result = outbound.perform(&call, &user, &CodeGroup::new("doctor"), &mut |_| {}).await;
    let took = began.elapsed();
    match (result, outbound.child()) {
        (CallResult::Succeeded(output), Some(child)) if output.value["result"] == 2 => {
            working(child, took)
        }
        (CallResult::Succeeded(output), _) => {
            Finding::problem("javascript", format!("1 + 1 is {}", output.value["result"]), advice)
        }
        (CallResult::Failed(error), _) => Finding::problem("javascript", error.message, advice),
    }
}

fn working(child: &ChildInfo, took: Duration) -> Finding {
    let message = format!(
        "1 + 1 is 2, in {} ms including process start, in {}; held by: {}",
        took.as_millis(),
        child.program.display(),
        child.layers.holding().join(", ")
    );
    let missing = child.layers.missing();
    if missing.is_empty() {
        return Finding::ok("javascript", message);
    }
    let advice = format!(
        "this system refuses {}; the other layers still hold code in, but allow all of them for \
         code of people whom you do not trust",
        missing.join(", ")
    );
    Finding::warning("javascript", message, advice)
}
