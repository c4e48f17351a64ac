//! A file as a value: `{"$file", name, type, size, sha256}`. Its bytes are stored elsewhere.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::json::push_segment;

/// The largest file, in bytes.
pub const MAX_FILE: u64 = 50 * 1024 * 1024;
/// The key that makes an object a file.
pub const MARK: &str = "$file";
/// The type of bytes of which nothing is known.
pub const ANY_TYPE: &str = "application/octet-stream";

const MAX_NAME: usize = 255;
const MAX_TYPE: usize = 127;

/// `file_` and 32 random hex digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FileId(Arc<str>);

impl FileId {
    pub fn new(random: [u8; 16]) -> Self {
        Self(format!("file_{:032x}", u128::from_be_bytes(random)).into())
    }

    /// Returns `None` for text that is not a file's id, so that no store is asked for it.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("file_")?;
        is_hex(digits, 32).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileRef {
    #[serde(rename = "$file")]
    pub id: FileId,
    /// 1 to 255 bytes, without path and control characters.
    pub name: String,
    /// Lower case, without parameters: `image/png`.
    #[serde(rename = "type")]
    pub media_type: String,
    /// In bytes.
    pub size: u64,
    /// Hex.
    pub sha256: String,
}

impl FileRef {
    /// Whether the value means to be a file: an object with `$file`.
    pub fn is_marked(value: &Value) -> bool {
        value.as_object().is_some_and(|object| object.contains_key(MARK))
    }

    /// Reads a value that has all five fields and no other. The error says what is wrong, for
    /// people.
    pub fn parse(value: &Value) -> Result<Self, String> {
        let Value::Object(object) = value else {
            return Err(format!(
                "must be a file: an object with `{MARK}`, which an upload returns"
            ));
        };
        let known = [MARK, "name", "type", "size", "sha256"];
        if let Some(other) = object.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("a file has no field `{}`", shown(other)));
        }
        let id = text(object, MARK)?;
        let id = FileId::parse(id).ok_or("`$file` must be the id of a file, `file_…`")?;
        let name = text(object, "name")?;
        if !is_name(name) {
            return Err(format!(
                "`name` must have 1 to {MAX_NAME} bytes, without `/`, `\\` and control characters"
            ));
        }
        let media_type = text(object, "type")?;
        if read_media_type(media_type).as_deref() != Some(media_type) {
            return Err("`type` must be a media type such as image/png".to_owned());
        }
        let size = object.get("size").and_then(Value::as_u64).filter(|size| *size <= MAX_FILE);
        let size = size.ok_or(format!("`size` must be a number of bytes, at most {MAX_FILE}"))?;
        let sha256 = text(object, "sha256")?;
        if !is_hex(sha256, 64) {
            return Err("`sha256` must have 64 hex digits in lower case".to_owned());
        }
        let (name, media_type, sha256) = (name.into(), media_type.into(), sha256.into());
        Ok(Self { id, name, media_type, size, sha256 })
    }

    /// Reads the id alone: what else a value says may be wrong, and what is stored counts.
    pub fn id_of(value: &Value) -> Result<FileId, String> {
        let id = value.get(MARK).and_then(Value::as_str).and_then(FileId::parse);
        id.ok_or_else(|| {
            format!("must be a file: an object with `{MARK}`, from an input or another node")
        })
    }

    pub fn to_value(&self) -> Value {
        json!({
            MARK: self.id.as_str(),
            "name": self.name,
            "type": self.media_type,
            "size": self.size,
            "sha256": self.sha256
        })
    }
}

/// Whether the text may be the name of a file as it is.
pub fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..")
        && name.len() <= MAX_NAME
        && !name.contains(['/', '\\'])
        && !name.chars().any(is_invisible)
}

/// Makes a name of what somebody else calls a file: without its path, control characters, and what
/// is too long.
pub fn clean_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last.chars().filter(|character| !is_invisible(*character)).collect();
    let mut end = visible.len().min(MAX_NAME);
    while !visible.is_char_boundary(end) {
        end -= 1;
    }
    let name = visible[..end].trim();
    if is_name(name) { name.to_owned() } else { "file".to_owned() }
}

/// Reads `type/subtype`, in lower case and without parameters. `None`: it is none.
pub fn read_media_type(text: &str) -> Option<String> {
    let essence = text.split(';').next().unwrap_or_default().trim();
    let (kind, subtype) = essence.split_once('/')?;
    let is_token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    let is_type = essence.len() <= MAX_TYPE && is_token(kind) && is_token(subtype);
    is_type.then(|| essence.to_ascii_lowercase())
}

/// Returns the JSON Pointers of the objects with the key `$file`.
pub fn find_marked(value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    find_in(value, &mut String::new(), &mut found);
    found
}

fn find_in(value: &Value, place: &mut String, found: &mut Vec<String>) {
    let length = place.len();
    match value {
        Value::Object(object) if object.contains_key(MARK) => found.push(place.clone()),
        Value::Object(object) => {
            for (key, value) in object {
                push_segment(place, key);
                find_in(value, place, found);
                place.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                push_segment(place, &index.to_string());
                find_in(value, place, found);
                place.truncate(length);
            }
        }
        _ => {}
    }
}

/// Control characters, and those that reverse the direction of what is read: `exe.gpj` for people.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

fn text<'v>(object: &'v Map<String, Value>, name: &str) -> Result<&'v str, String> {
    match object.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(format!("`{name}` must be text")),
        None => Err(format!("a file needs `{name}`")),
    }
}

fn is_hex(text: &str, digits: usize) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == digits && text.bytes().all(is_digit)
}

fn shown(key: &str) -> String {
    key.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> FileRef {
        FileRef {
            id: FileId::new([7; 16]),
            name: "a picture.png".to_owned(),
            media_type: "image/png".to_owned(),
            size: 3,
            sha256: "0".repeat(64),
        }
    }

    #[test]
    fn a_file_is_its_value_and_back() {
        let value = file().to_value();
        assert_eq!(FileRef::parse(&value), Ok(file()));
        assert_eq!(serde_json::to_value(file()).unwrap(), value);
        assert!(FileRef::is_marked(&value) && !FileRef::is_marked(&json!({"file": 1})));
    }

    #[test]
    fn what_is_no_file_is_refused_with_its_reason() {
        let check = |name: &str, value: Value, expected: &str| {
            let mut changed = file().to_value();
            changed[name] = value;
            let said = FileRef::parse(&changed).unwrap_err();
            assert!(said.contains(expected), "{name}: {said}");
        };
        check("$file", json!("file_1"), "the id of a file");
        check("$file", json!(7), "`$file` must be text");
        check("$file", json!(format!("file_{}", "G".repeat(32))), "the id of a file");
        for name in ["", "..", "a/b", "a\\b", "a\r\nb", "a\u{202e}b", &"x".repeat(256)] {
            check("name", json!(name), "`name` must have");
        }
        for media_type in ["", "image", "Image/PNG", "a/b; c=d", "a/b\r\nx: y", "text/ü"] {
            check("type", json!(media_type), "`type` must be");
        }
        for size in [json!(-1), json!(1.5), json!("3"), json!(MAX_FILE + 1)] {
            check("size", size, "`size` must be");
        }
        check("sha256", json!("ABC"), "`sha256` must have");
        check("path", json!("/etc/passwd"), "no field `path`");
        assert!(FileRef::parse(&json!({"$file": file().id})).unwrap_err().contains("needs `name`"));
        assert!(FileRef::parse(&json!("file_x")).is_err());
    }

    #[test]
    fn files_are_found_at_any_depth() {
        let value = json!({
            "a": { "$file": 1, "b": { "$file": 2 } },
            "c/d": [1, { "e": { "$file": "x" } }],
            "f": { "file": 1 }
        });
        let found = find_marked(&value);
        assert_eq!(found, ["/a", "/c~1d/1/e"]);
        assert!(found.iter().all(|place| value.pointer(place).is_some()));
    }

    #[test]
    fn names_lose_what_is_dangerous_in_them() {
        let check = |given: &str, expected: &str| assert_eq!(clean_name(given), expected);
        check("C:\\Users\\a\\b.pdf", "b.pdf");
        check("../../etc/passwd", "passwd");
        check("a\r\nset-cookie: x", "aset-cookie: x");
        check("gpj\u{202e}exe", "gpjexe");
        check("..", "file");
        check("a/", "file");
        check(&"ü".repeat(200), &"ü".repeat(127));
    }

    #[test]
    fn media_types_lose_their_parameters() {
        assert_eq!(read_media_type("Text/HTML; charset=utf-8").as_deref(), Some("text/html"));
        assert_eq!(read_media_type("image/svg+xml").as_deref(), Some("image/svg+xml"));
        assert_eq!(read_media_type("text"), None);
        assert_eq!(read_media_type("a/b\nc"), None);
    }
}
