//! What goes out to each provider, and what is made of its answers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowgate_engine::call::{ImageRequest, ImageSize, SpeechRequest, TranscriptionRequest};
use flowgate_engine::file::FileId;
use http::{HeaderMap, HeaderValue};

use super::lifted::Lifted;
use super::wire::{Answer, Content, Encoded, Reads, Used, Wire};
use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....IEND\xaeB`\x82";

fn image(change: impl FnOnce(&mut ImageRequest)) -> MediaRequest {
    let mut image = ImageRequest { prompt: "a \"fox\"".to_owned(), ..ImageRequest::default() };
    change(&mut image);
    MediaRequest::Image(image)
}

fn speech(change: impl FnOnce(&mut SpeechRequest)) -> MediaRequest {
    let mut speech = SpeechRequest { text: "Hello".to_owned(), ..SpeechRequest::default() };
    change(&mut speech);
    MediaRequest::Speech(speech)
}

fn hearing() -> MediaRequest {
    MediaRequest::Transcription(TranscriptionRequest {
        audio: FileId::new([1; 16]),
        language: Some("en".to_owned()),
        prompt: Some("Ada".to_owned()),
    })
}

fn encode_with(
    model: &str,
    request: &MediaRequest,
    files: &[Loaded],
) -> Result<Encoded, CallError> {
    let (provider, model) = split(model)?;
    let ask = Ask { provider, model, request, files };
    Vendor::named(provider).wire(&ask, false)?.encode(&ask)
}

fn encode(model: &str, request: &MediaRequest) -> (String, Value) {
    let encoded = encode_with(model, request, &[]).unwrap();
    assert_eq!(encoded.headers["content-type"], "application/json");
    (encoded.path, serde_json::from_slice(&encoded.body).unwrap())
}

fn refusal(model: &str, request: &MediaRequest) -> String {
    let error = encode_with(model, request, &[]).err().unwrap();
    format!("{}: {}", error.code, error.message)
}

fn loaded(media_type: &'static str) -> Loaded {
    Loaded { media_type, bytes: PNG.to_vec() }
}

/// The form with its boundary as `B`.
fn form(model: &str, request: &MediaRequest, files: &[Loaded]) -> (String, String) {
    let encoded = encode_with(model, request, files).unwrap();
    let content_type = encoded.headers["content-type"].to_str().unwrap().to_owned();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = String::from_utf8_lossy(&encoded.body).replace(boundary, "B");
    (encoded.path, body.replace(&*String::from_utf8_lossy(PNG), "PNG").replace("\r\n", "|"))
}

fn decode(model: &str, request: &MediaRequest, answer: &str) -> Result<Made, CallError> {
    let (provider, model) = split(model)?;
    let ask = Ask { provider, model, request, files: &[] };
    let wire: &dyn Wire = Vendor::named(provider).wire(&ask, false)?;
    let base64_key = match wire.encode(&ask).unwrap().reads {
        Reads::Json { base64_key } => base64_key,
        Reads::Bytes => "",
    };
    let memory = Metered::default();
    let mut lifted = Lifted::new(base64_key, &memory);
    lifted.push(answer.as_bytes())?;
    let (value, blobs) = lifted.finish()?;
    wire.decode(&ask, Answer { headers: HeaderMap::new(), content: Content::Json { value, blobs } })
}

fn bytes(made: &Made) -> &[u8] {
    let Some(Source::Bytes { bytes, .. }) = &made.source else { panic!("no bytes") };
    bytes
}

fn failure(model: &str, request: &MediaRequest, answer: &Value) -> String {
    let error = decode(model, request, &answer.to_string()).err().unwrap();
    format!("{}: {}", error.code, error.message)
}

#[test]
fn openai_draws() {
    let plain = image(|_| {});
    let sized = image(|image| {
        image.size = ImageSize::parse("3:2");
        image.quality = Some("high".to_owned());
        image.format = Some("webp".to_owned());
    });
    assert_eq!(
        encode("openai/gpt-image-1", &sized),
        (
            "images/generations".to_owned(),
            json!({"model": "gpt-image-1", "prompt": "a \"fox\"", "size": "1536x1024",
                "quality": "high", "output_format": "webp"})
        )
    );
    let body = json!({"model": "dall-e-3", "prompt": "a \"fox\"", "response_format": "b64_json"});
    assert_eq!(encode("openai/dall-e-3", &plain).1, body);
    let wide = image(|image| image.size = ImageSize::parse("16:9"));
    assert_eq!(encode("openai/dall-e-3", &wide).1["size"], "1792x1024");
    let said = refusal("openai/gpt-image-1", &wide);
    assert_eq!(
        said,
        "invalid_field: gpt-image-1 has no size 16:9; it has 1024x1024, 1536x1024, 1024x1536"
    );
    for change in [
        (|image: &mut ImageRequest| image.negative = Some("x".to_owned())) as fn(&mut ImageRequest),
        |image| image.seed = Some(1),
        |image| image.size = ImageSize::parse("2K"),
    ] {
        assert!(refusal("openai/gpt-image-1", &image(change)).starts_with("invalid_field"));
    }
    let webp = image(|image| image.format = Some("webp".to_owned()));
    assert!(refusal("openai/dall-e-3", &webp).contains("no `format` but png"));
}

#[test]
fn openai_edits_what_it_is_given() {
    let request = image(|image| image.quality = Some("low".to_owned()));
    let part = |name: &str, text: &str| {
        format!("--B|content-disposition: form-data; name=\"{name}\"||{text}|")
    };
    let file = |name: &str| {
        format!(
            "--B|content-disposition: form-data; name=\"{name}\"; filename=\"image.png\"|\
             content-type: image/png||PNG|"
        )
    };
    let texts =
        part("model", "gpt-image-1") + &part("prompt", "a \"fox\"") + &part("quality", "low");
    let one = form("openai/gpt-image-1", &request, &[loaded("image/png")]);
    assert_eq!(one, ("images/edits".to_owned(), format!("{texts}{}--B--|", file("image"))));
    let two = form("openai/gpt-image-1", &request, &[loaded("image/png"), loaded("image/png")]);
    assert_eq!(two.1, format!("{texts}{}{}--B--|", file("image[]"), file("image[]")));
}

#[test]
fn openai_answers_with_base64_or_an_address() {
    let (model, request) = ("openai/gpt-image-1", image(|_| {}));
    let answer = json!({"created": 1, "output_format": "png", "data": [{"b64_json":
        STANDARD.encode(PNG), "revised_prompt": "A fox"}], "usage": {"input_tokens": 50,
        "output_tokens": 4000, "total_tokens": 4050,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}}});
    let made = decode(model, &request, &answer.to_string()).unwrap();
    assert_eq!((bytes(&made), &made.fields["prompt"]), (PNG, &json!("A fox")));
    let used =
        Used { text_in: Some(10), image_in: Some(40), media_out: Some(4_000), ..Used::default() };
    assert_eq!((made.usage.tokens(), made.usage), (Some(4_050), used));
    let made = decode(model, &request, r#"{"data":[{"url":"https://x/y.png"}]}"#).unwrap();
    assert!(matches!(made.source, Some(Source::Url(url)) if url == "https://x/y.png"));
    for wrong in [json!({}), json!({"data": []}), json!({"data": [{"b64_json": null}]})] {
        let said = failure(model, &request, &wrong);
        assert_eq!(said, "invalid_answer: answered without a picture", "{wrong}");
    }
}

#[test]
fn gemini_draws_and_says_why_it_does_not() {
    let (model, request) = (
        "gemini/gemini-3-pro-image",
        image(|image| {
            image.size = ImageSize::parse("2100x900");
            image.seed = Some(7);
        }),
    );
    let (path, body) = encode(model, &request);
    assert_eq!(path, "models/gemini-3-pro-image:generateContent");
    assert_eq!(
        body,
        json!({"contents": [{"role": "user", "parts": [{"text": "a \"fox\""}]}],
            "generationConfig": {"responseModalities": ["TEXT", "IMAGE"], "seed": 7,
                "imageConfig": {"aspectRatio": "21:9"}}})
    );
    let encoded = encode_with(model, &request, &[loaded("image/png")]).unwrap();
    let body: Value = serde_json::from_slice(&encoded.body).unwrap();
    assert_eq!(
        body["contents"][0]["parts"][1],
        json!({"inlineData": {"mimeType": "image/png", "data": STANDARD.encode(PNG)}})
    );
    let data = STANDARD.encode(PNG);
    let usage = json!({"promptTokenCount": 12, "candidatesTokenCount": 1125,
        "thoughtsTokenCount": 100, "candidatesTokensDetails": [{"modality": "IMAGE",
        "tokenCount": 1120}], "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 12}]});
    let answer = json!({"usageMetadata": usage, "candidates": [{"finishReason": "STOP", "content":
        {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thought": true},
            {"text": "Here"}, {"inlineData": {"mimeType": "image/png", "data": data}}]}}]});
    let made = decode(model, &request, &answer.to_string()).unwrap();
    let used =
        Used { text_in: Some(12), text_out: Some(105), media_out: Some(1_120), ..Used::default() };
    assert_eq!((bytes(&made), made.usage.clone()), (PNG, used));
    let stopped = |reason: &str, text: &str| {
        let candidate = json!({"finishReason": reason, "content": {"parts": [{"text": text}]}});
        failure(model, &request, &json!({ "candidates": [candidate] }))
    };
    assert_eq!(stopped("IMAGE_SAFETY", "No."), "filter: a filter stopped it: IMAGE_SAFETY: No.");
    assert_eq!(stopped("NO_IMAGE", ""), "invalid_answer: it stopped: NO_IMAGE");
    assert_eq!(
        stopped("STOP", "I cannot draw."),
        "invalid_answer: answered without a picture: I cannot draw."
    );
    let blocked = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}});
    let said = failure(model, &request, &blocked);
    assert_eq!(said, "filter: the prompt was blocked: PROHIBITED_CONTENT");
    let uncertain = json!({"candidates": [{"content": {"parts": []}}]});
    assert!(failure(model, &request, &uncertain).contains("it is not whole"));
    let odd = image(|image| image.size = ImageSize::parse("1000x999"));
    assert!(refusal(model, &odd).contains("has no size 1000x999"));
}

#[test]
fn imagen_predicts() {
    let (model, request) =
        ("google/imagen-4.0-generate-001", image(|image| image.size = ImageSize::parse("9:16")));
    assert_eq!(
        encode(model, &request),
        (
            "models/imagen-4.0-generate-001:predict".to_owned(),
            json!({"instances": [{"prompt": "a \"fox\""}],
                "parameters": {"sampleCount": 1, "aspectRatio": "9:16"}})
        )
    );
    let answer = json!({"predictions": [{"mimeType": "image/png",
        "bytesBase64Encoded": STANDARD.encode(PNG)}]});
    assert_eq!(bytes(&decode(model, &request, &answer.to_string()).unwrap()), PNG);
    let filtered = json!({"predictions": [{"raiFilteredReason": "Unsafe: 39322892"}]});
    assert_eq!(
        failure(model, &request, &filtered),
        "filter: a filter stopped it: Unsafe: 39322892"
    );
    assert!(failure(model, &request, &json!({})).starts_with("filter: "));
    let seeded = image(|image| image.seed = Some(1));
    assert!(refusal(model, &seeded).contains("no place for `seed`"));
}

#[test]
fn stability_takes_a_form() {
    let request = image(|image| {
        image.negative = Some("rain".to_owned());
        image.size = ImageSize::parse("1024x1024");
        image.seed = Some(5);
        image.format = Some("webp".to_owned());
    });
    let part = |name: &str, text: &str| {
        format!("--B|content-disposition: form-data; name=\"{name}\"||{text}|")
    };
    let (path, body) = form("stability/sd3.5-large", &request, &[]);
    assert_eq!(path, "v2beta/stable-image/generate/sd3");
    let expected = [
        part("prompt", "a \"fox\""),
        part("model", "sd3.5-large"),
        part("negative_prompt", "rain"),
        part("seed", "5"),
        part("output_format", "webp"),
        part("aspect_ratio", "1:1"),
    ];
    assert_eq!(body, expected.concat() + "--B--|");
    let plain = image(|_| {});
    let (path, body) = form("stability/ultra", &plain, &[loaded("image/png")]);
    assert_eq!(path, "v2beta/stable-image/generate/ultra");
    assert!(body.contains(&part("strength", "0.7")) && !body.contains("mode"), "{body}");
    let core = encode_with("stability/core", &plain, &[loaded("image/png")]).err().unwrap();
    assert!(core.message.contains("draws from one `image`"), "{}", core.message);
    assert!(refusal("stability/sdxl", &plain).starts_with("unknown_model"));
}

#[test]
fn a_filtered_picture_of_stability_is_a_failure() {
    let request = image(|_| {});
    let ask = Ask { provider: "stability", model: "core", request: &request, files: &[] };
    let decode = |reason: &'static str| {
        let headers = HeaderMap::from_iter([(
            "finish-reason".parse().unwrap(),
            HeaderValue::from_static(reason),
        )]);
        let content = Content::Bytes(PNG.to_vec());
        super::stability::Stability.decode(&ask, Answer { headers, content })
    };
    assert_eq!(bytes(&decode("SUCCESS").unwrap()), PNG);
    assert_eq!(decode("CONTENT_FILTERED").err().unwrap().code, "filter");
    assert_eq!(decode("OTHER").err().unwrap().code, "invalid_answer");
}

#[test]
fn openai_speaks_and_hears() {
    let request = speech(|speech| {
        speech.voice = Some("coral".to_owned());
        speech.format = Some("opus".to_owned());
        speech.instructions = Some("cheerfully".to_owned());
        speech.speed = Some(1.5);
    });
    assert_eq!(
        encode("openai/gpt-4o-mini-tts", &request),
        (
            "audio/speech".to_owned(),
            json!({"model": "gpt-4o-mini-tts", "input": "Hello", "voice": "coral",
                "response_format": "opus", "instructions": "cheerfully", "speed": 1.5})
        )
    );
    let part = |name: &str, text: &str| {
        format!("--B|content-disposition: form-data; name=\"{name}\"||{text}|")
    };
    let (path, body) = form("openai/whisper-1", &hearing(), &[loaded("audio/mpeg")]);
    assert_eq!(path, "audio/transcriptions");
    let texts = [
        part("model", "whisper-1"),
        part("response_format", "verbose_json"),
        part("language", "en"),
        part("prompt", "Ada"),
    ];
    let file = "--B|content-disposition: form-data; name=\"file\"; filename=\"audio.mp3\"|\
                content-type: audio/mpeg||PNG|";
    assert_eq!(body, texts.concat() + file + "--B--|");
    let (_, body) = form("openai/gpt-4o-transcribe", &hearing(), &[loaded("audio/wav")]);
    assert!(body.contains("||json|"), "{body}");
}

#[test]
fn a_transcription_says_what_the_provider_says() {
    let read = |model: &str, answer: &Value| {
        let (provider, model) = split(model).unwrap();
        let (request, file) = (hearing(), loaded("audio/wav"));
        let files = std::slice::from_ref(&file);
        let ask = Ask { provider, model, request: &request, files };
        let wire = Vendor::named(provider).wire(&ask, false).unwrap();
        let content = Content::Json { value: answer.clone(), blobs: Vec::new() };
        let made = wire.decode(&ask, Answer { headers: HeaderMap::new(), content });
        made.map(|made| {
            (Value::Object(made.fields), price::cost(&ask, &made.usage), made.usage.tokens())
        })
    };
    let whisper = json!({"task": "transcribe", "language": "english", "duration": 90.0,
        "text": " Hello Ada. ", "segments": [{"id": 0, "start": 0.0, "end": 1.5,
        "text": " Hello Ada.",
        "tokens": [1, 2]}], "usage": {"type": "duration", "seconds": 90}});
    // $0.006 a minute.
    assert_eq!(
        read("openai/whisper-1", &whisper).unwrap(),
        (
            json!({"text": "Hello Ada.", "language": "english", "duration": 90.0,
                "segments": [{"start": 0.0, "end": 1.5, "text": "Hello Ada."}]}),
            Some(9_000_000),
            Some(0)
        )
    );
    let gpt = json!({"text": "Hi", "usage": {"type": "tokens", "input_tokens": 14,
        "input_token_details": {"text_tokens": 4, "audio_tokens": 10}, "output_tokens": 2,
        "total_tokens": 16}});
    assert_eq!(
        read("openai/gpt-4o-transcribe", &gpt).unwrap(),
        (
            json!({"text": "Hi", "language": null, "duration": null, "segments": null}),
            Some(4 * 2_500 + 10 * 6_000 + 2 * 10_000),
            Some(16)
        )
    );
    assert_eq!(read("openai/whisper-1", &json!({"text": 1})).unwrap_err().code, "invalid_answer");
    let gemini = json!({"candidates": [{"finishReason": "STOP", "content": {"parts":
        [{"text": "Hi "}, {"text": "Ada"}]}}], "usageMetadata": {"promptTokenCount": 40,
        "candidatesTokenCount": 3, "promptTokensDetails":
        [{"modality": "AUDIO", "tokenCount": 32}]}});
    let (fields, cost, tokens) = read("gemini/gemini-3-flash", &gemini).unwrap();
    assert_eq!((&fields["text"], cost, tokens), (&json!("Hi Ada"), None, Some(43)));
}

#[test]
fn gemini_speaks_in_raw_samples_or_files() {
    let old = "gemini/gemini-2.5-flash-preview-tts";
    let request = speech(|speech| speech.instructions = Some("Say sadly".to_owned()));
    let (_, body) = encode(old, &request);
    assert_eq!(
        body,
        json!({"contents": [{"role": "user", "parts": [{"text": "Say sadly: Hello"}]}],
            "generationConfig": {"responseModalities": ["AUDIO"], "speechConfig":
                {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}}})
    );
    let (_, body) = encode("gemini/gemini-3.8-flash-tts", &request);
    assert_eq!(
        body["contents"][0]["parts"],
        json!([{"text": "Hello", "speechMetadata": {"style": "Say sadly"}}])
    );
    let answered = |mime: &str, format: Option<&str>, bytes: &[u8]| {
        let request = speech(|speech| speech.format = format.map(str::to_owned));
        let part = json!({"inlineData": {"mimeType": mime, "data": STANDARD.encode(bytes)}});
        let candidate = json!({"finishReason": "STOP", "content": {"parts": [part]}});
        let answer = json!({ "candidates": [candidate] }).to_string();
        let made = decode(old, &request, &answer).unwrap();
        super::tests::bytes(&made).to_vec()
    };
    let samples = [1, 0, 2, 0];
    let made = answered("audio/L16;codec=pcm;rate=16000", None, &samples);
    assert_eq!(
        (&made[..4], &made[8..12], &made[24..28]),
        (&b"RIFF"[..], &b"WAVE"[..], &16_000_u32.to_le_bytes()[..])
    );
    assert_eq!((made.len(), &made[44..]), (48, &samples[..]));
    assert_eq!(answered("audio/L16;rate=16000", Some("pcm"), &samples), samples);
    // Later models send whole files.
    assert_eq!(answered("audio/wav", None, &made), made);
    assert_eq!(answered("audio/wav", Some("pcm"), &made), samples);
    let mp3 = speech(|speech| speech.format = Some("mp3".to_owned()));
    assert!(refusal(old, &mp3).contains("speaks wav and pcm, not mp3"));
    assert!(refusal(old, &speech(|speech| speech.speed = Some(2.0))).contains("`speed`"));
}

#[test]
fn offline_makes_real_files() {
    let answered = |model: &str, request: &MediaRequest| {
        offline::answer(&Ask { provider: "offline", model, request, files: &[] })
    };
    let drawn = |request: &MediaRequest| bytes(&answered("picture", request).unwrap()).to_vec();
    let wide = image(|image| image.size = ImageSize::parse("16:9"));
    let (one, other) = (drawn(&wide), drawn(&image(|image| image.seed = Some(1))));
    assert_ne!(one, other);
    assert_eq!(one, drawn(&wide));
    assert_eq!(
        (&one[16..20], &one[20..24]),
        (&256_u32.to_be_bytes()[..], &144_u32.to_be_bytes()[..])
    );
    let ask = Ask { provider: "offline", model: "picture", request: &wide, files: &[] };
    assert_eq!(proof::prove(&ask, None, &one).unwrap(), "image/png");
    let spoken = answered("tone", &speech(|_| {})).unwrap();
    assert_eq!(sniffed(bytes(&spoken)), Some("audio/wav"));
    let huge = image(|image| image.size = ImageSize::parse("4096x1"));
    assert_eq!(answered("picture", &huge).err().unwrap().code, "invalid_field");
    assert_eq!(answered("picture", &speech(|_| {})).err().unwrap().code, "unknown_model");
}

fn sniffed(bytes: &[u8]) -> Option<&'static str> {
    crate::sniff::sniff(bytes)
}

#[test]
fn a_provider_makes_what_it_makes() {
    let check = |model: &str, request: &MediaRequest, expected: &str| {
        let said = refusal(model, request);
        assert!(said.starts_with("unknown_model") && said.contains(expected), "{said}");
    };
    check("stability/core", &speech(|_| {}), "makes nothing of this kind");
    check("groq/whisper-large-v3", &image(|_| {}), "makes nothing of this kind");
    check("mine/m", &image(|_| {}), "set the secret MINE_BASE_URL");
    assert_eq!(split("gpt-image-1").unwrap_err().code, "unknown_model");
}
