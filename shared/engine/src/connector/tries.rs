//! What an operation is tried with: fields of a node, canned answers with the requests that they
//! answer, and what the node leaves. Test and example in one.

use serde_json::{Map, Value};

use super::read::{Reader, at, given};

const MAX_TRIES: usize = 20;

#[derive(Debug)]
#[cfg_attr(not(test), expect(dead_code, reason = "a test runs every try"))]
pub(super) struct Try {
    /// The fields of a node.
    pub(super) with: Map<String, Value>,
    /// `{request, answer}`: the request is compared with what is given of it.
    pub(super) calls: Vec<Value>,
    /// What the node leaves; `None`: not compared.
    pub(super) leaves: Option<Value>,
    /// The code of the node's failure.
    pub(super) fails: Option<String>,
}

/// Reads one try, or a list of them.
pub(super) fn read(reader: &mut Reader, object: &Map<String, Value>, path: &str) -> Vec<Try> {
    let path = at(path, "try");
    match given(object, "try") {
        None => Vec::new(),
        Some(Value::Array(list)) => {
            let list = list.iter().take(MAX_TRIES).enumerate();
            list.filter_map(|(index, it)| read_try(reader, it, &format!("{path}/{index}")))
                .collect()
        }
        Some(one) => read_try(reader, one, &path).into_iter().collect(),
    }
}

fn read_try(reader: &mut Reader, value: &Value, path: &str) -> Option<Try> {
    let Value::Object(object) = value else {
        reader.error(path, "a try is an object with `with`, `calls` and `leaves`");
        return None;
    };
    reader.known(object, path, &["with", "calls", "leaves", "fails"]);
    let calls = reader.list(object, path, "calls").to_vec();
    for (index, call) in calls.iter().enumerate() {
        let path = format!("{}/{index}", at(path, "calls"));
        let Value::Object(call) = call else {
            reader.error(&path, "a call is an object with `request` and `answer`");
            continue;
        };
        reader.known(call, &path, &["request", "answer"]);
        if let Some(answer) = reader.object(call, &path, "answer") {
            reader.known(answer, &at(&path, "answer"), &["status", "headers", "body"]);
        }
    }
    Some(Try {
        with: reader.object(object, path, "with").cloned().unwrap_or_default(),
        calls,
        leaves: given(object, "leaves").cloned(),
        fails: reader.text(object, path, "fails").map(str::to_owned),
    })
}
