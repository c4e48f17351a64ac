//! Reads what a caller says: the messages of a chat, or the items of a response's input.

use serde_json::{Value, json};

use crate::conversation::{Attached, Conversation, FileSource};
use crate::http::fields::kind_of;

const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];
/// Items of a response's input that other turns leave, and that say nothing to a workflow.
const PASSED_OVER: [&str; 3] = ["reasoning", "function_call", "function_call_output"];

/// What one message says.
#[derive(Default)]
struct Said {
    texts: Vec<String>,
    files: Vec<Attached>,
    /// As chat completions have them.
    parts: Vec<Value>,
}

impl Conversation {
    /// The messages of a chat.
    pub(super) fn of_chat(messages: Option<Value>) -> Self {
        let mut conversation = Self::default();
        match messages {
            Some(Value::Array(messages)) if !messages.is_empty() => {
                for (index, message) in messages.into_iter().enumerate() {
                    conversation.item(&format!("/messages/{index}"), message, false);
                }
            }
            _ => conversation.problem("/messages", "must be an array of at least one message"),
        }
        conversation
    }

    /// The input of a response: a text, or a list of items.
    pub(super) fn of_input(input: Value) -> Self {
        let mut conversation = Self::default();
        match input {
            Value::String(text) => {
                let message = json!({ "role": "user", "content": text });
                conversation.item("/input", message, true);
            }
            Value::Array(items) => {
                for (index, item) in items.into_iter().enumerate() {
                    conversation.item(&format!("/input/{index}"), item, true);
                }
            }
            other => {
                let kind = kind_of(&other);
                let wanted = "must be a string, an array of items, or an object of input fields";
                conversation.problem("/input", format!("{wanted}, not {kind}"));
            }
        }
        conversation
    }

    /// What goes before all messages. `is_message`: as one of them, too.
    pub(super) fn instruct(&mut self, instructions: String, is_message: bool) {
        if is_message {
            self.messages.insert(0, json!({ "role": "system", "content": instructions }));
        }
        self.system.insert(0, instructions);
    }

    /// `is_rewritten`: the message is kept in the form of chat completions, not as it was sent.
    fn item(&mut self, pointer: &str, item: Value, is_rewritten: bool) {
        match item.get("type").and_then(Value::as_str) {
            None | Some("message") => {}
            Some(kind) if is_rewritten && PASSED_OVER.contains(&kind) => return,
            Some(kind) => {
                let message = format!("`{}` is not supported", kind.escape_debug());
                return self.problem(&format!("{pointer}/type"), message);
            }
        }
        let role = item.get("role").and_then(Value::as_str).filter(|role| ROLES.contains(role));
        let Some(role) = role.map(str::to_owned) else {
            let message = format!("must be one of {}", ROLES.join(", "));
            return self.problem(&format!("{pointer}/role"), message);
        };
        let said = self.said(&format!("{pointer}/content"), item.get("content"));
        let text = said.texts.join("\n");
        match role.as_str() {
            "system" | "developer" => self.system.push(text),
            "user" => (self.user_text, self.files) = (Some(text), said.files),
            _ => {}
        }
        let content = match item.get("content") {
            Some(Value::Array(_)) => Value::Array(said.parts),
            content => content.cloned().unwrap_or_default(),
        };
        let rewritten = || json!({ "role": role, "content": content });
        self.messages.push(if is_rewritten { rewritten() } else { item });
    }

    fn said(&mut self, pointer: &str, content: Option<&Value>) -> Said {
        let mut said = Said::default();
        match content {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => said.texts.push(text.clone()),
            Some(Value::Array(parts)) => {
                for (index, part) in parts.iter().enumerate() {
                    if let Err((field, message)) = said.part(&format!("{pointer}/{index}"), part) {
                        self.problem(&format!("{pointer}/{index}{field}"), message);
                    }
                }
            }
            Some(other) => {
                let kind = kind_of(other);
                self.problem(pointer, format!("must be a string or an array of parts, not {kind}"));
            }
        }
        said
    }
}

/// Where in a part something is wrong, and what.
type Wrong = (&'static str, String);

impl Said {
    fn part(&mut self, pointer: &str, part: &Value) -> Result<(), Wrong> {
        let text = |name: &str| part.get(name).and_then(Value::as_str).map(str::to_owned);
        match part.get("type").and_then(Value::as_str) {
            Some("text" | "input_text" | "output_text") => {
                let text = text("text").ok_or_else(|| required("/text"))?;
                self.parts.push(json!({ "type": "text", "text": text }));
                self.texts.push(text);
            }
            Some("refusal") => self.parts.push(part.clone()),
            Some("image_url") => {
                let url = part.pointer("/image_url/url").and_then(Value::as_str);
                let url = url.ok_or_else(|| required("/image_url/url"))?.to_owned();
                self.image(pointer, FileSource::Url(url));
            }
            Some("input_image") => {
                let url = text("image_url").map(FileSource::Url);
                let source = url.or_else(|| text("file_id").map(FileSource::Upload));
                self.image(pointer, source.ok_or_else(|| required("/image_url"))?);
            }
            Some("file") => self.file(pointer, part.get("file").unwrap_or(&Value::Null))?,
            Some("input_file") => self.file(pointer, part)?,
            Some(other) => {
                return Err(("/type", format!("`{}` is not supported", other.escape_debug())));
            }
            None => return Err(("", "must be an object with a `type`".to_owned())),
        }
        Ok(())
    }

    fn image(&mut self, pointer: &str, source: FileSource) {
        self.parts.push(json!({ "type": "image_url", "image_url": { "url": source.shown() } }));
        self.files.push(Attached { pointer: pointer.to_owned(), name: None, source });
    }

    fn file(&mut self, pointer: &str, file: &Value) -> Result<(), Wrong> {
        let text = |name: &str| file.get(name).and_then(Value::as_str).map(str::to_owned);
        let url = text("file_data").or_else(|| text("file_url")).map(FileSource::Url);
        let source = url.or_else(|| text("file_id").map(FileSource::Upload));
        let source = source.ok_or_else(|| required("/file_data"))?;
        let name = text("filename");
        self.parts.push(json!({
            "type": "file", "file": { "file_data": source.shown(), "filename": name }
        }));
        self.files.push(Attached { pointer: pointer.to_owned(), name, source });
        Ok(())
    }
}

fn required(field: &'static str) -> Wrong {
    (field, "is required".to_owned())
}

#[cfg(test)]
mod tests {
    use flowgate_app::error::FieldProblem;

    use super::*;

    fn wrong(conversation: &Conversation) -> Vec<String> {
        let shown = |problem: &FieldProblem| format!("{} {}", problem.pointer, problem.message);
        conversation.problems.iter().map(shown).collect()
    }

    #[test]
    fn the_last_message_of_the_user_counts() {
        let messages = json!([
            { "role": "system", "content": "be kind" },
            { "role": "user", "content": "first", "name": "kept" },
            { "role": "developer", "content": [{ "type": "text", "text": "and short" }] },
            { "role": "assistant", "content": null, "tool_calls": [] },
            { "role": "user", "content": [
                { "type": "text", "text": "what is" },
                { "type": "image_url", "image_url": { "url": "data:image/png;base64,AA==" } },
                { "type": "file", "file": { "file_data": "data:,", "filename": "a.txt" } },
                { "type": "text", "text": "this?" },
            ] },
            { "role": "assistant", "content": "a picture" },
        ]);
        let read = Conversation::of_chat(Some(messages.clone()));
        assert_eq!(wrong(&read), [""; 0]);
        assert_eq!(read.user_text.as_deref(), Some("what is\nthis?"));
        assert_eq!(read.system, ["be kind", "and short"]);
        assert_eq!(Value::from(read.messages), messages, "as they were sent");
        assert_eq!(read.files[0].pointer, "/messages/4/content/1");
        assert_eq!(read.files[1].name.as_deref(), Some("a.txt"));
    }

    #[test]
    fn the_input_of_a_response_reads_as_a_chat() {
        let mut read = Conversation::of_input(json!("hi"));
        read.instruct("be kind".to_owned(), true);
        assert_eq!(
            (read.user_text.as_deref(), read.system.as_slice()),
            (Some("hi"), ["be kind".to_owned()].as_slice())
        );
        assert_eq!(read.messages[0], json!({ "role": "system", "content": "be kind" }));
        let read = Conversation::of_input(json!([
            { "type": "message", "id": "msg_1", "role": "assistant",
              "content": [{ "type": "output_text", "text": "yes?", "annotations": [] }] },
            { "type": "reasoning", "summary": [] },
            { "role": "user", "content": [
                { "type": "input_text", "text": "see" },
                { "type": "input_image", "image_url": "https://example.com/a.png" },
                { "type": "input_file", "file_id": "file_1" },
            ] },
        ]));
        assert_eq!(wrong(&read), [""; 0]);
        assert_eq!(
            read.messages[0],
            json!({ "role": "assistant", "content": [{ "type": "text", "text": "yes?" }] })
        );
        assert_eq!(read.messages[1]["content"][1]["type"], "image_url");
        assert_eq!(read.files[1].source, FileSource::Upload("file_1".to_owned()));
    }

    #[test]
    fn all_that_is_wrong_is_named_with_its_place() {
        let read = Conversation::of_chat(Some(json!([
            7,
            { "role": "nobody", "content": "x" },
            { "role": "user", "content": 5 },
            { "role": "user", "content": [
                { "type": "text" }, { "type": "input_audio", "input_audio": {} }, "x",
                { "type": "image_url", "image_url": "flat" }, { "type": "file" },
            ] },
        ])));
        assert_eq!(
            wrong(&read),
            [
                "/messages/0/role must be one of system, developer, user, assistant, tool, \
                 function",
                "/messages/1/role must be one of system, developer, user, assistant, tool, \
                 function",
                "/messages/2/content must be a string or an array of parts, not a number",
                "/messages/3/content/0/text is required",
                "/messages/3/content/1/type `input_audio` is not supported",
                "/messages/3/content/2 must be an object with a `type`",
                "/messages/3/content/3/image_url/url is required",
                "/messages/3/content/4/file_data is required",
            ]
        );
        for none in [None, Some(json!([])), Some(json!("hi"))] {
            assert_eq!(wrong(&Conversation::of_chat(none)).len(), 1);
        }
        assert_eq!(wrong(&Conversation::of_input(json!(1))).len(), 1);
        assert_eq!(
            wrong(&Conversation::of_input(json!([{ "type": "item_reference", "id": "x" }]))),
            ["/input/0/type `item_reference` is not supported"]
        );
    }
}
