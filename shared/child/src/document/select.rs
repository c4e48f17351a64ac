//! What CSS selectors find in HTML.

use flowgate_child_protocol::Selector as Asked;
use scraper::{ElementRef, Selector};
use serde_json::{Map, Value};

use super::{Read, Unreadable, html};

/// Returns an object with a field for each selector.
pub(super) fn all(html: &str, asked: &[Asked]) -> Read<Value> {
    let (mut selectors, mut wrong) = (Vec::new(), Vec::new());
    for one in asked {
        match Selector::parse(&one.selector) {
            Ok(selector) => selectors.push((one, selector)),
            Err(_) => wrong.push(format!("`{}`: {}", one.name, one.selector)),
        }
    }
    if !wrong.is_empty() {
        let message = format!("not a CSS selector: {}", wrong.join("; "));
        return Err(Unreadable::new("invalid_selector", message));
    }
    let tree = html::parse(html)?;
    let fields = selectors.iter().map(|(asked, selector)| {
        let mut found = tree.select(selector).map(|element| value_of(asked, element));
        let value = match asked.all {
            true => found.filter(|value| !value.is_null()).collect(),
            false => found.next().unwrap_or_default(),
        };
        (asked.name.clone(), value)
    });
    Ok(Value::Object(fields.collect::<Map<_, _>>()))
}

fn value_of(asked: &Asked, element: ElementRef<'_>) -> Value {
    match &asked.attribute {
        Some(name) => element.attr(name).map_or(Value::Null, Value::from),
        None if asked.html => element.inner_html().into(),
        None => html::words(&element.text().collect::<String>()).into(),
    }
}
