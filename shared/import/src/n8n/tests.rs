//! Expressions in all their forms, and hostile ones.

use serde_json::json;

use super::expression::*;
use super::lexer;

fn node(name: &str, pick: Pick) -> Base {
    Base::Node { name: name.into(), pick }
}

fn path(found: &Found) -> String {
    let shown = found.path.iter().map(|step| match step {
        Step::Field(name) => format!("/{name}"),
        Step::Item(index) => format!("/#{index}"),
    });
    shown.collect()
}

#[test]
fn bare_references_are_read_in_all_their_forms() {
    let check = |code: &str, base: Base, expected: &str| {
        let found = bare(code).unwrap_or_else(|| panic!("{code}: {:?}", references(code)));
        assert_eq!((found.base.clone(), path(&found)), (base, expected.to_owned()), "{code}");
    };
    check("$json", Base::Item, "");
    check("$json.a.b[0]['c d']", Base::Item, "/a/b/#0/c d");
    check("$json?.a?.[0]?.b", Base::Item, "/a/#0/b");
    check("($json.a)", Base::Item, "/a");
    check("$input.item.json.x", Base::Item, "/x");
    check("$input.first().json.x", Base::Item, "/x");
    check("$('A (b)').item.json.x", node("A (b)", Pick::Current), "/x");
    check("$(\"A\").first().json[\"x y\"]", node("A", Pick::At(0)), "/x y");
    check("$('A').last().json.x", node("A", Pick::Last), "/x");
    check("$('A').all()[2].json.x", node("A", Pick::At(2)), "/x");
    check("$('A').all()", node("A", Pick::All), "");
    check("$(`A`).item.json", node("A", Pick::Current), "");
    check("$node[\"A\"].json.x", node("A", Pick::Current), "/x");
    check("$node.A.json.x", node("A", Pick::Current), "/x");
    check("$node['A'].data['x']", node("A", Pick::Current), "/x");
    check("$item(0).$node['A'].json.x", node("A", Pick::Current), "/x");
    check("$items('A')[0].json.x", node("A", Pick::At(0)), "/x");
    check("$vars.KEY", Base::Setting("KEY".into()), "");
    check("$execution.id", Base::Run("$execution.id".into()), "");
    check("$binary", Base::Binary { node: None }, "");
}

#[test]
fn computation_is_no_bare_reference() {
    for code in [
        "$json.a + 1",
        "$json.a.trim()",
        "$json[i]",
        "$('A').all().map(i => i.json.x)",
        "'$json.a'",
        "// $json.a",
        "x.$json",
        "",
        "{a: $json.a}",
    ] {
        assert_eq!(bare(code), None, "{code}");
    }
    assert_eq!(references("`a ${$json.x + `${$('B').item.json.y}`} $json.no`").len(), 2);
    assert_eq!(references("/$json.a/.test($json.b)").len(), 1);
}

#[test]
fn an_expression_ends_outside_of_texts_and_brackets() {
    let code = |text: &str| Part::Code(text.into());
    let text = |text: &str| Part::Text(text.into());
    for (parameter, expected) in [
        ("plain {{ $json.a }}", vec![text("plain {{ $json.a }}")]),
        ("={{ $json.a }}", vec![code("$json.a")]),
        ("=a {{ b; }} c", vec![text("a "), code("b"), text(" c")]),
        ("={{ '}}' }}x", vec![code("'}}'"), text("x")]),
        ("={{ {a: {b: 1}} }}", vec![code("{a: {b: 1}}")]),
        ("={{$now.minus({days: 30})}} ", vec![code("$now.minus({days: 30})"), text(" ")]),
        ("={{ /}}/.test(x) }}", vec![code("/}}/.test(x)")]),
        ("=open {{ $json.a", vec![text("open {{ $json.a")]),
        ("=", vec![]),
    ] {
        assert_eq!(split(parameter), expected, "{parameter}");
    }
}

#[test]
fn shielded_code_holds_nothing_like_a_reference() {
    for (code, expected) in [
        ("if (a<b.c && d>e) '<br.x>'", "if (a< b.c && d>e) '\\x3cbr.x>'"),
        ("'{{NAME}}'", "'\\x7b{NAME}}'"),
        ("/(?<year>a)<b.c>/", "/(?<year>a)\\x3cb.c>/"),
        ("`${{a:1}.a}<x.y>`", "`${{a:1}.a}\\x3cx.y>`"),
    ] {
        assert_eq!(lexer::shielded(code), expected, "{code}");
    }
}

/// Any text ends in bounded time, and no cut is inside a character.
#[test]
fn hostile_text_is_read_in_time() {
    for piece in
        ["{{", "={{ `${", "'\\", "/[", "é<", "$('", "$node[", "((((", "/*", "`${`", "😀$json."]
    {
        let text = format!("={}", piece.repeat(200_000));
        let parts = split(&text);
        assert!(!parts.is_empty());
        references(&text);
        lexer::shielded(&text);
    }
}

/// More circles than anybody draws are not followed: each header is reported, and no loop is made.
#[test]
fn a_file_of_many_batches_makes_no_loop() {
    let name = |index: usize| format!("n{index}");
    let mut nodes =
        vec![json!({ "name": "t", "type": "n8n-nodes-base.webhook", "parameters": {} })];
    let mut connections = json!({ "t": { "main": [[{ "node": "n0" }]] } });
    for index in 0..600 {
        nodes.push(json!({ "name": name(index), "type": "n8n-nodes-base.splitInBatches",
            "typeVersion": 3, "parameters": {} }));
        let ends = [index + 1, index * 7 + 3, index * 31 + 5].map(|to| to % 600);
        let ends = ends.map(|to| json!({ "node": name(to) }));
        connections[name(index)] = json!({ "main": [[ends[0]], ends] });
    }
    let file = json!({ "nodes": nodes, "connections": connections }).to_string();
    let found = crate::import(file.as_bytes(), &crate::Options::default());
    let report = match found {
        Ok(import) => import.report,
        Err(problems) => panic!("{problems:?}"),
    };
    assert_eq!(report.unsupported, 600);
    let is_loop = |entry: &&crate::Entry| entry.became.iter().any(|kind| kind == "loop");
    assert_eq!(report.entries.iter().filter(is_loop).count(), 0);
}
