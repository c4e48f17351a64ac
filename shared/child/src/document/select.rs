//! What CSS selectors find in HTML.

use flowgate_child_protocol::Selector as Asked;
use serde_json::{Map, Value};

use super::css::Selector;
use super::tree::Tree;
use super::{Read, Unreadable, html};

/// Returns an object with a field for each selector.
pub(super) fn all(html: &str, asked: &[Asked]) -> Read<Value> {
    let (mut selectors, mut wrong) = (Vec::new(), Vec::new());
    for one in asked {
        match Selector::parse(&one.selector) {
            Some(selector) => selectors.push((one, selector)),
            None => wrong.push(format!("`{}`: {}", one.name, one.selector)),
        }
    }
    if !wrong.is_empty() {
        let message = format!("not a CSS selector: {}", wrong.join("; "));
        return Err(Unreadable::new("invalid_selector", message));
    }
    let tree = Tree::parse(html)?;
    let fields = selectors.iter().map(|(asked, selector)| {
        let found = tree.elements().filter(|at| selector.matches(&tree, *at));
        let mut found = found.map(|at| value_of(asked, &tree, at));
        let value = match asked.all {
            true => found.filter(|value| !value.is_null()).collect(),
            false => found.next().unwrap_or_default(),
        };
        (asked.name.clone(), value)
    });
    Ok(Value::Object(fields.collect::<Map<_, _>>()))
}

fn value_of(asked: &Asked, tree: &Tree, at: usize) -> Value {
    match &asked.attribute {
        Some(name) => {
            let name = name.to_ascii_lowercase();
            let value = tree.element(at).and_then(|element| element.attribute(&name));
            value.map_or(Value::Null, Value::from)
        }
        None if asked.html => tree.html(at).into(),
        None => html::words(&tree.text(at)).into(),
    }
}
