//! Which trace a request belongs to: W3C Trace Context. A start reads it, a run keeps it, and what
//! a run sends carries it on.
//! <https://www.w3.org/TR/trace-context/>

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hash::hex;
use crate::id::RunId;

pub const HEADER: &str = "traceparent";
/// `00-<32 hex>-<16 hex>-<2 hex>`
const LENGTH: usize = 55;

tokio::task_local! {
    static CONTEXT: Option<TraceContext>;
}

/// A trace, and the span in it that the next one is a child of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceContext {
    trace: [u8; 16],
    span: SpanId,
    /// Whether somebody records the trace. The other flags are for those who make trace ids.
    pub is_sampled: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

#[derive(Debug, PartialEq, Eq)]
pub struct NotATraceContext;

impl fmt::Display for NotATraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a traceparent as W3C Trace Context describes it")
    }
}

impl TraceContext {
    /// Of a run whose caller named no trace: always the same.
    pub fn of_run(run: &RunId) -> Self {
        let digest = Sha256::digest(format!("trace {run}"));
        let mut trace = [0; 16];
        trace.copy_from_slice(&digest[..16]);
        Self { trace, span: SpanId::of_run(run), is_sampled: true }
    }

    /// The same trace, at another span.
    #[must_use]
    pub fn at(self, span: SpanId) -> Self {
        Self { span, ..self }
    }

    pub fn trace_id(&self) -> String {
        hex(&self.trace)
    }

    pub fn span(&self) -> SpanId {
        self.span
    }
}

impl SpanId {
    /// Of a whole run.
    pub fn of_run(run: &RunId) -> Self {
        Self::of(run, "run")
    }

    /// Of a node of a run, by its path.
    pub fn of_node(run: &RunId, node: &str) -> Self {
        Self::of(run, &format!("node {node}"))
    }

    /// Always the same, so that whoever sends and whoever reports agree.
    fn of(run: &RunId, place: &str) -> Self {
        let digest = Sha256::digest(format!("span {run} {place}"));
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        Self(id)
    }

    /// Of an attempt, counted from 1, of a call at a place.
    pub fn of_attempt(run: &RunId, place: &str, attempt: u32) -> Self {
        Self::of(run, &format!("{place}#{attempt}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl FromStr for TraceContext {
    type Err = NotATraceContext;

    /// Reads later versions as this one, as the standard asks.
    fn from_str(text: &str) -> Result<Self, NotATraceContext> {
        let (known, further) = text.split_at_checked(LENGTH).ok_or(NotATraceContext)?;
        let mut parts = known.split('-');
        let version = part::<1>(parts.next())?;
        let trace = part::<16>(parts.next())?;
        let span = part::<8>(parts.next())?;
        let [flags] = part::<1>(parts.next())?;
        let is_whole = match version {
            [0] => further.is_empty(),
            [0xff] => false,
            _ => further.is_empty() || further.starts_with('-'),
        };
        if !is_whole || parts.next().is_some() || trace == [0; 16] || span == [0; 8] {
            return Err(NotATraceContext);
        }
        Ok(Self { trace, span: SpanId(span), is_sampled: flags & 1 == 1 })
    }
}

/// Reads lower-case hex digits of this many bytes.
fn part<const N: usize>(text: Option<&str>) -> Result<[u8; N], NotATraceContext> {
    let digits = text.filter(|text| text.len() == 2 * N).ok_or(NotATraceContext)?.as_bytes();
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NotATraceContext),
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Ok(bytes)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-0{}", self.trace_id(), self.span, u8::from(self.is_sampled))
    }
}

impl TryFrom<String> for TraceContext {
    type Error = NotATraceContext;

    fn try_from(text: String) -> Result<Self, NotATraceContext> {
        text.parse()
    }
}

impl From<TraceContext> for String {
    fn from(context: TraceContext) -> Self {
        context.to_string()
    }
}

/// Does the work as a part of this trace.
pub async fn within<T>(context: Option<TraceContext>, work: impl Future<Output = T>) -> T {
    CONTEXT.scope(context, work).await
}

/// Returns the trace that the current work belongs to.
pub fn current() -> Option<TraceContext> {
    CONTEXT.try_with(|context| *context).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_read_is_written_again() {
        let context: TraceContext = SENT.parse().unwrap();
        assert_eq!(context.to_string(), SENT);
        assert_eq!(context.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.span().to_string(), "00f067aa0ba902b7");
        let stored = serde_json::to_string(&context).unwrap();
        assert_eq!(serde_json::from_str::<TraceContext>(&stored).unwrap(), context);
    }

    #[test]
    fn a_later_version_is_read_as_this_one() {
        for text in [SENT.replacen("00", "cc", 1), format!("{}-more", SENT.replacen("00", "01", 1))]
        {
            assert_eq!(text.parse::<TraceContext>().unwrap().to_string(), SENT, "{text}");
        }
    }

    #[test]
    fn what_is_no_trace_context_is_refused() {
        let mut wrong: Vec<String> =
            ["", "00", "x", &"0".repeat(55), &"ä".repeat(40)].map(str::to_owned).into();
        wrong.push(SENT.to_uppercase());
        wrong.push(format!("{SENT}-more"));
        wrong.push(SENT.replacen("00", "ff", 1));
        wrong.push(SENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)));
        wrong.push(SENT.replace("00f067aa0ba902b7", &"0".repeat(16)));
        wrong.push(SENT.replace('-', "_"));
        wrong.push(SENT.replace("4736-", "473-6"));
        for text in wrong {
            assert_eq!(text.parse::<TraceContext>(), Err(NotATraceContext), "{text}");
        }
    }

    #[test]
    fn a_run_without_a_trace_has_one_of_its_own() {
        let (one, other) = (RunId::of_number(1), RunId::of_number(2));
        assert_eq!(TraceContext::of_run(&one), TraceContext::of_run(&one));
        assert_ne!(TraceContext::of_run(&one).trace_id(), TraceContext::of_run(&other).trace_id());
        assert_ne!(SpanId::of_attempt(&one, "a", 1), SpanId::of_attempt(&one, "a", 2));
        assert!(TraceContext::of_run(&one).to_string().parse::<TraceContext>().is_ok());
    }
}
