//! The parts of `web.js` that are not JavaScript: text, base64, hex and URLs.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rquickjs::context::EvalOptions;
use rquickjs::function::Func;
use rquickjs::{Ctx, Exception, FromJs, Function, Object, Result, TypedArray, Value};
use url::{Url, form_urlencoded, quirks};

/// Evaluates `web.js`. `next` gives random numbers of 32 bits.
pub(super) fn load<'js>(ctx: Ctx<'js>, next: Function<'js>) -> Result<Object<'js>> {
    let native = Object::new(ctx.clone())?;
    native.set("utf8", Func::from(utf8))?;
    native.set("decodeUtf8", Func::from(decode_utf8))?;
    native.set("base64", Func::from(base64))?;
    native.set("decodeBase64", Func::from(decode_base64))?;
    native.set("hex", Func::from(hex))?;
    native.set("decodeHex", Func::from(decode_hex))?;
    native.set("parseUrl", Func::from(parse_url))?;
    native.set("changeUrl", Func::from(change_url))?;
    native.set("parseQuery", Func::from(parse_query))?;
    native.set("writeQuery", Func::from(write_query))?;
    let mut options = EvalOptions::default();
    options.filename = Some("web.js".to_owned());
    let web: Function = ctx.eval_with_options(include_str!("../web.js"), options)?;
    web.call((native, next))
}

type Bytes<'js> = TypedArray<'js, u8>;

/// Text that code gives. It is well formed, so that only a lack of memory keeps it from being read.
struct Text(String);

impl<'js> FromJs<'js> for Text {
    fn from_js(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Self> {
        let text = value.into_string().and_then(|text| text.to_string().ok());
        text.map(Self).ok_or_else(|| Exception::throw_internal(ctx, "out of memory"))
    }
}

fn utf8<'js>(ctx: Ctx<'js>, Text(text): Text) -> Result<Bytes<'js>> {
    Bytes::new(ctx, text.into_bytes())
}

/// Bytes come as text with one character for each.
fn bytes_of(latin1: &str) -> Vec<u8> {
    latin1.chars().map(|character| u8::try_from(character).unwrap_or(b'?')).collect()
}

/// `None` if the bytes must be UTF-8 and are not.
fn decode_utf8(Text(latin1): Text, fatal: bool) -> Option<String> {
    match String::from_utf8(bytes_of(&latin1)) {
        Ok(text) => Some(text),
        Err(_) if fatal => None,
        Err(error) => Some(String::from_utf8_lossy(error.as_bytes()).into_owned()),
    }
}

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_allow_trailing_bits(true)
    .with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const FOR_URLS: GeneralPurpose =
    GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT.with_encode_padding(false));

fn base64(Text(latin1): Text, for_urls: bool) -> String {
    let engine = if for_urls { FOR_URLS } else { STANDARD };
    engine.encode(bytes_of(&latin1))
}

/// Reads both alphabets up to a `=`, and skips what is in neither, as Node does.
fn decode_base64<'js>(ctx: Ctx<'js>, Text(text): Text) -> Result<Bytes<'js>> {
    let mut digits: Vec<u8> = text
        .bytes()
        .take_while(|byte| *byte != b'=')
        .filter_map(|byte| match byte {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            b'+' | b'/' => Some(byte),
            _ => byte.is_ascii_alphanumeric().then_some(byte),
        })
        .collect();
    if digits.len() % 4 == 1 {
        digits.pop();
    }
    Bytes::new(ctx, STANDARD.decode(digits).unwrap_or_default())
}

fn hex(Text(latin1): Text) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    bytes_of(&latin1).iter().flat_map(digits).map(char::from).collect()
}

/// Reads up to what is no pair of digits, as Node does.
fn decode_hex<'js>(ctx: Ctx<'js>, Text(text): Text) -> Result<Bytes<'js>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pair = |pair: &[u8]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
    Bytes::new(ctx, text.as_bytes().chunks_exact(2).map_while(pair).collect::<Vec<u8>>())
}

fn parse_url<'js>(
    ctx: Ctx<'js>,
    Text(url): Text,
    base: Option<Text>,
) -> Result<Option<Object<'js>>> {
    let base = base.map(|Text(base)| Url::parse(&base)).transpose();
    let url = base.and_then(|base| Url::options().base_url(base.as_ref()).parse(&url));
    url.ok().map(|url| parts(ctx, &url)).transpose()
}

/// Sets one part, as a browser does: what does not fit changes nothing, but an address as a whole
/// must be one.
fn change_url<'js>(
    ctx: Ctx<'js>,
    Text(href): Text,
    Text(part): Text,
    Text(value): Text,
) -> Result<Option<Object<'js>>> {
    let Ok(mut url) = Url::parse(&href) else { return Ok(None) };
    if part == "href" {
        return match quirks::set_href(&mut url, &value) {
            Ok(()) => parts(ctx, &url).map(Some),
            Err(_) => Ok(None),
        };
    }
    // What a part cannot be is ignored.
    let _ = match part.as_str() {
        "protocol" => quirks::set_protocol(&mut url, &value),
        "username" => quirks::set_username(&mut url, &value),
        "password" => quirks::set_password(&mut url, &value),
        "host" => quirks::set_host(&mut url, &value),
        "hostname" => quirks::set_hostname(&mut url, &value),
        "port" => quirks::set_port(&mut url, &value),
        _ => Ok(()),
    };
    match part.as_str() {
        "pathname" => quirks::set_pathname(&mut url, &value),
        "search" => quirks::set_search(&mut url, &value),
        "hash" => quirks::set_hash(&mut url, &value),
        _ => {}
    }
    parts(ctx, &url).map(Some)
}

fn parts<'js>(ctx: Ctx<'js>, url: &Url) -> Result<Object<'js>> {
    let parts = Object::new(ctx)?;
    parts.set("href", quirks::href(url))?;
    parts.set("origin", quirks::origin(url))?;
    parts.set("protocol", quirks::protocol(url))?;
    parts.set("username", quirks::username(url))?;
    parts.set("password", quirks::password(url))?;
    parts.set("host", quirks::host(url))?;
    parts.set("hostname", quirks::hostname(url))?;
    parts.set("port", quirks::port(url))?;
    parts.set("pathname", quirks::pathname(url))?;
    parts.set("search", quirks::search(url))?;
    parts.set("hash", quirks::hash(url))?;
    Ok(parts)
}

fn parse_query(Text(query): Text) -> Vec<Vec<String>> {
    let pairs = form_urlencoded::parse(query.as_bytes());
    pairs.map(|(name, value)| vec![name.into_owned(), value.into_owned()]).collect()
}

fn write_query(pairs: Vec<Vec<Text>>) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for pair in &pairs {
        if let [Text(name), Text(value)] = pair.as_slice() {
            query.append_pair(name, value);
        }
    }
    query.finish()
}
