//! What a call is taken to have cost of which nobody said what it used: for budgets, never shown as
//! what was used.

use flowgate_engine::call::{
    Action, Content, ContentPart, MediaCall, MediaRequest, ModelCall, ModelMessage,
};
use flowgate_engine::json;

use crate::{media, model};

const BYTES_PER_TOKEN: usize = 4;
/// A picture or a document that a model was given.
const TOKENS_PER_FILE: u64 = 1_000;
/// What a model may have thought, or said to tools, of which nothing was seen.
const UNSEEN: u64 = 1_000;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Estimate {
    pub tokens: u64,
    /// 0 for a model whose price is not known.
    pub cost_nano_usd: u64,
}

/// What is known of a call that costs money when it goes out.
#[derive(Debug)]
pub struct Asked(What);

#[derive(Debug)]
enum What {
    Text {
        model: String,
        input: u64,
        /// Its output if it says nothing that is seen.
        unseen: u64,
    },
    Whole(Estimate),
}

impl Asked {
    pub fn of(action: &Action) -> Self {
        Self(match action {
            Action::Model(call) => What::Text {
                model: call.model.clone(),
                input: input_of(call),
                unseen: call.max_tokens.map_or(UNSEEN, u64::from),
            },
            Action::Embed(call) => {
                let input = call.texts.iter().map(|text| tokens_of(text.len())).sum();
                What::Text { model: call.model.clone(), input, unseen: 0 }
            }
            Action::Media(call) => What::Whole(of_media(call)),
            _ => What::Whole(Estimate::default()),
        })
    }

    /// Estimates the call, which has sent `said` bytes of text so far.
    pub fn after(&self, said: usize) -> Estimate {
        match &self.0 {
            What::Text { model, input, unseen } => {
                let output = if said > 0 { tokens_of(said) } else { *unseen };
                let cost_nano_usd = model::cost_of(model, *input, output).unwrap_or(0);
                Estimate { tokens: input.saturating_add(output), cost_nano_usd }
            }
            What::Whole(estimate) => *estimate,
        }
    }
}

fn of_media(call: &MediaCall) -> Estimate {
    let text = match &call.request {
        MediaRequest::Image(image) => image.prompt.len(),
        MediaRequest::Speech(speech) => speech.text.len(),
        MediaRequest::Transcription(_)
        | MediaRequest::Prediction(_)
        | MediaRequest::Look { .. }
        | MediaRequest::Cancel { .. } => 0,
    };
    let (tokens, cost) = media::estimate(call, tokens_of(text));
    Estimate { tokens, cost_nano_usd: cost.unwrap_or(0) }
}

fn input_of(call: &ModelCall) -> u64 {
    let of_tools = call.tools.iter().map(|tool| {
        let text = tool.name.len() + tool.description.len();
        tokens_of(text + json::size(&tool.parameters))
    });
    let schema = call.schema.as_ref().map_or(0, |schema| tokens_of(json::size(schema)));
    call.messages.iter().map(of_message).chain(of_tools).fold(schema, u64::saturating_add)
}

fn of_message(message: &ModelMessage) -> u64 {
    match message {
        ModelMessage::System { content } | ModelMessage::Assistant { content } => {
            tokens_of(content.len())
        }
        ModelMessage::User { content: Content::Text(text) } => tokens_of(text.len()),
        ModelMessage::User { content: Content::Parts(parts) } => parts.iter().map(of_part).sum(),
        ModelMessage::Turn { turn } => {
            let arguments = turn.calls.iter().flat_map(|call| call.arguments.values());
            tokens_of(turn.content.len() + arguments.map(json::size).sum::<usize>())
        }
        ModelMessage::Tools { results } => {
            results.iter().map(|result| tokens_of(result.content.len())).sum()
        }
    }
}

fn of_part(part: &ContentPart) -> u64 {
    match part {
        ContentPart::Text { text } => tokens_of(text.len()),
        ContentPart::Image { .. } | ContentPart::File { .. } | ContentPart::Document { .. } => {
            TOKENS_PER_FILE
        }
    }
}

fn tokens_of(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}

#[cfg(test)]
mod tests {
    use flowgate_engine::call::{EmbedCall, ImageRequest};

    use super::*;

    fn asked(max_tokens: Option<u32>) -> Asked {
        Asked::of(&Action::Model(ModelCall {
            model: "openai/gpt-4o".to_owned(),
            messages: vec![ModelMessage::system("12345678"), ModelMessage::user("1234")],
            max_tokens,
            ..ModelCall::default()
        }))
    }

    #[test]
    fn a_model_call_is_what_it_was_sent_and_has_said() {
        // $2.50 and $10 per million.
        let of = |tokens, cost_nano_usd| Estimate { tokens, cost_nano_usd };
        assert_eq!(asked(Some(50)).after(9), of(3 + 3, 3 * 2_500 + 3 * 10_000));
        assert_eq!(asked(Some(50)).after(0), of(53, 3 * 2_500 + 50 * 10_000));
        assert_eq!(asked(None).after(0), of(1_003, 3 * 2_500 + 1_000 * 10_000));
    }

    #[test]
    fn pictures_and_vectors_have_an_estimate_and_unknown_models_no_cost() {
        let image = |model: &str| {
            let request = ImageRequest { prompt: "x".repeat(40), ..ImageRequest::default() };
            Asked::of(&Action::Media(MediaCall {
                model: model.to_owned(),
                has_given_provider: false,
                request: MediaRequest::Image(request),
                base_url: None,
                api_key: None,
            }))
            .after(0)
        };
        let known = image("openai/gpt-image-1");
        assert!(known.tokens > 1_000 && known.cost_nano_usd > 10_000_000, "{known:?}");
        assert_eq!(image("openai/another").cost_nano_usd, 0);
        let embedded = Asked::of(&Action::Embed(EmbedCall {
            model: "openai/text-embedding-3-small".to_owned(),
            has_given_provider: false,
            texts: vec!["x".repeat(4_000)],
            is_query: false,
            base_url: None,
            api_key: None,
        }));
        assert_eq!(embedded.after(0), Estimate { tokens: 1_000, cost_nano_usd: 20_000 });
    }
}
