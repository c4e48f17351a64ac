//! `random`: a number, a choice or an id, the same when a run is computed again.

use std::sync::Arc;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::{
    Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType, Plan, Role,
    Touches,
};
use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Template;
use crate::field::{FieldSpec, FieldType};
use crate::run::hex;

const WHAT: &[&str] = &["number", "choice", "uuid"];
/// Whole numbers that every reader of JSON can take.
const MAX_WHOLE: f64 = 9_007_199_254_740_991.0;

const NUMBER: FieldSpec = FieldSpec::new(
    "number",
    FieldType::Any,
    "`{ min, max }`: a whole number from `min` to `max`, both included",
)
.one_of(WHAT);
const CHOICE: FieldSpec =
    FieldSpec::new("choice", FieldType::Each, "a list, or a reference to one: one of its items")
        .one_of(WHAT);
const UUID: FieldSpec =
    FieldSpec::new("uuid", FieldType::Boolean, "`true`: a random UUID (version 4)").one_of(WHAT);

const FIELDS: &[FieldSpec] = &[NUMBER, CHOICE, UUID];

const DETAILS: &str = "\
The value follows from the run and the node's place in it: a run that continues after a crash
gets the same one, and each iteration of a loop another one. It is no secret: do not use it as a
key or a password.

```yaml
- { id: greeting, type: random, choice: [Hello, Hi, Good day] }
- { id: ticket, type: random, uuid: true }
```";

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "random".into(),
        summary: "Gives a random number, one of several items, or a UUID.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::Only(vec![OutputField::new("value", OutputType::Any).nullable()])
        },
        call: None,
        role: Role::Step,
        operation: None,
        group: Group::Data,
        touches: Touches::Text(&["/number", "/choice"]),
        example: "{ id: dice, type: random, number: { min: 1, max: 6 } }".into(),
        read: Arc::new(|fields| Box::new(Random::read(fields))),
    }
}

#[derive(Debug)]
enum Random {
    Number(Template),
    Choice(Template),
    Uuid,
}

impl Random {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        if fields.boolean(&UUID) == Some(false) {
            fields.error(&UUID.name, "`uuid` can only be true");
        }
        let (number, choice) = (fields.template(&NUMBER), fields.template(&CHOICE));
        match (number, choice) {
            (Some(number), _) => Self::Number(number),
            (None, Some(choice)) => Self::Choice(choice),
            (None, None) => Self::Uuid,
        }
    }
}

impl Node for Random {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        let bytes = Sha256::digest(scope.seed());
        let value = match self {
            Self::Number(bounds) => number(&bounds.render(scope)?, below(&bytes))?,
            Self::Choice(list) => choice(list.render(scope)?, below(&bytes))?,
            Self::Uuid => uuid(&bytes).into(),
        };
        Ok(Plan::done(Value::Object(Map::from_iter([("value".to_owned(), value)]))))
    }
}

/// Returns a function that gives a number below a bound. With bounds of 53 bits, and 128 bits to
/// divide, no number is noticeably likelier than another.
fn below(bytes: &[u8]) -> impl Fn(u64) -> u64 {
    let random = bytes[..16].iter().fold(0u128, |number, byte| number << 8 | u128::from(*byte));
    move |bound| {
        let below = random % u128::from(bound);
        u64::try_from(below).unwrap_or(0)
    }
}

fn number(bounds: &Value, below: impl Fn(u64) -> u64) -> Result<Value, NodeError> {
    let whole = |name: &str| {
        let number = bounds.get(name)?.as_f64()?;
        #[expect(clippy::cast_possible_truncation, reason = "it is whole, and within bounds")]
        (number.fract() == 0.0 && number.abs() <= MAX_WHOLE).then_some(number as i64)
    };
    let (Some(min), Some(max)) = (whole("min"), whole("max")) else {
        let message = "`number` needs `min` and `max`, whole numbers up to 9007199254740991";
        return Err(NodeError::new("invalid_field", message));
    };
    match u64::try_from(max - min) {
        Ok(span) => Ok((min + i64::try_from(below(span + 1)).unwrap_or(0)).into()),
        Err(_) => Err(NodeError::new("invalid_field", "`number`: `max` is less than `min`")),
    }
}

fn choice(list: Value, below: impl Fn(u64) -> u64) -> Result<Value, NodeError> {
    let Value::Array(mut items) = list else {
        return Err(NodeError::new("not_a_list", "`choice` must be a list"));
    };
    if items.is_empty() {
        return Err(NodeError::new("empty_list", "`choice` has no item"));
    }
    let chosen = usize::try_from(below(items.len() as u64)).unwrap_or(0);
    Ok(items.swap_remove(chosen))
}

fn uuid(bytes: &[u8]) -> String {
    let mut bytes = bytes[..16].to_vec();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let digits = hex(&bytes);
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::run::tests::{compile, drive, error, output, output_of, start};
    use crate::run::{Run, RunStart};

    fn many(what: &Value) -> String {
        let nodes = [json!({ "id": "x", "type": "random", "u": 0 })];
        let mut node = nodes[0].clone();
        node.as_object_mut().unwrap().remove("u");
        node.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        json!({ "nodes": [{
            "id": "l", "type": "loop", "for": 600, "nodes": [node], "result": "<x.value>"
        }] })
        .to_string()
    }

    fn counts(what: Value) -> BTreeMap<String, usize> {
        let given = output(&many(&what), json!({"l": ["a", "b", "c"]}));
        let mut counts = BTreeMap::new();
        for value in given["results"].as_array().unwrap() {
            *counts.entry(value.to_string()).or_default() += 1;
        }
        counts
    }

    #[test]
    fn values_are_spread() {
        let dice = counts(json!({"number": {"min": -2, "max": 3}}));
        assert_eq!(dice.keys().collect::<Vec<_>>(), ["-1", "-2", "0", "1", "2", "3"]);
        assert!(dice.values().all(|count| (60..150).contains(count)), "{dice:?}");
        assert_eq!(counts(json!({"number": {"min": 7, "max": 7}})).len(), 1);
        const MOST: i64 = 9_007_199_254_740_991;
        let wide = json!({"number": {"min": -MOST, "max": MOST}});
        assert_eq!(counts(wide).len(), 600);
        let choice = counts(json!({"choice": "<api.input.l>"}));
        assert_eq!(choice.len(), 3);
        assert!(choice.values().all(|count| (150..250).contains(count)), "{choice:?}");
        let uuids = counts(json!({"uuid": true}));
        assert_eq!(uuids.len(), 600);
        for uuid in uuids.keys() {
            let uuid = uuid.trim_matches('"');
            let variant = &uuid[19..20];
            assert!(uuid.len() == 36 && &uuid[14..15] == "4" && "89ab".contains(variant), "{uuid}");
        }
    }

    #[test]
    fn a_run_gets_the_same_again_and_another_run_does_not() {
        let yaml = many(&json!({"uuid": true}));
        let with_id = |run_id: &str| {
            let start = RunStart {
                run_id: run_id.into(),
                started_at_ms: 1,
                input: Arc::new(json!({})),
                engine: crate::ENGINE,
                spending_limit: crate::SpendingLimit::default(),
            };
            let mut run = Run::new(compile(&yaml), start);
            drive(&mut run, |_, _| unreachable!());
            output_of(&run).unwrap()
        };
        assert_eq!(with_id("run_a"), with_id("run_a"));
        assert_ne!(with_id("run_a"), with_id("run_b"));
        let mut run = start(&compile(&yaml), json!({}));
        drive(&mut run, |_, _| unreachable!());
        assert_eq!(output_of(&run).unwrap(), with_id("run_1"));
    }

    #[test]
    fn failures_have_codes() {
        for (what, code) in [
            (json!({"number": {"min": 2, "max": 1}}), "invalid_field"),
            (json!({"number": {"min": 0.5, "max": 1}}), "invalid_field"),
            (json!({"number": {"min": 0, "max": 1e300}}), "invalid_field"),
            (json!({"number": "<api.input.l>"}), "invalid_field"),
            (json!({"choice": "<api.input.gone>"}), "not_a_list"),
            (json!({"choice": []}), "empty_list"),
        ] {
            assert_eq!(error(&many(&what), json!({"l": [1]})).code, code, "{what}");
        }
    }
}
