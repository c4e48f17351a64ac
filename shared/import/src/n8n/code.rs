//! Nodes of code: they get the items as n8n gives them, and what they return is made items.

use serde_json::json;

use super::flow::{Flow, Out};
use super::items::{Item, Items};
use super::kinds;
use super::lexer::{self, Kind};
use crate::draft::{Branch, Node};
use crate::json::{filled, text};
use crate::text::{Part, Text};

/// What code of n8n returns, as a list of plain objects.
const FOUND: &str = "\
const $found = (Array.isArray($answer) ? $answer : $answer ? [$answer] : [])
  .map(x => x !== null && typeof x === 'object' && 'json' in x ? x.json : x);
";

/// What no code of ours can use.
const REFUSED: [&str; 6] =
    ["getWorkflowStaticData", "require(", "helpers.", "$helpers", "$jmespath", "crypto.create"];

pub(super) fn read(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    if text(parameters.get("language")).starts_with("python") {
        return python(flow);
    }
    let names = ["jsCode", "functionCode"];
    let body = names.iter().find_map(|name| filled(parameters.get(*name))).unwrap_or_default();
    match REFUSED.iter().find(|word| body.contains(**word)) {
        Some(word) => {
            kinds::unsupported(flow, &format!("its code uses `{word}`, which is not there"))
        }
        None => javascript(flow, body),
    }
}

fn javascript(flow: &mut Flow<'_, '_, '_>, body: &str) -> Vec<Out> {
    let step = flow.current();
    let (takes_all, comes_many) = (step.takes_all(), flow.here.items.many);
    let returned = Returned::by(body);
    let is_one = !takes_all || !comes_many && !returned.many;
    let mut code = flow.prelude(body, true);
    let mut push = |text: &str| code.push(Part::Literal(text.to_owned()));
    // n8n runs no node to which nothing comes.
    if takes_all && comes_many {
        push("if ($list.length === 0) return [];\n");
    }
    push(match step.kind.as_str() {
        "functionItem" => "const item = $json;\n",
        _ => "const items = $input.all(), item = items[0];\n",
    });
    push("const $run = async () => {\n");
    push(&lexer::shielded(body));
    push("\n};\nconst $answer = await $run();\n");
    push(FOUND);
    push(if is_one { "return $found[0] ?? null" } else { "return $found" });
    let code = flow.draft.javascript(&code);
    flow.add_named(Node::new(flow.here.id.clone(), "function").with("code", code));
    let item = Item::of(&flow.here.id, "result");
    vec![match is_one {
        true if returned.nothing => flow.out_if_any(item),
        true => flow.out(Items::one(item)),
        false => flow.out(Items::many(item)),
    }]
}

/// How many items code seems to return.
struct Returned {
    many: bool,
    nothing: bool,
}

impl Returned {
    /// Looks at what stands behind each `return`, those of inner functions included: a list that is
    /// taken for longer than it is does no harm.
    fn by(body: &str) -> Self {
        let tokens: Vec<lexer::Token> =
            lexer::tokens(body).into_iter().filter(|token| token.kind != Kind::Comment).collect();
        let words: Vec<&str> = tokens.iter().map(|token| &body[token.at.clone()]).collect();
        let mut returned = Self { many: false, nothing: !words.contains(&"return") };
        for (at, _) in words.iter().enumerate().filter(|(_, word)| **word == "return") {
            match words.get(at + 1..).unwrap_or_default() {
                [] | [";" | "}" | "null" | "undefined", ..] | ["[", "]", ..] => {
                    returned.nothing = true;
                }
                ["{", ..] => {}
                ["[", rest @ ..] if holds_one(rest) => {}
                _ => returned.many = true,
            }
        }
        returned
    }
}

/// Whether what stands behind `[` is one object, and nothing is called on the list.
fn holds_one(words: &[&str]) -> bool {
    let mut depth = 0_usize;
    let end = words.iter().position(|word| {
        match *word {
            "{" | "[" | "(" => depth += 1,
            "}" | "]" | ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0
    });
    let rest = end.and_then(|end| words.get(end + 1..)).unwrap_or_default();
    let rest = rest.strip_prefix(&[","]).unwrap_or(rest);
    words.first() == Some(&"{") && matches!(rest, ["]"] | ["]", ";" | "}", ..])
}

fn python(flow: &mut Flow<'_, '_, '_>) -> Vec<Out> {
    let parameters = flow.current().parameters;
    let body = filled(parameters.get("pythonCode")).unwrap_or_default();
    if ["_input", "_(", "import ", "<"].iter().any(|word| body.contains(word)) {
        return kinds::unsupported(flow, "Python over items of n8n, or with packages");
    }
    let list = flow.here.items.listed();
    let code = format!("items = [{{\"json\": item}} for item in given]\n{body}");
    let node = Node::new(flow.here.id.clone(), "python")
        .with("variables", json!({ "given": list }))
        .with("code", code);
    flow.add_named(node);
    flow.approximated("Python's items are plain dictionaries");
    let mut code = Text::literal("const $answer = ");
    code.push(Part::Reference(format!("{}.result", flow.here.id)));
    code.push(Part::Literal(format!(";\n{FOUND}return $found")));
    let after = flow.after_own();
    let id = flow.helper_function("items", &code, flow.here.inside, &after);
    vec![Out { items: Items::many(Item::of(&id, "result")), after: vec![(id, Branch::Success)] }]
}
