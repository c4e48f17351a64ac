//! Calls of MCP servers, over Streamable HTTP: lists a server's tools and calls one of them. Each
//! call has a session of its own.

mod session;
mod exchange;
mod message;
mod tools;
mod content;
#[cfg(test)]
mod tests;

use std::time::Duration;

use flowgate_core::clock::timeout;
use flowgate_core::secret::SecretUser;
use flowgate_engine::call::{Call, CallError, CallOutput, McpCall, McpRequest};
use serde_json::{Map, Value};

use super::mask::Masks;
use super::{Metered, Outbound, failed};
use message::Failure;
use session::{Ask, Session};
use tools::ToolList;

/// What the end of a session takes after its call has ended.
pub(super) const MAX_END: Duration = Duration::from_secs(2);
const MAX_PAGES: usize = 20;

impl Outbound {
    pub(super) async fn perform_mcp(
        &self,
        asked: &McpCall,
        call: &Call,
        user: &SecretUser,
        masks: &mut Masks,
        memory: &Metered,
    ) -> Result<CallOutput, CallError> {
        let mut opened = None;
        let work = async {
            let headers = asked.headers.iter().map(|(_, field)| field);
            let cleared = self.clear(&asked.url.0, headers, user, masks).await?;
            let session = opened.insert(Session::new(self, asked, &cleared, memory)?);
            session
                .perform(&asked.request)
                .await
                .map_err(|failure| without_half_a_secret(failure.error(masks), masks))
        };
        let ended = self.within(call, work).await;
        if let Some(session) = &opened {
            // The server forgets a session sooner or later by itself.
            let _ = timeout(&*self.clock, MAX_END, session.end()).await;
        }
        Ok(CallOutput { value: ended?, tokens: None, cost_nano_usd: None })
    }
}

/// Where the body of a failure was cut, half a secret may stand at its end.
fn without_half_a_secret(mut error: CallError, masks: &Masks) -> CallError {
    let data = error.output.as_deref_mut().and_then(|output| output.get_mut("data"));
    if let Some(Value::String(data)) = data
        && data.len() >= exchange::MAX_FAILURE_BYTES
    {
        *data = masks.start_of(data);
    }
    error
}

impl Session<'_> {
    async fn perform(&mut self, request: &McpRequest) -> Result<Value, Failure> {
        self.open().await.map_err(Failure::before_the_call)?;
        match self.carry_out(request).await {
            Err(failure) if self.is_lost(&failure) => {
                self.initialize().await.map_err(Failure::before_the_call)?;
                self.carry_out(request).await
            }
            ended => ended,
        }
    }

    async fn carry_out(&mut self, request: &McpRequest) -> Result<Value, Failure> {
        match request {
            McpRequest::ListTools { only } => self.list_tools(only).await,
            McpRequest::CallTool { name, arguments, mirrored } => {
                let params = Map::from_iter([
                    ("name".to_owned(), name.as_str().into()),
                    ("arguments".to_owned(), Value::Object(arguments.clone())),
                ]);
                let ask = Ask { method: "tools/call", params, name: Some(name), mirrored };
                let result = self.ask(ask).await?;
                Ok(content::output(&result)?)
            }
        }
    }

    async fn list_tools(&mut self, only: &[String]) -> Result<Value, Failure> {
        let mut list = ToolList::new(only);
        let mut cursor: Option<String> = None;
        for _ in 0..MAX_PAGES {
            let params = cursor.iter().map(|cursor| ("cursor".to_owned(), cursor.as_str().into()));
            let ask = Ask { params: params.collect(), ..Ask::of("tools/list") };
            let page = self.ask(ask).await?;
            list.add(&page)?;
            let next =
                page.get("nextCursor").and_then(Value::as_str).filter(|next| !next.is_empty());
            let Some(next) = next.filter(|_| !list.is_complete()) else { return Ok(list.output()) };
            if cursor.as_deref() == Some(next) {
                return Err(mcp_error("the list of tools leads to the same page again").into());
            }
            cursor = Some(next.to_owned());
        }
        Err(mcp_error(format!("the list of tools has more than {MAX_PAGES} pages")).into())
    }
}

fn mcp_error(message: impl Into<String>) -> CallError {
    failed("mcp_error", message)
}

fn invalid_answer(message: impl Into<String>) -> CallError {
    failed("invalid_answer", message)
}
