//! Parts of a provider's message, kept as they came until the turn goes back.

use flowgate_engine::call::CallError;
use serde_json::Value;

use super::parse;
use crate::model::reply::Draft;

/// The parts as JSON text: as values, small ones take many times the bytes that they count.
#[derive(Default)]
pub(super) struct Kept(String);

impl Kept {
    pub(super) fn push(&mut self, part: &Value, draft: &mut Draft) -> Result<(), CallError> {
        draft.hold(flowgate_engine::json::size(part) + 1)?;
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&part.to_string());
        Ok(())
    }

    /// Returns the parts as a list. `None` if they hold more values than one text may: the turn is
    /// then rebuilt from its content and calls.
    pub(super) fn take(&mut self) -> Option<Value> {
        parse(&format!("[{}]", std::mem::take(&mut self.0))).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parts_come_back_as_they_were() {
        let parts = [json!({ "text": "a,b]\n", "sign": "x==" }), json!({ "args": { "n": 1.50 } })];
        let (mut kept, mut draft) = (Kept::default(), Draft::new(1_000));
        parts.iter().try_for_each(|part| kept.push(part, &mut draft)).unwrap();
        assert_eq!(kept.take(), Some(json!(parts)));
        assert_eq!(kept.take(), Some(json!([])));
    }

    #[test]
    fn parts_are_counted_and_bounded() {
        let part = json!({ "text": "x".repeat(90) });
        let (mut kept, mut draft) = (Kept::default(), Draft::new(150));
        kept.push(&part, &mut draft).unwrap();
        assert_eq!(kept.push(&part, &mut draft).unwrap_err().code, "value_too_large");
        let (mut kept, mut draft) = (Kept::default(), Draft::new(1 << 20));
        for _ in 0..flowgate_engine::json::MAX_VALUES {
            kept.push(&json!({}), &mut draft).unwrap();
        }
        assert_eq!(kept.take(), None);
    }
}
