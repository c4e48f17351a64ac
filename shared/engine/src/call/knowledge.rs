//! Calls of knowledge: texts become vectors (that goes out), and a store keeps and finds them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Rendered, RenderedUrl};

/// Output: `{vectors, dimensions, model, tokens, cost}`: a vector per text, in their order, each as
/// the base64 of its numbers (f32, little-endian).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EmbedCall {
    /// `provider/model`, such as `openai/text-embedding-3-small` or `offline/words`.
    pub model: String,
    /// A reference chose the provider, and with it the host that the call goes to.
    #[serde(skip)]
    pub has_given_provider: bool,
    pub texts: Vec<String>,
    /// The texts are looked for, and are not what is found.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_query: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<RenderedUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Rendered>,
}

/// Names a store, and says what is done with it. Stays inside.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct KnowledgeCall {
    pub store: String,
    /// Other workflows read it, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    pub request: KnowledgeRequest,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KnowledgeRequest {
    /// Stores a part of a source, which nobody finds yet. Output: `{}`.
    Put { model: String, number: usize, chunks: Vec<EmbeddedChunk> },
    /// The parts that the node has put are the source now, and replace what it was before. Output:
    /// `{total}`: the chunks of the store.
    Commit { source: String, parts: usize, chunks: usize },
    /// Output: `{deleted}`: the chunks that the source had.
    Delete { source: String },
    /// Output: `{matches: [{text, score, source, metadata}]}`, the best first.
    Search {
        model: String,
        vector: String,
        top: usize,
        #[serde(skip_serializing_if = "Option::is_none")]
        min_score: Option<f64>,
    },
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbeddedChunk {
    #[serde(flatten)]
    pub chunk: Chunked,
    pub vector: String,
}

/// A piece of a source's text, as it is found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chunked {
    pub text: String,
    /// What the author says of its source.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub metadata: Value,
}
