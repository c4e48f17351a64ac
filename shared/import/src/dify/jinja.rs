//! Jinja templates: placeholders become references, anything else JavaScript.

mod expression;
mod segments;

use std::collections::BTreeSet;

use serde_json::Value;

use super::flow::Flow;
use super::graph::Step;
use super::prelude;
use super::read::selector_of;
use crate::draft::Node;
use crate::js;
use crate::json::{filled, text};
use crate::text::{Part, Text, reference};
use expression::{Code, plain_path};
use segments::{Segment, segments};

/// What filters and operators do.
const HELPERS: &str = include_str!("jinja/helpers.js");

/// What a template becomes.
pub(super) enum Rendered {
    Plain(Text),
    /// The body of a function that returns the text.
    Code(String),
    Unknown(String),
}

/// Returns what in a template cannot be rendered.
pub(super) fn obstacle(template: &str) -> Option<String> {
    if is_plain(template) {
        return None;
    }
    code(template).err().map(|why| format!("its Jinja template: {why}"))
}

/// Whether a template has only placeholders with names and paths.
pub(super) fn is_plain(template: &str) -> bool {
    let Ok(segments) = segments(template) else { return false };
    segments.iter().all(|segment| match segment {
        Segment::Text(_) => true,
        Segment::Output(expression) => plain_path(expression).is_some(),
        Segment::Statement(_) => false,
    })
}

/// JavaScript that returns the text. Variables are called `$name` in it.
fn code(template: &str) -> Result<String, String> {
    let mut writer = Writer { code: Code::default(), lines: Vec::new(), open: Vec::new() };
    for segment in segments(template)? {
        match segment {
            Segment::Text(text) => writer.line(&format!("out += {}", js::string(&text))),
            Segment::Output(expression) => {
                let value = writer.code.expression(&expression)?;
                writer.line(&format!("out += text({value})"));
            }
            Segment::Statement(statement) => writer.statement(&statement)?,
        }
    }
    match writer.open.last() {
        Some(open) => Err(format!("`{open}` has no end")),
        None => Ok(writer.lines.join("\n")),
    }
}

struct Writer {
    code: Code,
    lines: Vec<String>,
    /// The blocks that are open: `if` and `for`.
    open: Vec<&'static str>,
}

impl Writer {
    fn line(&mut self, line: &str) {
        let depth = self.open.len();
        self.lines.push(format!("{}{line}", "  ".repeat(depth)));
    }

    fn statement(&mut self, statement: &str) -> Result<(), String> {
        let (word, rest) = statement.split_once(char::is_whitespace).unwrap_or((statement, ""));
        let rest = rest.trim();
        match word {
            "if" => {
                let test = self.test(rest)?;
                self.begin("if", &format!("if ({test}) {{"))
            }
            "elif" if self.open.last() == Some(&"if") => {
                let test = self.test(rest)?;
                self.middle(&format!("}} else if ({test}) {{"));
                Ok(())
            }
            "else" if self.open.last() == Some(&"if") => {
                self.middle("} else {");
                Ok(())
            }
            "endif" => self.end("if"),
            "for" => self.begin_for(rest),
            "endfor" => self.end("for"),
            "set" => {
                let (name, value) = rest.split_once('=').ok_or("`set` without a value")?;
                let name = expression::name(name.trim())?;
                let value = self.code.expression(value)?;
                self.code.declare(&name);
                self.line(&format!("${name} = {value}"));
                Ok(())
            }
            other => Err(format!("`{other}` is not known")),
        }
    }

    fn test(&mut self, expression: &str) -> Result<String, String> {
        let test = self.code.expression(expression)?;
        Ok(format!("truthy({test})"))
    }

    fn begin(&mut self, block: &'static str, line: &str) -> Result<(), String> {
        self.line(line);
        self.open.push(block);
        match self.open.len() > 20 {
            true => Err("blocks are too deep in one another".into()),
            false => Ok(()),
        }
    }

    fn middle(&mut self, line: &str) {
        let block = self.open.pop();
        self.line(line);
        self.open.extend(block);
    }

    fn end(&mut self, block: &str) -> Result<(), String> {
        if self.open.pop() != Some(if block == "if" { "if" } else { "for" }) {
            return Err(format!("`end{block}` without its beginning"));
        }
        self.line("}");
        Ok(())
    }

    fn begin_for(&mut self, rest: &str) -> Result<(), String> {
        let (names, list) = rest.split_once(" in ").ok_or("`for` without `in`")?;
        let list = self.code.expression(list.trim_end_matches(" recursive"))?;
        let names: Vec<String> =
            names.split(',').map(|name| expression::name(name.trim())).collect::<Result<_, _>>()?;
        let targets: Vec<String> = names.iter().map(|name| format!("${name}")).collect();
        let target = match targets.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let head = format!("for (const [index, {target}] of list({list}).entries()) {{");
        let length = format!("list({list}).length");
        self.begin("for", &head)?;
        self.line(&format!(
            "const $loop = {{ index: index + 1, index0: index, first: index === 0, \
             last: index + 1 === {length}, length: {length} }}"
        ));
        Ok(())
    }
}

impl<'a> Flow<'a, '_, '_> {
    pub(super) fn transform(&mut self, step: &Step<'a>) {
        let id = self.id(step);
        let node = match self.jinja(step, &step.text("template"), step.list("variables")) {
            Rendered::Plain(text) => {
                let text = self.draft.only_text(&text);
                Node::new(id, "template").with("template", text)
            }
            Rendered::Code(code) => Node::new(id, "function").with("code", code),
            Rendered::Unknown(why) => {
                self.draft.entry(step.id()).unsupported(why);
                Node::new(id, "function").with("code", "throw new Error(\"not imported\")")
            }
        };
        self.add(step, node);
    }

    pub(super) fn jinja(
        &mut self,
        step: &Step<'a>,
        template: &str,
        variables: &[Value],
    ) -> Rendered {
        let template = self.without_keys(step, template);
        if is_plain(&template) {
            return Rendered::Plain(self.plain(step, &template, variables));
        }
        let code = match code(&template) {
            Ok(code) => code,
            Err(why) => return Rendered::Unknown(why),
        };
        let mut whole = Text::default();
        let mut declared = BTreeSet::new();
        for variable in variables {
            let Some(name) = filled(variable.get("variable")) else { continue };
            let is_new = expression::name(name).is_ok() && declared.insert(name);
            if is_new {
                whole.append(Text::literal(format!("let ${name} = ")));
                let value = self.expression(step, &selector_of(variable.get("value_selector")));
                whole.append(value);
                whole.append(Text::literal("\n"));
            }
        }
        let more = expression::names_in(&code)
            .into_iter()
            .filter(|name| !declared.contains(name.as_str()));
        let more: Vec<String> = more.map(|name| format!("${name}")).collect();
        if !more.is_empty() {
            whole.append(Text::literal(format!("let {}\n", more.join(", "))));
        }
        for helper in prelude::needed(HELPERS, &code) {
            whole.append(Text::literal(format!("{helper}\n")));
        }
        whole.append(Text::literal(format!("let out = \"\"\n{code}\nreturn out")));
        Rendered::Code(self.draft.javascript(&whole))
    }

    fn plain(&mut self, step: &Step<'a>, template: &str, variables: &[Value]) -> Text {
        let mut plain = Text::default();
        for segment in segments(template).unwrap_or_default() {
            match segment {
                Segment::Text(text) => plain.push(Part::Literal(text)),
                Segment::Output(expression) => {
                    let Some((name, path)) = plain_path(&expression) else { continue };
                    let is_it = |variable: &&Value| text(variable.get("variable")) == name;
                    let Some(variable) = variables.iter().find(is_it) else { continue };
                    let value = self.selected(step, &selector_of(variable.get("value_selector")));
                    match value.as_reference() {
                        Some(read) => plain.push(Part::Reference(reference(read, &path))),
                        None => plain.append(self.literal_only(step, value)),
                    }
                }
                Segment::Statement(_) => {}
            }
        }
        plain
    }

    /// A constant; secrets cannot stand in a text that is not sent.
    fn literal_only(&mut self, step: &Step<'a>, value: Text) -> Text {
        if value.has_secret() {
            self.draft.entry(step.id()).unsupported("a secret cannot stand there");
            return Text::literal("***");
        }
        value
    }
}

/// Any JSON as JavaScript that holds nothing that is read as a reference.
pub(super) fn js_value(value: &Value) -> String {
    match value {
        Value::String(text) => js::string(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(js_value).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", js::string(name), js_value(value)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
