//! `offline/echo` repeats the last user message, word by word. It is for trials and tests without a
//! key: it is not a model and costs nothing.

use flowgate_core::clock::Clock;
use flowgate_engine::call::{CallError, Chunk, ModelCall, ModelRole};

use super::{Answer, Tokens, failed};

/// Each chunk is an event, and a million of them would fill the memory.
const MAX_CHUNKS: usize = 10_000;

pub(super) async fn answer(
    clock: &dyn Clock,
    model: &str,
    call: &ModelCall,
    chunks: &mut (dyn FnMut(Chunk) + Send),
) -> Result<Answer, CallError> {
    if model != "echo" {
        return Err(failed("unknown_model", format!("offline has only echo, not {model:?}")));
    }
    let prompt = call.messages.iter().rev().find(|message| message.role == ModelRole::User);
    let prompt = prompt.map_or("", |message| message.content.as_str());
    for (index, word) in words(prompt).into_iter().enumerate() {
        if index > 0 && !call.echo_delay.is_zero() {
            clock.sleep(call.echo_delay).await;
        }
        chunks(Chunk::Text(word.to_owned()));
    }
    let count = |text: &str| text.split_whitespace().count() as u64;
    let input = call.messages.iter().map(|message| count(&message.content)).sum();
    let tokens = Some(Tokens { input, output: count(prompt) });
    Ok(Answer { content: prompt.to_owned(), tokens, cost_nano_usd: Some(0) })
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
