//! What a workflow answers where the file has no node that responds: the items of its last node.

use serde_json::Value;

use super::expression::Step as PathStep;
use super::flow::{Flow, Here, Out};
use super::items::{Item, Items};
use crate::draft::{Branch, Node};
use crate::json::{fields, filled, number, text};
use crate::text::{Part, Text};

/// Whose caller waits for the last node.
struct Asked<'g> {
    by: usize,
    /// The caller gets a list.
    takes_all: bool,
    /// The caller gets this field of the item.
    property: Option<&'g str>,
    status: Option<f64>,
}

impl<'g> Flow<'_, '_, 'g> {
    /// Adds the answer; returns whether it is a list.
    pub(super) fn answer(&mut self, starts: &[usize]) -> bool {
        let Some(asked) = starts.iter().find_map(|at| self.asked_by(*at)) else { return false };
        let ends = self.ends();
        if ends.is_empty() {
            return false;
        }
        self.here = Here { at: asked.by, id: "answer".to_owned(), ..Here::default() };
        let outs: Vec<Out> =
            ends.iter().map(|at| self.see(*at, self.last_output(*at), None)).collect();
        let last = match outs.as_slice() {
            [out] => out.clone(),
            outs => self.last_of(outs),
        };
        self.add_answer(&asked, &last);
        last.items.many
    }

    fn asked_by(&self, at: usize) -> Option<Asked<'g>> {
        let step = self.step(at);
        let parameters = step.parameters;
        let options = fields(parameters.get("options"));
        let mode = filled(parameters.get("responseMode")).unwrap_or_default();
        let data = text(parameters.get("responseData"));
        let waits = match step.kind.as_str() {
            "webhook" => {
                mode == "lastNode" && !matches!(data.as_str(), "noData" | "firstEntryBinary")
            }
            "chatTrigger" | "manualChatTrigger" => !mode.starts_with("response"),
            "executeWorkflowTrigger" => true,
            _ => false,
        };
        let status = options.get("responseCode").or(parameters.get("responseCode"));
        waits.then(|| Asked {
            by: at,
            takes_all: step.kind == "executeWorkflowTrigger" || data == "allEntries",
            property: filled(options.get("responsePropertyName")),
            status: number(status),
        })
    }

    /// The steps behind which nothing comes, in the order in which n8n runs them.
    fn ends(&self) -> Vec<usize> {
        let leads_on = |at: usize| {
            let own = self.graph.lines.iter().filter(|line| line.from == at);
            own.filter(|line| line.output == self.last_output(at))
                .any(|line| self.made.contains_key(&line.to))
        };
        let ends = self.order.steps.iter().copied();
        ends.filter(|at| self.made.contains_key(at) && !leads_on(*at)).collect()
    }

    /// The output that a step fills last: of a loop over items, the one for what came back.
    fn last_output(&self, at: usize) -> usize {
        let step = self.step(at);
        usize::from(step.kind == "splitInBatches" && step.version < 3.0)
    }

    /// The items of the last step that ran.
    fn last_of(&mut self, outs: &[Out]) -> Out {
        let many = outs.iter().any(|out| out.items.many);
        let mut code = Text::literal("return [");
        for out in outs {
            let item = self.gated(out, None);
            let item = if many { item.listed(out.items.many) } else { item.code() };
            code.append(item);
            code.push(Part::Literal(", ".to_owned()));
        }
        code.push(Part::Literal(match many {
            true => "].findLast(list => list.length > 0) ?? []".to_owned(),
            false => "].findLast(item => item !== null) ?? null".to_owned(),
        }));
        let after: Vec<_> = outs.iter().flat_map(|out| out.after.clone()).collect();
        let id = self.helper_function("item", &code, None, &after);
        let items = Items { item: Item::of(&id, "result"), many, ..Items::default() };
        Out { items, after: vec![(id, Branch::Success)] }
    }

    fn add_answer(&mut self, asked: &Asked<'_>, last: &Out) {
        let item = match (last.items.many, asked.takes_all) {
            (true, false) => last.items.item.at(&[PathStep::Item(0)]),
            _ => last.items.item.clone(),
        };
        let item = match asked.property {
            Some(name) => item
                .at(&name.split('.').map(|part| PathStep::Field(part.into())).collect::<Vec<_>>()),
            None => item,
        };
        let is_webhook = self.step(asked.by).kind == "webhook";
        let data = match item.json() {
            one if asked.takes_all && is_webhook && !last.items.many => Value::Array(vec![one]),
            data => data,
        };
        let id = self.draft.ids.fresh("answer");
        let status = asked.status.filter(|of| (200.0..600.0).contains(of)).map(|of| of as u64);
        let node = Node::new(id, "response").with("data", data).with_some("status", status);
        self.place(node, None, &last.after);
    }
}
