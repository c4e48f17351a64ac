//! Cuts a text into pieces that overlap: at paragraphs, else at sentences, else between words.

/// Returns pieces of at most `size` characters, each with the end of the one before, of at most
/// `overlap` characters, at its start. `overlap` is less than half of `size`.
pub(super) fn chunks(text: &str, size: usize, overlap: usize) -> Vec<String> {
    let mut chunks: Vec<String> = Vec::new();
    let (mut current, mut count) = (String::new(), 0);
    // The pieces leave room for the overlap and the blank line behind it.
    let room = size - overlap.min(size / 2);
    for piece in text.split("\n\n").flat_map(|paragraph| pieces(paragraph.trim(), room)) {
        let length = piece.chars().count();
        if count > 0 && count + 2 + length > size {
            let end = end_of(&current, overlap.saturating_sub(2));
            chunks.push(std::mem::take(&mut current));
            (count, current) = (end.chars().count(), end);
        }
        if count > 0 {
            current.push_str("\n\n");
            count += 2;
        }
        current.push_str(piece);
        count += length;
    }
    if !current.trim().is_empty() {
        chunks.push(current);
    }
    chunks
}

/// Cuts a paragraph into pieces of at most `size` characters.
fn pieces(mut paragraph: &str, size: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    while let Some((end, _)) = paragraph.char_indices().nth(size) {
        let at = cut_before(&paragraph[..end]);
        let (piece, rest) = paragraph.split_at(at);
        pieces.push(piece.trim_end());
        paragraph = rest.trim_start();
    }
    pieces.push(paragraph);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// Where to cut a text that goes on: behind a sentence in its second half, else behind a word.
fn cut_before(text: &str) -> usize {
    let half = text.floor_char_boundary(text.len() / 2);
    let ends = |mark: char| matches!(mark, '.' | '!' | '?' | '。' | '！' | '？' | '\n');
    let sentence = text[half..]
        .char_indices()
        .filter(|(at, mark)| {
            let next = text[half + at + mark.len_utf8()..].chars().next();
            ends(*mark) && next.is_none_or(|next| next.is_whitespace() || !mark.is_ascii())
        })
        .map(|(at, mark)| half + at + mark.len_utf8())
        .next_back();
    let word = || text.rfind(char::is_whitespace).filter(|at| *at > 0);
    sentence.or_else(word).unwrap_or(text.len())
}

/// The last words of a text, of at most `max` characters.
fn end_of(text: &str, max: usize) -> String {
    if max == 0 {
        return String::new();
    }
    let Some((start, _)) = text.char_indices().rev().nth(max - 1) else { return text.to_owned() };
    let end = &text[start..];
    let is_at_word = text[..start].ends_with(char::is_whitespace);
    let word = if is_at_word { Some(0) } else { end.find(char::is_whitespace) };
    word.map_or_else(String::new, |word| end[word..].trim_start().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, size: usize, overlap: usize, expected: &[&str]) {
        assert_eq!(chunks(text, size, overlap), expected, "{text}");
    }

    #[test]
    fn texts_are_cut_where_they_pause() {
        check("", 100, 10, &[]);
        check(" \n\n \n ", 100, 10, &[]);
        check("One.\n\nTwo.\n\n\n\nThree.", 100, 0, &["One.\n\nTwo.\n\nThree."]);
        check("One one.\n\nTwo two.\n\nThree.", 18, 0, &["One one.\n\nTwo two.", "Three."]);
        check("Aa bb. Cc dd. Ee ff gg.", 16, 0, &["Aa bb. Cc dd.", "Ee ff gg."]);
        check("aaaa bbbb cccc dddd", 10, 0, &["aaaa bbbb", "cccc dddd"]);
        check("aaaaaaaaaaaa", 5, 0, &["aaaaa", "aaaaa", "aa"]);
        check("一。二。三。四。", 4, 0, &["一。二。", "三。四。"]);
    }

    #[test]
    fn the_end_of_a_chunk_is_the_start_of_the_next() {
        check(
            "one two three four five\n\nsix seven eight nine",
            30,
            12,
            &["one two three\n\nfour five", "four five\n\nsix seven eight", "eight\n\nnine"],
        );
    }

    proptest! {
        #[test]
        fn no_chunk_is_too_long_and_no_word_is_lost(
            text in "[a-zé.! \n]{0,400}", size in 20usize..80, overlap in 0usize..9,
        ) {
            let chunks = chunks(&text, size, overlap);
            for chunk in &chunks {
                prop_assert!(chunk.chars().count() <= size, "{chunk}");
            }
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
            let all = chunks.iter().map(|chunk| letters(chunk)).sum::<usize>();
            prop_assert!(all >= letters(&text));
            if overlap == 0 {
                prop_assert_eq!(all, letters(&text));
            }
        }
    }
}
