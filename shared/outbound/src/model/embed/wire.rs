//! The protocols that embed: what goes out, and how an answer is read. Pure.
//!
//! Checked against OpenAI's "Create embeddings", Gemini's `batchEmbedContents`, Cohere's "Embed API
//! (v2)" and Ollama's "Generate embeddings".

use flowgate_engine::call::CallError;
use serde_json::{Value, json};

use crate::model::failed;
use crate::model::failure::{error_in, stated};
use crate::model::wire::{count_at, list_at};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EmbedWire {
    OpenAi,
    Gemini,
    Cohere,
    Ollama,
}

#[derive(Debug, PartialEq)]
pub(super) struct Embedded {
    /// In the order of the texts.
    pub(super) vectors: Vec<Vec<f32>>,
    pub(super) tokens: Option<u64>,
}

impl EmbedWire {
    /// Providers without embeddings have none at another address either, unless it is the author's.
    pub(super) fn of(provider: &str, has_own_address: bool) -> Result<Self, CallError> {
        match provider {
            "gemini" | "google" => Ok(Self::Gemini),
            "cohere" => Ok(Self::Cohere),
            "ollama" => Ok(Self::Ollama),
            "anthropic" | "bedrock" | "minimax" | "groq" | "xai" | "deepseek" | "moonshot"
                if !has_own_address =>
            {
                let message = format!("{provider} has no models that embed");
                Err(failed("unknown_model", message))
            }
            _ => Ok(Self::OpenAi),
        }
    }

    /// Returns the path, relative to the provider's address, and the body.
    pub(super) fn encode(self, model: &str, texts: &[String], is_query: bool) -> (String, Value) {
        match self {
            Self::OpenAi => {
                let body = json!({ "model": model, "input": texts, "encoding_format": "float" });
                ("embeddings".to_owned(), body)
            }
            Self::Gemini => {
                let task = if is_query { "RETRIEVAL_QUERY" } else { "RETRIEVAL_DOCUMENT" };
                let request = |text: &String| {
                    json!({
                        "model": format!("models/{model}"),
                        "content": { "parts": [{ "text": text }] },
                        "taskType": task,
                    })
                };
                let requests: Vec<Value> = texts.iter().map(request).collect();
                (format!("models/{model}:batchEmbedContents"), json!({ "requests": requests }))
            }
            Self::Cohere => {
                let input_type = if is_query { "search_query" } else { "search_document" };
                let body = json!({
                    "model": model,
                    "texts": texts,
                    "input_type": input_type,
                    "embedding_types": ["float"],
                });
                ("embed".to_owned(), body)
            }
            Self::Ollama => ("api/embed".to_owned(), json!({ "model": model, "input": texts })),
        }
    }

    pub(super) fn decode(self, answer: &Value) -> Result<Embedded, CallError> {
        if let Some(error) = error_in(answer) {
            return Err(error);
        }
        let (vectors, tokens) = match self {
            Self::OpenAi => {
                let mut data: Vec<&Value> = list_at(answer, "/data").iter().collect();
                // The order is said, and mostly kept.
                data.sort_by_key(|entry| count_at(entry, "/index").unwrap_or(u64::MAX));
                let tokens = count_at(answer, "/usage/prompt_tokens")
                    .or_else(|| count_at(answer, "/usage/total_tokens"));
                (data.into_iter().map(|entry| &entry["embedding"]).collect::<Vec<_>>(), tokens)
            }
            Self::Gemini => {
                let all = list_at(answer, "/embeddings").iter().map(|entry| &entry["values"]);
                (all.collect(), count_at(answer, "/usageMetadata/promptTokenCount"))
            }
            Self::Cohere => {
                let all = list_at(answer, "/embeddings/float").iter();
                (all.collect(), count_at(answer, "/meta/billed_units/input_tokens"))
            }
            Self::Ollama => {
                let all = list_at(answer, "/embeddings").iter();
                (all.collect(), count_at(answer, "/prompt_eval_count"))
            }
        };
        let vectors: Option<Vec<_>> = vectors.into_iter().map(numbers).collect();
        let vectors = vectors.filter(|vectors| !vectors.is_empty());
        vectors.map(|vectors| Embedded { vectors, tokens }).ok_or_else(|| stated(answer))
    }
}

fn numbers(vector: &Value) -> Option<Vec<f32>> {
    #[expect(clippy::cast_possible_truncation, reason = "vectors have few digits")]
    let number = |number: &Value| number.as_f64().map(|number| number as f32);
    vector.as_array()?.iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wire: EmbedWire, is_query: bool, path: &str, body: &Value) {
        let texts = ["one".to_owned(), "two".to_owned()];
        assert_eq!(wire.encode("m", &texts, is_query), (path.to_owned(), body.clone()));
    }

    #[test]
    fn requests_are_as_the_providers_want_them() {
        check(
            EmbedWire::OpenAi,
            true,
            "embeddings",
            &json!({ "model": "m", "input": ["one", "two"], "encoding_format": "float" }),
        );
        let request = |text: &str, task: &str| {
            let content = json!({ "parts": [{ "text": text }] });
            json!({ "model": "models/m", "content": content, "taskType": task })
        };
        for (is_query, task) in [(true, "RETRIEVAL_QUERY"), (false, "RETRIEVAL_DOCUMENT")] {
            let requests = json!({ "requests": [request("one", task), request("two", task)] });
            check(EmbedWire::Gemini, is_query, "models/m:batchEmbedContents", &requests);
        }
        check(
            EmbedWire::Cohere,
            false,
            "embed",
            &json!({ "model": "m", "texts": ["one", "two"], "input_type": "search_document",
                     "embedding_types": ["float"] }),
        );
        let ollama = json!({ "model": "m", "input": ["one", "two"] });
        check(EmbedWire::Ollama, false, "api/embed", &ollama);
    }

    #[test]
    fn answers_are_read_in_the_order_of_the_texts() {
        let expected = Embedded { vectors: vec![vec![1.0, 0.5], vec![-2.0, 3.0]], tokens: Some(7) };
        for (wire, answer) in [
            (
                EmbedWire::OpenAi,
                json!({ "object": "list", "data": [
                    { "index": 1, "embedding": [-2, 3] }, { "index": 0, "embedding": [1, 0.5] },
                ], "usage": { "prompt_tokens": 7, "total_tokens": 7 } }),
            ),
            (
                EmbedWire::Gemini,
                json!({ "embeddings": [{ "values": [1, 0.5] }, { "values": [-2, 3] }],
                        "usageMetadata": { "promptTokenCount": 7 } }),
            ),
            (
                EmbedWire::Cohere,
                json!({ "id": "x", "embeddings": { "float": [[1, 0.5], [-2, 3]] },
                        "meta": { "billed_units": { "input_tokens": 7 } } }),
            ),
            (
                EmbedWire::Ollama,
                json!({ "embeddings": [[1, 0.5], [-2, 3]], "prompt_eval_count": 7 }),
            ),
        ] {
            assert_eq!(wire.decode(&answer).unwrap(), expected, "{wire:?}");
            for broken in [json!({}), json!([]), json!({ "embeddings": "x", "data": [{}] })] {
                assert_eq!(wire.decode(&broken).unwrap_err().code, "model_error", "{wire:?}");
            }
        }
        let refused =
            json!({ "error": { "message": "no such model", "type": "invalid_request_error" } });
        let error = EmbedWire::OpenAi.decode(&refused).unwrap_err();
        assert!(!error.retryable && error.message.contains("no such model"), "{error:?}");
    }

    #[test]
    fn providers_without_embeddings_say_so() {
        assert_eq!(EmbedWire::of("anthropic", false).unwrap_err().code, "unknown_model");
        assert_eq!(EmbedWire::of("anthropic", true).unwrap(), EmbedWire::OpenAi);
        assert_eq!(EmbedWire::of("mine", true).unwrap(), EmbedWire::OpenAi);
    }
}
