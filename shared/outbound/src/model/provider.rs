//! The providers, by the names that authors write.

use flowgate_engine::call::CallError;
use flowgate_engine::provider;
use url::Url;

use super::failed;
use super::wire::Wire;
use super::wire::anthropic::Anthropic;
use super::wire::bedrock::Bedrock;
use super::wire::cohere::Cohere;
use super::wire::gemini::Gemini;
use super::wire::ollama::Ollama;
use super::wire::openai_chat::{self, OpenAiChat};
use super::wire::openai_responses::{OpenAiResponses, is_only_way_to};

/// A provider's name, address and protocol.
struct Known {
    name: &'static str,
    address: &'static str,
    wire: &'static dyn Wire,
}

const fn known(name: &'static str, address: &'static str, wire: &'static dyn Wire) -> Known {
    Known { name, address, wire }
}

const GEMINI: &str = "https://generativelanguage.googleapis.com/v1beta/";

static PROVIDERS: &[Known] = &[
    known("openai", "https://api.openai.com/v1/", &OpenAiChat(&openai_chat::OPENAI)),
    known("anthropic", "https://api.anthropic.com/v1/", &Anthropic),
    known("minimax", "https://api.minimax.io/anthropic/v1/", &Anthropic),
    known("bedrock", "https://bedrock-runtime.us-east-1.amazonaws.com/", &Bedrock),
    known("groq", "https://api.groq.com/openai/v1/", &OpenAiChat(&openai_chat::GROQ)),
    known("deepseek", "https://api.deepseek.com/v1/", &OpenAiChat(&openai_chat::DEEPSEEK)),
    known("xai", "https://api.x.ai/v1/", &OpenAiChat(&openai_chat::XAI)),
    known("openrouter", "https://openrouter.ai/api/v1/", &OpenAiChat(&openai_chat::OPENROUTER)),
    known("together", "https://api.together.xyz/v1/", &OpenAiChat(&openai_chat::TOGETHER)),
    known("mistral", "https://api.mistral.ai/v1/", &OpenAiChat(&openai_chat::MISTRAL)),
    known(
        "fireworks",
        "https://api.fireworks.ai/inference/v1/",
        &OpenAiChat(&openai_chat::FIREWORKS),
    ),
    known("moonshot", "https://api.moonshot.ai/v1/", &OpenAiChat(&openai_chat::MOONSHOT)),
    known("nebius", "https://api.studio.nebius.ai/v1/", &OpenAiChat(&openai_chat::NEBIUS)),
    known(
        "qwen",
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1/",
        &OpenAiChat(&openai_chat::QWEN),
    ),
    known("gemini", GEMINI, &Gemini),
    known("google", GEMINI, &Gemini),
    known("ollama", "http://localhost:11434/", &Ollama),
    known("cohere", "https://api.cohere.com/v2/", &Cohere),
    known("zai", "https://api.z.ai/api/paas/v4/", &OpenAiChat(&openai_chat::ZAI)),
];

/// What servers at other addresses speak.
static COMPATIBLE: OpenAiChat = OpenAiChat(&openai_chat::COMPATIBLE);

pub(super) struct Provider<'a> {
    pub(super) name: &'a str,
    known: Option<&'static Known>,
}

impl<'a> Provider<'a> {
    pub(super) fn named(name: &'a str) -> Self {
        Self { name, known: PROVIDERS.iter().find(|known| known.name == name) }
    }

    /// The provider's own address; `None` if only a base URL says where it is.
    pub(super) fn address(&self) -> Option<&'static str> {
        self.known.map(|known| known.address)
    }

    /// An unknown provider must have an address, and speaks OpenAI's protocol.
    pub(super) fn wire(
        &self,
        model: &str,
        has_base_url: bool,
    ) -> Result<&'static dyn Wire, CallError> {
        match self.known {
            Some(known) if known.name == "openai" && !has_base_url && is_only_way_to(model) => {
                Ok(&OpenAiResponses)
            }
            Some(known) => Ok(known.wire),
            None if has_base_url => Ok(&COMPATIBLE),
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

    /// Returns the protocol that an address names itself, and takes its name off. OpenAI, and the
    /// servers that speak its protocols, have two; `/responses` at the end of a base URL is one.
    pub(super) fn wire_at(&self, address: &mut Url) -> Option<&'static dyn Wire> {
        let is_of_openais_kind = self.known.is_none_or(|known| known.name == "openai");
        let named = address.path().trim_end_matches('/').strip_suffix("/responses")?;
        let before = is_of_openais_kind.then(|| format!("{named}/"))?;
        address.set_path(&before);
        Some(&OpenAiResponses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Publishing refuses a provider that nobody can reach, and none that somebody can.
    #[test]
    fn the_engine_knows_the_same_providers() {
        let mut here: Vec<&str> = PROVIDERS.iter().map(|known| known.name).collect();
        here.push("offline");
        here.sort_unstable();
        let mut there = provider::KNOWN.to_vec();
        there.sort_unstable();
        assert_eq!(here, there);
    }

    #[test]
    fn an_unknown_provider_needs_an_address() {
        assert!(Provider::named("mine").wire("m", true).is_ok());
        let error = Provider::named("mine").wire("m", false).err().unwrap();
        assert_eq!(error.code, "unknown_model");
    }

    #[test]
    fn an_address_may_name_its_protocol() {
        let at = |provider: &str, address: &str| {
            let mut url = Url::parse(address).unwrap();
            let is_named = Provider::named(provider).wire_at(&mut url).is_some();
            (is_named, url.path().to_owned())
        };
        for provider in ["openai", "mine"] {
            assert_eq!(at(provider, "https://e.com/v1/responses"), (true, "/v1/".to_owned()));
            assert_eq!(at(provider, "https://e.com/responses/"), (true, "/".to_owned()));
            assert_eq!(at(provider, "https://e.com/v1"), (false, "/v1".to_owned()));
            assert!(!at(provider, "https://responses/v1/my-responses").0);
        }
        assert_eq!(at("mistral", "https://e.com/responses"), (false, "/responses".to_owned()));
    }
}
