//! The providers, by the names that authors write.

use flowgate_engine::call::CallError;
use genai::adapter::AdapterKind;

use super::failed;

/// Name, prefix of the secrets (`OPENAI` in `OPENAI_API_KEY`), and adapter of each provider.
const PROVIDERS: [(&str, &str, AdapterKind); 18] = [
    ("openai", "OPENAI", AdapterKind::OpenAI),
    ("anthropic", "ANTHROPIC", AdapterKind::Anthropic),
    ("gemini", "GEMINI", AdapterKind::Gemini),
    ("google", "GEMINI", AdapterKind::Gemini),
    ("groq", "GROQ", AdapterKind::Groq),
    ("deepseek", "DEEPSEEK", AdapterKind::DeepSeek),
    ("xai", "XAI", AdapterKind::Xai),
    ("ollama", "OLLAMA", AdapterKind::Ollama),
    ("cohere", "COHERE", AdapterKind::Cohere),
    ("openrouter", "OPENROUTER", AdapterKind::OpenRouter),
    ("together", "TOGETHER", AdapterKind::Together),
    ("mistral", "MISTRAL", AdapterKind::Mistral),
    ("fireworks", "FIREWORKS", AdapterKind::Fireworks),
    ("moonshot", "MOONSHOT", AdapterKind::Moonshot),
    ("nebius", "NEBIUS", AdapterKind::Nebius),
    ("qwen", "QWEN", AdapterKind::QwenCloud),
    ("zai", "ZAI", AdapterKind::Zai),
    ("minimax", "MINIMAX", AdapterKind::MiniMax),
];

pub(super) struct Provider<'a> {
    pub(super) name: &'a str,
    known: Option<(&'static str, AdapterKind)>,
}

impl<'a> Provider<'a> {
    pub(super) fn named(name: &'a str) -> Self {
        let known = PROVIDERS.iter().find(|(known, ..)| *known == name);
        Self { name, known: known.map(|(_, secrets, kind)| (*secrets, *kind)) }
    }

    /// Returns a secret's name, such as `OPENAI_API_KEY`. Custom providers follow the same pattern.
    pub(super) fn secret(&self, what: &str) -> String {
        match self.known {
            Some((prefix, _)) => format!("{prefix}_{what}"),
            None => {
                let prefix = self
                    .name
                    .to_ascii_uppercase()
                    .replace(|character: char| !character.is_ascii_alphanumeric(), "_");
                format!("{prefix}_{what}")
            }
        }
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
            Some((_, AdapterKind::OpenAI)) if !has_base_url => {
                let newer = AdapterKind::from_model(model)
                    .is_ok_and(|kind| kind == AdapterKind::OpenAIResp);
                Ok(if newer { AdapterKind::OpenAIResp } else { AdapterKind::OpenAI })
            }
            Some((_, kind)) => Ok(kind),
            None if has_base_url => Ok(AdapterKind::OpenAI),
            None => {
                let (name, secret) = (self.name, self.secret("BASE_URL"));
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

    /// Ollama runs on the user's own machine.
    pub(super) fn stands_without_key(&self) -> bool {
        matches!(self.known, Some((_, AdapterKind::Ollama)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_named_after_the_provider() {
        assert_eq!(Provider::named("openai").secret("API_KEY"), "OPENAI_API_KEY");
        assert_eq!(Provider::named("google").secret("API_KEY"), "GEMINI_API_KEY");
        assert_eq!(Provider::named("my-vllm.2").secret("BASE_URL"), "MY_VLLM_2_BASE_URL");
    }

    #[test]
    fn an_unknown_provider_needs_an_address() {
        assert_eq!(Provider::named("mine").adapter("m", true), Ok(AdapterKind::OpenAI));
        assert_eq!(Provider::named("mine").adapter("m", false).unwrap_err().code, "unknown_model");
        assert_eq!(Provider::named("openai").adapter("gpt-4o", false), Ok(AdapterKind::OpenAI));
        assert_eq!(Provider::named("openai").adapter("vertex::x", false), Ok(AdapterKind::OpenAI));
    }
}
