//! What n8n gives to code, declared before it in JavaScript that functions can run.

use super::items::{Item, Items};
use crate::js;
use crate::text::{Part, Text, shortened};

/// Reads a missing field of nothing as null, as n8n does.
const ATTEMPT: &str = "\
const attempt = f => {
  try { return f() ?? null } catch (e) { if (e instanceof TypeError) return null; throw e }
};
";

const WRAP: &str = "\
const wrap = (list, current) => {
  const all = list.map(json => ({ json, binary: {} }));
  const none = { json: {}, binary: {} };
  const item = current ? { json: current, binary: {} } : all[0] ?? none;
  return {
    all: () => all, first: () => all[0] ?? none, last: () => all.at(-1) ?? none,
    itemMatching: i => all[i] ?? none, pairedItem: () => item,
    item, json: item.json, data: item.json, binary: {}, isExecuted: all.length > 0, params: {},
  };
};
";

/// A small part of Luxon: UTC only.
const DATES: &str = include_str!("dates.js");

const METHODS: &str = include_str!("methods.js");

/// Methods of n8n on texts, lists, numbers and objects.
const OWN_METHODS: [&str; 27] = [
    ".toDateTime(",
    ".format(",
    ".isEmpty(",
    ".isNotEmpty(",
    ".toJsonString(",
    ".parseJson(",
    ".removeMarkdown(",
    ".removeTags(",
    ".extractDomain(",
    ".extractEmail(",
    ".extractUrl(",
    ".urlEncode(",
    ".urlDecode(",
    ".toNumber(",
    ".toInt(",
    ".toFloat(",
    ".toBoolean(",
    ".toTitleCase(",
    ".toSentenceCase(",
    ".toSnakeCase(",
    ".first(",
    ".last(",
    ".sum(",
    ".compact(",
    ".unique(",
    ".removeDuplicates(",
    ".round(",
];

/// The characters of a workflow's name that code gets: it stands in each node of code.
const MAX_NAME: usize = 200;

/// A node that code names.
pub(super) struct Named {
    pub name: String,
    pub items: Items,
    /// Which of its items the code works on, where that is not the first one.
    pub current: Option<Item>,
}

/// Code of an author, and what it may read.
pub(super) struct Prelude<'a> {
    pub body: &'a str,
    pub items: &'a Items,
    /// The nodes that it names, with their items.
    pub nodes: &'a [Named],
    /// The code stands alone. Else it is one of several expressions, each of which may fail.
    pub is_code: bool,
    /// The workflow's name.
    pub name: &'a str,
    /// It runs once for each item, or each round.
    pub in_loop: bool,
}

impl Prelude<'_> {
    /// Declares what the code reads, and nothing else.
    pub(super) fn written(&self) -> Text {
        let mut code = Text::default();
        self.write_helpers(&mut code);
        self.write_run(&mut code);
        self.write_binary(&mut code);
        self.write_items(&mut code);
        if ["$(", "$node", "$items(", "$item("].iter().any(|word| self.has(word)) {
            self.write_nodes(&mut code);
        }
        code
    }

    fn has(&self, word: &str) -> bool {
        self.body.contains(word)
    }

    fn reads_input(&self) -> bool {
        self.is_code || self.has("$input") || self.has("$items(")
    }

    fn write_helpers(&self, code: &mut Text) {
        let has_any = |words: &[&str]| words.iter().any(|word| self.has(word));
        let helpers = [
            (!self.is_code, ATTEMPT),
            (!self.nodes.is_empty() || self.reads_input(), WRAP),
            (has_any(&["DateTime", "$now", "$today", ".toDateTime(", ".format("]), DATES),
            (has_any(&OWN_METHODS), METHODS),
            (has_any(&["$if(", "$ifEmpty(", "$max(", "$min(", "$not("]), HELPERS),
        ];
        for (_, helper) in helpers.into_iter().filter(|(is_read, _)| *is_read) {
            push(code, helper);
        }
    }

    /// What the code reads of the workflow and the run.
    fn write_run(&self, code: &mut Text) {
        if self.has("$workflow") {
            let name = js::string(&shortened(self.name, MAX_NAME));
            push(code, &format!("const $workflow = {{ id: '', name: {name}, active: true }};\n"));
        }
        if self.has("$execution") {
            push(code, "const $execution = { id: '', mode: 'production' }, $executionId = '';\n");
        }
        for word in ["$vars", "$env"].into_iter().filter(|word| self.has(word)) {
            push(code, &format!("const {word} = {{}};\n"));
        }
        for word in ["$itemIndex", "$runIndex"].into_iter().filter(|word| self.has(word)) {
            push(code, &format!("const {word} = "));
            code.push(match self.in_loop {
                true => Part::Reference("loop.index".to_owned()),
                false => Part::Literal("0".to_owned()),
            });
            push(code, ";\n");
        }
    }

    fn write_binary(&self, code: &mut Text) {
        if !self.has("$binary") {
            return;
        }
        push(code, "const $file = ");
        let file = self.items.file.clone().map(Part::Reference);
        code.push(file.unwrap_or_else(|| Part::Literal("null".to_owned())));
        push(code, BINARY);
    }

    fn write_items(&self, code: &mut Text) {
        if self.reads_input() || self.has("$json") || self.has("$data") {
            push(code, "const $list = ");
            code.append(self.items.list());
            push(code, ";\nconst $json = $list[0] ?? {}, $data = $json;\n");
        }
        if self.reads_input() {
            push(code, "const $input = wrap($list);\n");
        }
    }

    fn write_nodes(&self, code: &mut Text) {
        push(code, "const $node = {\n");
        for node in self.nodes {
            push(code, &format!("  {}: wrap(", js::string(&node.name)));
            code.append(node.items.list());
            if let Some(current) = &node.current {
                push(code, ", ");
                code.append(current.code());
            }
            push(code, "),\n");
        }
        push(code, "};\nconst $ = name => $node[name], $item = () => ({ $node });\n");
        if self.has("$items(") {
            push(code, ITEMS);
        }
    }
}

fn push(code: &mut Text, text: &str) {
    code.push(Part::Literal(text.to_owned()));
}

const ITEMS: &str = "\
const $items = name => (name === undefined ? $input : $node[name]).all();
";

const BINARY: &str = "\
 ?? {};
const $data0 = { ...$file, fileName: $file.name, mimeType: $file.type, fileSize: $file.size,
  fileExtension: $file.name?.split('.').pop() };
const $binary = new Proxy({}, { get: () => $data0 });
";

const HELPERS: &str = "\
const $if = (test, yes, no) => test ? yes : no;
const $not = x => !x;
const $ifEmpty = (x, other) => x === null || x === undefined || x.length === 0 ? other : x;
const $max = Math.max, $min = Math.min;
";
