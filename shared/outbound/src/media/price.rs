//! What pictures and speech cost, in nano-USD. What is not in the table has no known cost.
//!
//! From the providers' price lists, as of 2026-11-27. Pictures and sound that a model makes have
//! prices of their own, far above those of its text.

use flowgate_engine::call::{ImageRequest, ImageSize, MediaRequest};

use super::wire::{Ask, Used};

/// Nano-USD per cent of a dollar.
const CENT: u64 = 10_000_000;
/// Nano-USD per token, of dollars per million tokens.
const DOLLAR_PER_MILLION: u64 = 1_000;

/// Prices per token.
struct Tokens {
    text_in: u64,
    image_in: Option<u64>,
    audio_in: Option<u64>,
    text_out: Option<u64>,
    media_out: Option<u64>,
}

enum Rate {
    Tokens(Tokens),
    /// Per picture.
    Picture(u64),
    DallE3,
    /// Per character.
    Character(u64),
    /// Per second of audio.
    Second(f64),
    Free,
}

/// Returns what the call cost; `None` if nobody knows.
pub(super) fn cost(ask: &Ask<'_>, used: &Used) -> Option<u64> {
    match rate(ask.provider, ask.model, ask.request)? {
        Rate::Free => Some(0),
        Rate::Tokens(prices) => prices.cost(used),
        Rate::Picture(price) => Some(price),
        Rate::DallE3 => match ask.request {
            MediaRequest::Image(image) => dall_e_3(image),
            _ => None,
        },
        Rate::Character(price) => match ask.request {
            MediaRequest::Speech(speech) => Some(speech.text.chars().count() as u64 * price),
            _ => None,
        },
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a day of audio is far below 2^53 nano-dollars, and no duration is negative"
        )]
        Rate::Second(price) => used.seconds.map(|seconds| (seconds * price).ceil() as u64),
    }
}

/// Whether the cost will be known if the provider says what was used.
pub(super) fn is_known(provider: &str, model: &str, request: &MediaRequest) -> bool {
    match (rate(provider, model, request), request) {
        (Some(Rate::DallE3), MediaRequest::Image(image)) => dall_e_3(image).is_some(),
        // What goes in as a picture has no price in the table.
        (Some(Rate::Tokens(Tokens { image_in: None, .. })), MediaRequest::Image(image)) => {
            image.images.is_empty()
        }
        (rate, _) => rate.is_some(),
    }
}

fn rate(provider: &str, model: &str, request: &MediaRequest) -> Option<Rate> {
    match (provider, request) {
        ("offline", _) => Some(Rate::Free),
        ("openai", MediaRequest::Image(_)) => openai_image(model),
        ("openai", MediaRequest::Speech(_)) => match model {
            "tts-1" | "tts-1-1106" => Some(Rate::Character(15 * DOLLAR_PER_MILLION)),
            "tts-1-hd" | "tts-1-hd-1106" => Some(Rate::Character(30 * DOLLAR_PER_MILLION)),
            _ => None,
        },
        ("openai", MediaRequest::Transcription(_)) => match model {
            "whisper-1" => Some(Rate::Second(6_000_000.0 / 60.0)),
            "gpt-4o-transcribe" => Some(hearing(2_500, 6_000, 10_000)),
            "gpt-4o-mini-transcribe" => Some(hearing(1_250, 3_000, 5_000)),
            _ => None,
        },
        ("gemini" | "google", MediaRequest::Image(_)) => gemini_image(model),
        ("gemini" | "google", MediaRequest::Speech(_)) => match model {
            "gemini-2.5-flash-preview-tts" => Some(speaking(500, 10_000)),
            "gemini-2.5-pro-preview-tts" => Some(speaking(1_000, 20_000)),
            _ => None,
        },
        ("stability", MediaRequest::Image(_)) => {
            let tenths = match model {
                "ultra" => 80,
                "core" => 30,
                "sd3.5-large" => 65,
                "sd3.5-large-turbo" => 40,
                "sd3.5-medium" => 35,
                _ => return None,
            };
            Some(Rate::Picture(tenths * CENT / 10))
        }
        _ => None,
    }
}

fn openai_image(model: &str) -> Option<Rate> {
    let (text_in, image_in, media_out) = match model {
        "dall-e-3" => return Some(Rate::DallE3),
        "gpt-image-1" => (5_000, Some(10_000), 40_000),
        "gpt-image-1-mini" => (2_000, Some(2_500), 8_000),
        "gpt-image-1.5" | "gpt-image-1.5-2025-12-16" => (5_000, Some(8_000), 32_000),
        "gpt-image-2" | "gpt-image-2-2026-04-21" => (5_000, Some(8_000), 30_000),
        _ => return None,
    };
    let media_out = Some(media_out);
    Some(Rate::Tokens(Tokens { text_in, image_in, audio_in: None, text_out: None, media_out }))
}

fn gemini_image(model: &str) -> Option<Rate> {
    let cents = match model {
        "imagen-4.0-fast-generate-001" => 2,
        "imagen-4.0-generate-001" => 4,
        "imagen-4.0-ultra-generate-001" => 6,
        _ => 0,
    };
    if cents > 0 {
        return Some(Rate::Picture(cents * CENT));
    }
    let (text_in, text_out, media_out) = match model {
        "gemini-2.5-flash-image" | "gemini-2.5-flash-image-preview" => (300, 2_500, 30_000),
        "gemini-3.1-flash-image" | "gemini-3.1-flash-image-preview" => (500, 3_000, 60_000),
        "gemini-3-pro-image" | "gemini-3-pro-image-preview" => (2_000, 12_000, 120_000),
        _ => return None,
    };
    // Pictures that go in cost what text costs.
    Some(Rate::Tokens(Tokens {
        text_in,
        image_in: Some(text_in),
        audio_in: None,
        text_out: Some(text_out),
        media_out: Some(media_out),
    }))
}

fn hearing(text_in: u64, audio_in: u64, text_out: u64) -> Rate {
    let (audio_in, text_out) = (Some(audio_in), Some(text_out));
    Rate::Tokens(Tokens { text_in, image_in: None, audio_in, text_out, media_out: None })
}

fn speaking(text_in: u64, media_out: u64) -> Rate {
    let media_out = Some(media_out);
    Rate::Tokens(Tokens { text_in, image_in: None, audio_in: None, text_out: None, media_out })
}

impl Tokens {
    /// Tokens of a kind without a price make the cost unknown, never 0.
    fn cost(&self, used: &Used) -> Option<u64> {
        let part = |tokens: Option<u64>, price: Option<u64>| match tokens {
            None | Some(0) => Some(0),
            Some(tokens) => tokens.checked_mul(price?),
        };
        // An answer that does not say what came out says nothing.
        used.media_out.or(used.text_out)?;
        let parts = [
            (Some(used.text_in?), Some(self.text_in)),
            (used.image_in, self.image_in),
            (used.audio_in, self.audio_in),
            (used.text_out, self.text_out),
            (used.media_out, self.media_out),
        ];
        parts
            .into_iter()
            .try_fold(0_u64, |sum, (tokens, price)| sum.checked_add(part(tokens, price)?))
    }
}

fn dall_e_3(image: &ImageRequest) -> Option<u64> {
    let is_square = match image.size {
        None | Some(ImageSize::Auto) => true,
        Some(size) => match size.ratio()? {
            (1, 1) => true,
            (7, 4) | (4, 7) | (16, 9) | (9, 16) => false,
            _ => return None,
        },
    };
    let cents = match (image.quality.as_deref(), is_square) {
        (None | Some("standard"), true) => 4,
        (None | Some("standard"), false) | (Some("hd"), true) => 8,
        (Some("hd"), false) => 12,
        _ => return None,
    };
    Some(cents * CENT)
}

#[cfg(test)]
mod tests {
    use flowgate_engine::call::SpeechRequest;

    use super::*;

    fn of(model: &str, image: ImageRequest, used: &Used) -> Option<u64> {
        let request = MediaRequest::Image(image);
        let (provider, model) = model.split_once('/').unwrap();
        cost(&Ask { provider, model, request: &request, files: &[] }, used)
    }

    #[test]
    fn pictures_cost_what_the_list_says() {
        let plain = ImageRequest::default;
        let tokens = Used { text_in: Some(100), media_out: Some(1_000), ..Used::default() };
        // $5 and $40 per million.
        assert_eq!(of("openai/gpt-image-1", plain(), &tokens), Some(500_000 + 40_000_000));
        let none = Used::default();
        assert_eq!(of("openai/gpt-image-1", plain(), &none), None);
        assert_eq!(of("openai/gpt-image-of-tomorrow", plain(), &tokens), None);
        assert_eq!(of("mine/gpt-image-1", plain(), &tokens), None);
        assert_eq!(of("stability/ultra", plain(), &none), Some(80_000_000));
        assert_eq!(of("stability/sd3.5-large", plain(), &none), Some(65_000_000));
        assert_eq!(of("google/imagen-4.0-generate-001", plain(), &none), Some(40_000_000));
        assert_eq!(of("offline/picture", plain(), &none), Some(0));
        let wide = ImageRequest {
            size: ImageSize::parse("1792x1024"),
            quality: Some("hd".to_owned()),
            ..plain()
        };
        assert_eq!(of("openai/dall-e-3", wide, &none), Some(120_000_000));
        assert_eq!(of("openai/dall-e-3", plain(), &none), Some(40_000_000));
        let odd = ImageRequest { quality: Some("best".to_owned()), ..plain() };
        assert_eq!(of("openai/dall-e-3", odd, &none), None);
    }

    #[test]
    fn tokens_without_a_price_make_the_cost_unknown() {
        let out = Used { text_in: Some(1), media_out: Some(1), ..Used::default() };
        let words = Used { text_out: Some(5), ..out.clone() };
        assert_eq!(of("openai/gpt-image-1", ImageRequest::default(), &words), None);
        let gemini = "gemini/gemini-3-pro-image";
        assert_eq!(of(gemini, ImageRequest::default(), &words), Some(2_000 + 5 * 12_000 + 120_000));
    }

    #[test]
    fn speech_costs_by_characters_and_seconds() {
        let speech = |text: &str| {
            MediaRequest::Speech(SpeechRequest {
                text: text.to_owned(),
                ..SpeechRequest::default()
            })
        };
        let request = speech("größer");
        let ask = Ask { provider: "openai", model: "tts-1", request: &request, files: &[] };
        assert_eq!(cost(&ask, &Used::default()), Some(6 * 15_000));
        let ask = Ask { model: "gpt-4o-mini-tts", ..ask };
        assert_eq!(cost(&ask, &Used::default()), None);
    }
}
