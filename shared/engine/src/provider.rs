//! The secrets of model providers, by the names that authors write.

/// The providers that have an address of their own, and the one without.
pub const KNOWN: [&str; 20] = [
    "openai",
    "anthropic",
    "gemini",
    "google",
    "groq",
    "deepseek",
    "xai",
    "ollama",
    "cohere",
    "openrouter",
    "together",
    "mistral",
    "fireworks",
    "moonshot",
    "nebius",
    "qwen",
    "zai",
    "minimax",
    "bedrock",
    WITHOUT_SECRETS,
];

/// The providers that draw pictures.
pub const OF_IMAGES: [&str; 5] = ["openai", "gemini", "google", "stability", WITHOUT_SECRETS];
/// The providers that speak and write down what is spoken.
pub const OF_SPEECH: [&str; 5] = ["openai", "gemini", "google", "groq", WITHOUT_SECRETS];
/// Runs predictions of other people's models.
pub const REPLICATE: &str = "replicate";

/// The beginnings of models' names, and whose they are.
const FAMILIES: [(&str, &str); 26] = [
    ("gpt-", "openai"),
    ("chatgpt", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("codex", "openai"),
    ("claude", "anthropic"),
    ("gemini", "gemini"),
    ("mistral", "mistral"),
    ("ministral", "mistral"),
    ("codestral", "mistral"),
    ("deepseek", "deepseek"),
    ("grok", "xai"),
    ("command", "cohere"),
    ("qwen", "qwen"),
    ("glm", "zai"),
    ("kimi", "moonshot"),
    ("llama", "ollama"),
    ("dall-e", "openai"),
    ("tts-", "openai"),
    ("whisper", "openai"),
    ("imagen", "gemini"),
    ("stable-image", "stability"),
    ("sd3", "stability"),
    ("core", "stability"),
    ("ultra", "stability"),
];

/// Guesses the provider of a model that is written without one.
pub fn of_model(model: &str) -> Option<&'static str> {
    if model == "echo" {
        return Some(WITHOUT_SECRETS);
    }
    let model = model.to_ascii_lowercase();
    FAMILIES.iter().find(|(start, _)| model.starts_with(start)).map(|(_, provider)| *provider)
}

/// The prefix of a provider's secrets where it is not the provider's own name, and those that need
/// no key.
const PREFIXES: [(&str, &str); 1] = [("google", "GEMINI")];
const WITHOUT_SECRETS: &str = "offline";
const WITHOUT_KEY: &str = "ollama";

/// Returns the name of the secret with a provider's key, such as `OPENAI_API_KEY`.
pub fn api_key(provider: &str) -> String {
    format!("{}_API_KEY", prefix(provider))
}

/// Returns the name of the secret with a provider's address, such as `OPENAI_BASE_URL`.
pub fn base_url(provider: &str) -> String {
    format!("{}_BASE_URL", prefix(provider))
}

/// Whether a call may go out without a key: Ollama runs on the user's own machine.
pub fn needs_key(provider: &str) -> bool {
    provider != WITHOUT_KEY && uses_secrets(provider)
}

/// Whether the provider's calls may go out without the key of this name.
pub fn may_lack(api_key_name: &str) -> bool {
    api_key_name == api_key(WITHOUT_KEY)
}

/// Whether calls of the provider read secrets.
pub fn uses_secrets(provider: &str) -> bool {
    provider != WITHOUT_SECRETS
}

/// Custom providers follow the same pattern.
fn prefix(provider: &str) -> String {
    match PREFIXES.iter().find(|(name, _)| *name == provider) {
        Some((_, prefix)) => (*prefix).to_owned(),
        None => provider
            .to_ascii_uppercase()
            .replace(|character: char| !character.is_ascii_alphanumeric(), "_"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_named_after_the_provider() {
        assert_eq!(api_key("openai"), "OPENAI_API_KEY");
        assert_eq!(api_key("google"), "GEMINI_API_KEY");
        assert_eq!(base_url("my-vllm.2"), "MY_VLLM_2_BASE_URL");
    }
}
