//! Settings that are written as a number, or as a reference to one.

use serde_json::Value;

use crate::compile::fields::Fields;
use crate::expr::scope::Scope;
use crate::expr::template::Text;
use crate::field::FieldSpec;
use crate::kind::NodeError;

#[derive(Debug)]
pub(super) enum Setting<T> {
    Fixed(T),
    Referenced(Text),
}

pub(super) fn number(fields: &mut Fields<'_, '_>, spec: &FieldSpec) -> Option<Setting<f64>> {
    setting(fields, spec, Value::as_f64)
}

pub(super) fn integer(fields: &mut Fields<'_, '_>, spec: &FieldSpec) -> Option<Setting<u64>> {
    setting(fields, spec, Value::as_u64)
}

fn setting<T>(
    fields: &mut Fields<'_, '_>,
    spec: &FieldSpec,
    fixed: fn(&Value) -> Option<T>,
) -> Option<Setting<T>> {
    let written = fields.get(spec)?;
    if let Some(fixed) = fixed(written) {
        return Some(Setting::Fixed(fixed));
    }
    let text = fields.text(spec)?;
    if text.single().is_none() {
        fields.error(&spec.name, format!("`{}` needs a number, or one reference to it", spec.name));
        return None;
    }
    Some(Setting::Referenced(text))
}

/// Returns the setting's value. `None`: the provider's default. So does a reference to null.
pub(super) fn read<T: Number>(
    setting: Option<&Setting<T>>,
    spec: &FieldSpec,
    scope: &Scope<'_>,
) -> Result<Option<T>, NodeError> {
    let text = match setting {
        None => return Ok(None),
        Some(Setting::Fixed(value)) => return Ok(Some(*value)),
        Some(Setting::Referenced(text)) => text,
    };
    let value = match text.render(scope)? {
        Value::Null => return Ok(None),
        // Callers' forms send numbers as text.
        Value::String(text) => text.trim().parse().map(Value::Number).unwrap_or_default(),
        value => value,
    };
    let fits = |number: &T| spec.field_type.misfit(&(*number).into()).is_none();
    match T::of(&value).filter(fits) {
        Some(number) => Ok(Some(number)),
        None => {
            let expected = spec.field_type.expected(&value);
            Err(NodeError::new("invalid_field", format!("`{}` {expected}", spec.name)))
        }
    }
}

pub(super) trait Number: Copy + Into<Value> {
    fn of(value: &Value) -> Option<Self>;
}

impl Number for f64 {
    fn of(value: &Value) -> Option<Self> {
        value.as_f64()
    }
}

impl Number for u64 {
    fn of(value: &Value) -> Option<Self> {
        // A caller's 5.0 is 5.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is whole")]
        let whole = |number: f64| (number >= 0.0 && number.fract() == 0.0).then_some(number as u64);
        value.as_u64().or_else(|| value.as_f64().and_then(whole))
    }
}
