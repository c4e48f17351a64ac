//! JSON as CEL reads it, and what CEL gives as JSON.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cel::common::ast::{CallExpr, Expr, IdedExpr};
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString, CelUInt, DYN_TYPE,
};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};
use serde_json::{Map, Number, Value};

use super::parts;
use crate::kind::NodeError;
use crate::run::budget::within_budget;
use crate::weight::Weight;

/// Gives the names of an object in order, and a list as it is. Authors cannot write an `@`.
const IN_ORDER: &str = "@in_order";
/// What a field of an object takes beside its name and its value.
const FIELD: Weight = Weight { json: 2, memory: 120 };

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(IN_ORDER, IN_ORDER, vec![DYN_TYPE], names_in_order)
}

/// Returns the expression with macros that take the names of an object in order. CEL takes them as
/// they lie in memory, which differs between two computations of the same run.
pub(super) fn in_order(expression: &IdedExpr) -> IdedExpr {
    let mut expression = expression.clone();
    parts::for_each(&mut expression, &mut |part| {
        if let Expr::Comprehension(list) = part {
            let range = std::mem::take(&mut list.iter_range);
            let id = range.id;
            let call = CallExpr { func_name: IN_ORDER.to_owned(), target: None, args: vec![range] };
            list.iter_range = IdedExpr { id, expr: Expr::Call(call) };
        }
    });
    expression
}

fn names_in_order<'b, 'v>(
    mut arguments: Vec<CowVal<'b, 'v>>,
) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let range = arguments.pop().ok_or_else(|| ExecutionError::invalid_argument_count(1, 0))?;
    let Some(object) = range.downcast_ref::<CelMap<'_>>() else { return Ok(range) };
    let names: Result<Vec<String>, String> = object.inner().keys().map(name_of).collect();
    let mut names = names.map_err(|why| ExecutionError::function_error(IN_ORDER, why))?;
    names.sort_unstable();
    let name = |name: String| Box::new(CelString::from(name)) as Box<dyn Val>;
    let names: Vec<Box<dyn Val>> = names.into_iter().map(name).collect();
    Ok(CowVal::owned(CelList::from(names)))
}

fn name_of(key: &CelMapKey<'_>) -> Result<String, String> {
    match key {
        CelMapKey::String(name) => Ok(name.inner().to_owned()),
        _ => Err("an object with a name that is no text".to_owned()),
    }
}

/// The number of values in a value, itself included.
pub(super) fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

pub(super) fn to_val(value: &Value) -> Result<Box<dyn Val>, ExecutionError> {
    Box::<dyn Val>::try_from(to_cel(value))
}

/// Whole numbers become integers however they are written: CEL has no arithmetic between integers
/// and doubles.
fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => {
            match (number.as_i64(), number.as_u64(), number.as_f64().unwrap_or(f64::NAN)) {
                (Some(whole), _, _) => cel::Value::Int(whole),
                (None, Some(large), _) => cel::Value::UInt(large),
                (None, None, double) if is_whole(double) => cel::Value::Int(double as i64),
                (None, None, double) => cel::Value::Float(double),
            }
        }
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| (name.clone(), to_cel(field)));
            cel::Value::from(fields.collect::<HashMap<String, cel::Value>>())
        }
    }
}

/// Beyond this, a double is not exactly one whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

fn is_whole(double: f64) -> bool {
    double.fract() == 0.0 && double.abs() <= EXACT
}

/// What the values made so far weigh. Each part is counted before it is made.
#[derive(Debug, Default)]
pub(crate) struct Counted(Weight);

#[derive(Debug)]
pub(super) enum Unfit {
    TooLarge(NodeError),
    /// What was given instead.
    NoJson(String),
}

impl Counted {
    pub(crate) fn add(&mut self, weight: Weight) -> Result<(), NodeError> {
        self.0 = self.0 + weight;
        within_budget(self.0)
    }

    /// Returns what an expression gave as JSON. The fields of objects are in the order of their
    /// names: CEL keeps none.
    pub(super) fn json(&mut self, given: &dyn Val) -> Result<Value, Unfit> {
        if let Some(text) = given.downcast_ref::<CelString<'_>>() {
            self.add(Weight::of_text(text.inner())).map_err(Unfit::TooLarge)?;
            return Ok(Value::String(text.inner().to_owned()));
        }
        if let Some(list) = given.downcast_ref::<CelList<'_>>() {
            self.count(Weight { json: 2, memory: 72 })?;
            return list.inner().iter().map(|item| self.json(item.as_ref())).collect();
        }
        if let Some(object) = given.downcast_ref::<CelMap<'_>>() {
            return self.object(object);
        }
        let scalar = scalar(given).ok_or_else(|| {
            Unfit::NoJson(format!("a value of the type {}", given.get_type().name()))
        })?;
        self.count(Weight::of(&scalar))?;
        Ok(scalar)
    }

    fn object(&mut self, object: &CelMap<'_>) -> Result<Value, Unfit> {
        self.count(FIELD)?;
        let fields = object.inner().iter().map(|(key, field)| Ok((name_of(key)?, field.as_ref())));
        let fields: BTreeMap<String, _> =
            fields.collect::<Result<_, _>>().map_err(Unfit::NoJson)?;
        let field = |(name, field): (String, &dyn Val)| {
            self.count(FIELD + Weight::of_text(&name))?;
            Ok((name, self.json(field)?))
        };
        let fields: Result<Map<String, Value>, Unfit> = fields.into_iter().map(field).collect();
        fields.map(Value::Object)
    }

    fn count(&mut self, weight: Weight) -> Result<(), Unfit> {
        self.add(weight).map_err(Unfit::TooLarge)
    }
}

fn scalar(given: &dyn Val) -> Option<Value> {
    if let Some(int) = given.downcast_ref::<CelInt>() {
        return Some((*int.inner()).into());
    }
    if let Some(uint) = given.downcast_ref::<CelUInt>() {
        return Some((*uint.inner()).into());
    }
    if let Some(double) = given.downcast_ref::<CelDouble>() {
        return number(*double.inner());
    }
    if let Some(truth) = given.downcast_ref::<CelBool>() {
        return Some((*truth.inner()).into());
    }
    given.downcast_ref::<CelNull>().map(|_| Value::Null)
}

/// `None` for what is no number.
fn number(double: f64) -> Option<Value> {
    if is_whole(double) {
        return Some((double as i64).into());
    }
    Number::from_f64(double).map(Value::Number)
}
