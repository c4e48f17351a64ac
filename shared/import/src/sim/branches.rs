//! Conditions and routers, and which of their branches an edge follows.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::block::Block;
use super::{Edge, Flow};
use crate::draft::{Branch, Node};
use crate::ids::slug;
use crate::js;
use crate::json::text;
use crate::text::{Part, Text};

/// A condition or a router of ours has no more.
const MAX_BRANCHES: usize = 100;

/// The handles of a block that knows which it has.
pub(super) fn handles(block: &Block<'_>) -> Option<HashSet<String>> {
    let (list, prefix) = match block.kind() {
        "condition" => ("conditions", "condition"),
        "router_v2" => ("routes", "router"),
        _ => return None,
    };
    let branches = block.list(list);
    let handle = |branch: &Value| format!("{prefix}-{}", text(branch.get("id")));
    (!branches.is_empty()).then(|| branches.iter().map(handle).collect())
}

impl Flow<'_, '_> {
    /// JavaScript decides, in a function before the condition: it knows null, which a condition of
    /// ours refuses to compare.
    pub(super) fn condition(&mut self, at: usize, id: &str) -> Option<Node> {
        let block = &self.blocks[at];
        let mut code = Text::default();
        let mut branches = Vec::new();
        let test = self.draft.ids.fresh(&format!("{}_test", slug(&block.origin.name)));
        let conditions = block.list("conditions");
        if conditions.len() > MAX_BRANCHES {
            return Some(self.stub(at, id, "it has too many conditions"));
        }
        for condition in conditions {
            let title = text(condition.get("title"));
            let name = self.branch_name(at, &branches, &title, "branch");
            let handle = format!("condition-{}", text(condition.get("id")));
            self.branches.insert((at, handle), name.clone());
            let literal = |code: &mut Text, part: String| code.push(Part::Literal(part));
            if title == "else" {
                literal(&mut code, format!("return {}\n", js::string(&name)));
            } else {
                let written = text(condition.get("value"));
                literal(&mut code, "if (".to_owned());
                let written = if written.trim().is_empty() { "false" } else { &*written };
                code.append(self.read(at, written, false));
                literal(&mut code, format!("\n) return {}\n", js::string(&name)));
            }
            let is_taken = format!("<{test}.result> == {}", Value::from(name.as_str()));
            branches.push(json!({ "name": name, "if": is_taken }));
        }
        if branches.is_empty() {
            return Some(self.stub(at, id, "it has no conditions"));
        }
        code.push(Part::Literal("return null".to_owned()));
        let code = self.draft.javascript(&code);
        let function = Node::new(&test, "function")
            .with("description", "Which branch is taken")
            .with("code", code);
        let container = self.container(at);
        self.draft.add(self.blocks[at].id, function.inside(container.as_deref()));
        self.entrances.insert(at, test);
        Some(Node::new(id, "condition").with("branches", branches))
    }

    fn branch_name(&self, at: usize, taken: &[Value], title: &str, other: &str) -> String {
        let base = if title.trim().is_empty() { other.to_owned() } else { slug(title) };
        let base = if matches!(&*base, "error" | "node") { other.to_owned() } else { base };
        let is_taken = |name: &String| {
            taken.iter().any(|branch| branch["name"] == name.as_str())
                || self.branches.iter().any(|((of, _), known)| *of == at && known == name)
        };
        let numbered = (2..).map(|n| format!("{base}_{n}"));
        let mut names = std::iter::once(base.clone()).chain(numbered);
        names.find(|name| !is_taken(name)).unwrap_or(base)
    }

    /// The routes of the older router are the blocks that it leads to.
    pub(super) fn router(&mut self, at: usize, id: &str) -> Option<Node> {
        let mut routes = Vec::new();
        let written = self.routes(at);
        if written.len() > MAX_BRANCHES {
            return Some(self.stub(at, id, "it has too many routes"));
        }
        for (handle, title, description) in written {
            let name = self.branch_name(at, &routes, &title, "route");
            self.branches.insert((at, handle), name.clone());
            let description = if description.trim().is_empty() { title } else { description };
            routes.push(json!({ "name": name, "description": description }));
        }
        if routes.is_empty() {
            return Some(self.stub(at, id, "it has no routes"));
        }
        let prompt = self.plain_text(at, &["context", "prompt"]);
        let prompt = self.draft.text(&prompt);
        let node = Node::new(id, "router").with("prompt", prompt).with("routes", routes);
        Some(self.with_model(at, node))
    }

    fn routes(&self, at: usize) -> Vec<(String, String, String)> {
        let block = &self.blocks[at];
        if block.kind() == "router_v2" {
            let routes = block.list("routes").into_iter().map(|route| {
                let field = |name: &str| text(route.get(name));
                (format!("router-{}", field("id")), field("title"), field("value"))
            });
            return routes.collect();
        }
        let out = self.edges.iter().filter(|edge| edge.from == at && edge.handle != "error");
        let targets = out.map(|edge| {
            let target = &self.blocks[edge.to];
            let about = format!("{} ({})", target.origin.name, target.kind());
            (format!("router-target-{}", edge.to), target.origin.name.clone(), about)
        });
        targets.collect()
    }

    /// Which branch of its block an edge follows.
    pub(super) fn branch(&self, edge: &Edge<'_>) -> Branch {
        if edge.handle == "error" {
            return Branch::Error;
        }
        let target = format!("router-target-{}", edge.to);
        let named = [edge.handle.to_owned(), target].into_iter();
        let found = named.filter_map(|handle| self.branches.get(&(edge.from, handle))).next();
        found.map_or(Branch::Success, |name| Branch::Named(name.clone()))
    }
}
