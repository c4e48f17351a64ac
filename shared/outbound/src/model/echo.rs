//! `offline/echo` repeats the last user message, word by word. It is for trials and tests without a
//! key: it is not a model and costs nothing.
//!
//! Given tools, it calls those that the message names: each line `/name {"argument": 1}` is a call.
//! Lines in one paragraph are called together, those of the next paragraph a turn later. Once all
//! of them have answered, it repeats the last results.

use flowgate_core::clock::Clock;
use flowgate_engine::call::{CallError, Content, ContentPart, ModelCall, ModelMessage};
use serde_json::Value;

use super::failed;
use super::reply::{Draft, Finish, Reply, Usage};

/// Each chunk is an event, and a million of them would fill the memory.
const MAX_CHUNKS: usize = 10_000;

pub(super) async fn answer(
    clock: &dyn Clock,
    model: &str,
    call: &ModelCall,
    say: &mut (dyn FnMut(&str) + Send),
) -> Result<Reply, CallError> {
    if model != "echo" {
        return Err(failed("unknown_model", format!("offline has only echo, not {model:?}")));
    }
    let prompt = prompt(call);
    let input = call.messages.iter().map(|message| count(&text_of(message))).sum();
    let usage = |output| Usage { input: Some(input), output: Some(output), ..Usage::default() };
    let asked = asked_tools(call, &prompt)?;
    if asked.calls().next().is_some() {
        let mut reply = asked.end(Value::Null);
        reply.usage = usage(reply.calls.len() as u64);
        return Ok(reply);
    }
    let content = last_results(call).unwrap_or(prompt);
    for (index, word) in words(&content).into_iter().enumerate() {
        if index > 0 && !call.echo_delay.is_zero() {
            clock.sleep(call.echo_delay).await;
        }
        say(word);
    }
    let usage = usage(count(&content));
    Ok(Reply { content, finish: Some(Finish::Stop), usage, ..Reply::default() })
}

fn count(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

fn prompt(call: &ModelCall) -> String {
    let is_user = |message: &&ModelMessage| matches!(message, ModelMessage::User { .. });
    call.messages.iter().rev().find(is_user).map(text_of).unwrap_or_default()
}

fn text_of(message: &ModelMessage) -> String {
    match message {
        ModelMessage::System { content }
        | ModelMessage::Assistant { content }
        | ModelMessage::User { content: Content::Text(content) } => content.clone(),
        ModelMessage::User { content: Content::Parts(parts) } => {
            let text = |part: &ContentPart| match part {
                ContentPart::Text { text } => text.clone(),
                ContentPart::Image { .. } => "[image]".to_owned(),
                ContentPart::Document { name, .. } => format!("[{name}]"),
                ContentPart::File { .. } => "[file]".to_owned(),
            };
            parts.iter().map(text).collect::<Vec<_>>().join("\n")
        }
        ModelMessage::Turn { turn } => turn.content.clone(),
        ModelMessage::Tools { results } => {
            results.iter().map(|result| result.content.as_str()).collect::<Vec<_>>().join("\n")
        }
    }
}

/// The calls of the paragraph whose turn it is.
fn asked_tools(call: &ModelCall, prompt: &str) -> Result<Draft, CallError> {
    let mut draft = Draft::new(prompt.len() + 64);
    draft.finish("stop");
    let is_turn = |message: &&ModelMessage| matches!(message, ModelMessage::Turn { .. });
    let turn = call.messages.iter().filter(is_turn).count();
    let asked = |line: &str| {
        let (name, arguments) = line.strip_prefix('/')?.split_once(' ').unwrap_or((&line[1..], ""));
        let is_tool = call.tools.iter().any(|tool| tool.name == name);
        is_tool.then(|| (name.to_owned(), arguments.to_owned()))
    };
    let paragraphs = prompt.split("\n\n").map(|lines| lines.lines().filter_map(asked));
    let mut asking = paragraphs.map(Iterator::collect::<Vec<_>>).filter(|calls| !calls.is_empty());
    for (index, (name, arguments)) in asking.nth(turn).unwrap_or_default().iter().enumerate() {
        draft.call(index as u64, "", name, arguments)?;
    }
    Ok(draft)
}

fn last_results(call: &ModelCall) -> Option<String> {
    let last = call.messages.last()?;
    matches!(last, ModelMessage::Tools { .. }).then(|| text_of(last))
}

/// Splits text into words with their trailing white space; the first keeps its leading white space
/// too. Joined, they are the text. Words of a long text come in groups.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = 0;
    let first = text.len() - text.trim_start().len();
    let shortest = text.len() / MAX_CHUNKS;
    let starts =
        text.char_indices().zip(text.chars().skip(1)).filter_map(|((at, before), after)| {
            let begins_word = before.is_whitespace() && !after.is_whitespace();
            begins_word.then_some(at + before.len_utf8())
        });
    for next in starts.filter(|next| *next > first) {
        if next - start < shortest {
            continue;
        }
        words.push(&text[start..next]);
        start = next;
    }
    if start < text.len() {
        words.push(&text[start..]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_joined_are_the_text() {
        let check = |text: &str, expected: &[&str]| {
            assert_eq!(words(text), expected);
            assert_eq!(words(text).concat(), text);
        };
        check("", &[]);
        check("one", &["one"]);
        check("one two", &["one ", "two"]);
        check("  one \n\n two\t", &["  one \n\n ", "two\t"]);
        check("ä\u{3000}ö ü", &["ä\u{3000}", "ö ", "ü"]);
        check("   ", &["   "]);
    }

    #[test]
    fn long_white_space_is_read_once() {
        let text = format!("{}{}", " ".repeat(200_000), "a ".repeat(50_000));
        let began = std::time::Instant::now();
        let chunks = words(&text);
        assert_eq!(chunks.concat(), text);
        assert!(chunks.len() <= MAX_CHUNKS, "{}", chunks.len());
        // This used to take a minute.
        assert!(began.elapsed().as_secs() < 5);
    }
}
