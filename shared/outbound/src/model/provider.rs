//! The providers, by the names that authors write.

use flowgate_engine::call::CallError;
use flowgate_engine::provider;
use genai::adapter::AdapterKind;

use super::failed;

/// Name and adapter of each provider.
const PROVIDERS: [(&str, AdapterKind); 18] = [
    ("openai", AdapterKind::OpenAI),
    ("anthropic", AdapterKind::Anthropic),
    ("gemini", AdapterKind::Gemini),
    ("google", AdapterKind::Gemini),
    ("groq", AdapterKind::Groq),
    ("deepseek", AdapterKind::DeepSeek),
    ("xai", AdapterKind::Xai),
    ("ollama", AdapterKind::Ollama),
    ("cohere", AdapterKind::Cohere),
    ("openrouter", AdapterKind::OpenRouter),
    ("together", AdapterKind::Together),
    ("mistral", AdapterKind::Mistral),
    ("fireworks", AdapterKind::Fireworks),
    ("moonshot", AdapterKind::Moonshot),
    ("nebius", AdapterKind::Nebius),
    ("qwen", AdapterKind::QwenCloud),
    ("zai", AdapterKind::Zai),
    ("minimax", AdapterKind::MiniMax),
];

pub(super) struct Provider<'a> {
    pub(super) name: &'a str,
    known: Option<AdapterKind>,
}

impl<'a> Provider<'a> {
    pub(super) fn named(name: &'a str) -> Self {
        let known = PROVIDERS.iter().find(|(known, _)| *known == name);
        Self { name, known: known.map(|(_, kind)| *kind) }
    }

    /// Whether it has an address of its own.
    pub(super) fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// An unknown provider must have an address, and speaks OpenAI's protocol.
    pub(super) fn adapter(
        &self,
        model: &str,
        has_base_url: bool,
    ) -> Result<AdapterKind, CallError> {
        match self.known {
            // Some OpenAI models only support its newer protocol. Other servers speak the older
            // one.
            Some(AdapterKind::OpenAI) if !has_base_url => {
                let newer = AdapterKind::from_model(model)
                    .is_ok_and(|kind| kind == AdapterKind::OpenAIResp);
                Ok(if newer { AdapterKind::OpenAIResp } else { AdapterKind::OpenAI })
            }
            Some(kind) => Ok(kind),
            None if has_base_url => Ok(AdapterKind::OpenAI),
            None => {
                let (name, secret) = (self.name, provider::base_url(self.name));
                Err(failed(
                    "unknown_model",
                    format!(
                        "provider {name:?} is not known; set the secret {secret} if it speaks \
                         OpenAI's protocol"
                    ),
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_provider_needs_an_address() {
        assert_eq!(Provider::named("mine").adapter("m", true), Ok(AdapterKind::OpenAI));
        assert_eq!(Provider::named("mine").adapter("m", false).unwrap_err().code, "unknown_model");
        assert_eq!(Provider::named("openai").adapter("gpt-4o", false), Ok(AdapterKind::OpenAI));
        assert_eq!(Provider::named("openai").adapter("vertex::x", false), Ok(AdapterKind::OpenAI));
    }
}
