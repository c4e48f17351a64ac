use super::*;

#[test]
fn a_block_of_notion_holds_what_notion_takes() {
    let check = |text: &str, expected: Value| assert_eq!(notion_blocks(text), expected, "{text}");
    let code = |language: &str| {
        json!([{ "object": "block", "type": "code", "code": {
            "language": language,
            "rich_text": [{ "type": "text", "text": { "content": "x" } }]
        } }])
    };
    check("```py\nx\n```", code("python"));
    check("```sql\nx\n```", code("sql"));
    check("```brainfog\nx\n```", code("plain text"));
    check("```\nx\n```", code("plain text"));
    check("", json!([]));
    let empty = json!([{ "object": "block", "type": "quote", "quote": { "rich_text": [] } }]);
    check(">", empty);
}

#[test]
fn no_text_is_lost_however_long_it_is() {
    let text = "é*b* ".repeat(300) + &"x".repeat(9_000);
    let made = notion_blocks(&text);
    let mut whole = String::new();
    for block in made.as_array().unwrap() {
        let pieces = block["paragraph"]["rich_text"].as_array().unwrap();
        assert!((1..=100).contains(&pieces.len()));
        for piece in pieces {
            let piece = piece["text"]["content"].as_str().unwrap();
            assert!(piece.chars().count() <= 2_000);
            whole.push_str(piece);
        }
    }
    assert_eq!(whole, text.replace('*', ""));
    let many = "- a\n".repeat(250);
    assert_eq!(notion_blocks(&many).as_array().unwrap().len(), 250);
}
