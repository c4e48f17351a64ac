//! Pictures, speech and predictions: calls of models that hold no conversation, as plain data.

use serde::{Serialize, Serializer};

use super::{Rendered, RenderedUrl};
use crate::file::FileId;

/// Output by request: see each of them. Files are in it as their ids, never as their bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MediaCall {
    /// `provider/model`, such as `openai/gpt-image-1`. For predictions the provider alone.
    pub model: String,
    /// A reference chose the provider, and with it the host that the call goes to.
    #[serde(skip)]
    pub has_given_provider: bool,
    #[serde(flatten)]
    pub request: MediaRequest,
    /// The provider's address and key, if the author gives them; else its default address and the
    /// secret `<PROVIDER>_API_KEY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_url: Option<RenderedUrl>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_key: Option<Rendered>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "media", rename_all = "snake_case")]
pub enum MediaRequest {
    Image(ImageRequest),
    Speech(SpeechRequest),
    Transcription(TranscriptionRequest),
    Prediction(PredictionRequest),
    /// Looks at a prediction. Output: `{id, status}`, with `output` once it has succeeded.
    Look {
        id: String,
    },
    /// Stops a prediction. Output: `{id, status}`.
    Cancel {
        id: String,
    },
}

/// One picture. Output: `{image, prompt, model, tokens, cost}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ImageRequest {
    pub prompt: String,
    /// Pictures to change or to draw from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<FileId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<ImageSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative: Option<String>,
    /// `png`, `jpeg` or `webp`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// Text to speech. Output: `{audio, model, tokens, cost}`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SpeechRequest {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// How it is spoken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
}

/// Speech to text. Output: `{text, language, duration, segments, model, tokens, cost}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TranscriptionRequest {
    pub audio: FileId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Words that are likely to be heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
}

/// Starts a prediction. Output: `{id, status}`, with `output` if it has succeeded already.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PredictionRequest {
    #[serde(flatten)]
    pub of: Predictor,
    /// An object. Files in it are uploaded, and stand there as their addresses.
    pub input: Rendered,
    /// The provider stops it by itself after so many seconds.
    pub cancel_after_s: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Predictor {
    /// `owner/name`: its current version.
    Official(String),
    /// The hash of a version, also as `owner/name:hash`.
    Version(String),
}

/// A picture's size as authors write it. Providers understand different ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageSize {
    Auto,
    /// `1024x1536`
    Pixels(u32, u32),
    /// `16:9`
    Ratio(u32, u32),
    /// `2K`
    Scale(u32),
}

impl ImageSize {
    const MAX_PIXELS: u32 = 16_384;
    const MAX_RATIO: u32 = 99;

    pub fn parse(text: &str) -> Option<Self> {
        let pair = |separator: char, max: u32| {
            let (width, height) = text.split_once(separator)?;
            let side = |text: &str| {
                let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
                text.parse().ok().filter(|side| is_plain && (1..=max).contains(side))
            };
            Some((side(width)?, side(height)?))
        };
        if text == "auto" {
            return Some(Self::Auto);
        }
        if let Some(scale) = text.strip_suffix('K') {
            return match scale {
                "1" => Some(Self::Scale(1)),
                "2" => Some(Self::Scale(2)),
                "4" => Some(Self::Scale(4)),
                _ => None,
            };
        }
        let pixels = pair('x', Self::MAX_PIXELS).map(|(width, height)| Self::Pixels(width, height));
        pixels.or_else(|| {
            pair(':', Self::MAX_RATIO).map(|(width, height)| Self::Ratio(width, height))
        })
    }

    /// The ratio of its sides, in lowest terms; `None` if the size does not say it.
    pub fn ratio(self) -> Option<(u32, u32)> {
        let (Self::Pixels(width, height) | Self::Ratio(width, height)) = self else { return None };
        let (mut divisor, mut rest) = (width, height);
        while rest != 0 {
            (divisor, rest) = (rest, divisor % rest);
        }
        Some((width / divisor, height / divisor))
    }
}

impl std::fmt::Display for ImageSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Pixels(width, height) => write!(f, "{width}x{height}"),
            Self::Ratio(width, height) => write!(f, "{width}:{height}"),
            Self::Scale(scale) => write!(f, "{scale}K"),
        }
    }
}

impl Serialize for ImageSize {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_pixels_a_ratio_or_a_scale() {
        let check = |text: &str, expected: Option<(u32, u32)>| {
            let size = ImageSize::parse(text).unwrap();
            assert_eq!((size.to_string(), size.ratio()), (text.to_owned(), expected));
        };
        check("auto", None);
        check("2K", None);
        check("1024x1536", Some((2, 3)));
        check("16:9", Some((16, 9)));
        for wrong in
            ["", "x", "0x10", "10x", "+1x2", "1024", "99999x1", "3K", "1 : 1", "100:1", "1024X1024"]
        {
            assert_eq!(ImageSize::parse(wrong), None, "{wrong}");
        }
    }
}
