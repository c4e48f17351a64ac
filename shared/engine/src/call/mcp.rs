//! A request to an MCP server, as plain data.

use serde::Serialize;
use serde_json::{Map, Value};

use super::{Rendered, RenderedUrl};

/// A call of its own session: the server's address, and what is asked there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct McpCall {
    pub url: RenderedUrl,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, Rendered)>,
    pub request: McpRequest,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum McpRequest {
    /// Output: `{tools: [{name, description, input_schema}]}`.
    ListTools {
        /// Leaves out all other tools. Empty: leaves out none.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        only: Vec<String>,
    },
    /// Output: `{content, structured, is_error}`: the text parts, joined by line ends, and the
    /// structured content or null.
    CallTool {
        /// As the server lists it.
        name: String,
        arguments: Map<String, Value>,
        /// Arguments that the tool's schema asks for as headers too: `Mcp-Param-<name>`.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        mirrored: Vec<(String, String)>,
    },
}
