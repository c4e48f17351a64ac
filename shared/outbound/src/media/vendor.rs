//! The providers, by the names that authors write.

use flowgate_engine::call::{CallError, MediaRequest};
use flowgate_engine::provider;

use super::failed;
use super::gemini_images::GeminiImages;
use super::gemini_speech::{GeminiHearing, GeminiSpeech};
use super::imagen::Imagen;
use super::openai_images::OpenAiImages;
use super::openai_speech::{OpenAiHearing, OpenAiSpeech};
use super::stability::Stability;
use super::wire::{Ask, Wire};

/// A provider's address, and what it speaks for each kind of request.
struct Known {
    name: &'static str,
    address: &'static str,
    image: Option<&'static dyn Wire>,
    speech: Option<&'static dyn Wire>,
    hearing: Option<&'static dyn Wire>,
}

static VENDORS: &[Known] = &[
    Known {
        name: "openai",
        address: "https://api.openai.com/v1/",
        image: Some(&OpenAiImages),
        speech: Some(&OpenAiSpeech),
        hearing: Some(&OpenAiHearing),
    },
    Known {
        name: "gemini",
        address: "https://generativelanguage.googleapis.com/v1beta/",
        image: Some(&GeminiImages),
        speech: Some(&GeminiSpeech),
        hearing: Some(&GeminiHearing),
    },
    Known {
        name: "google",
        address: "https://generativelanguage.googleapis.com/v1beta/",
        image: Some(&GeminiImages),
        speech: Some(&GeminiSpeech),
        hearing: Some(&GeminiHearing),
    },
    Known {
        name: "stability",
        address: "https://api.stability.ai/",
        image: Some(&Stability),
        speech: None,
        hearing: None,
    },
    Known {
        name: "groq",
        address: "https://api.groq.com/openai/v1/",
        image: None,
        speech: Some(&OpenAiSpeech),
        hearing: Some(&OpenAiHearing),
    },
    Known {
        name: provider::REPLICATE,
        address: "https://api.replicate.com/v1/",
        image: None,
        speech: None,
        hearing: None,
    },
];

pub(super) struct Vendor<'a> {
    pub(super) name: &'a str,
    known: Option<&'static Known>,
}

impl<'a> Vendor<'a> {
    pub(super) fn named(name: &'a str) -> Self {
        Self { name, known: VENDORS.iter().find(|known| known.name == name) }
    }

    /// The provider's own address; `None` if only a base URL says where it is.
    pub(super) fn address(&self) -> Option<&'static str> {
        self.known.map(|known| known.address)
    }

    /// An unknown provider must have an address, and speaks OpenAI's protocol.
    pub(super) fn wire(
        &self,
        ask: &Ask<'_>,
        has_base_url: bool,
    ) -> Result<&'static dyn Wire, CallError> {
        let known = self.known.map(|known| match ask.request {
            MediaRequest::Image(_) if known.image.is_some() && ask.model.starts_with("imagen") => {
                Some(&Imagen as &'static dyn Wire).filter(|_| known.name != "openai")
            }
            MediaRequest::Image(_) => known.image,
            MediaRequest::Speech(_) => known.speech,
            MediaRequest::Transcription(_) => known.hearing,
            _ => None,
        });
        match known {
            Some(Some(wire)) => Ok(wire),
            None if has_base_url => Ok(match ask.request {
                MediaRequest::Image(_) => &OpenAiImages,
                MediaRequest::Speech(_) => &OpenAiSpeech,
                _ => &OpenAiHearing,
            }),
            Some(None) => {
                let name = self.name;
                Err(failed("unknown_model", format!("{name} makes nothing of this kind")))
            }
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

    /// Publishing refuses a provider that nobody can reach, and none that somebody can.
    #[test]
    fn the_engine_knows_the_same_providers() {
        let sorted = |names: Vec<&'static str>| {
            let mut names = names;
            names.push("offline");
            names.sort_unstable();
            names
        };
        let of = |has: fn(&Known) -> bool| {
            sorted(VENDORS.iter().filter(|known| has(known)).map(|known| known.name).collect())
        };
        let there = |names: &[&'static str]| {
            let mut names = names.to_vec();
            names.sort_unstable();
            names
        };
        assert_eq!(of(|known| known.image.is_some()), there(&provider::OF_IMAGES));
        assert_eq!(of(|known| known.speech.is_some()), there(&provider::OF_SPEECH));
    }
}
