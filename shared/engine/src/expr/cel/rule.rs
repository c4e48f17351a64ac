//! Expressions of connectors: over named values instead of references, for a vendor's answer or a
//! step's condition.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Context;
use cel::common::ast::IdedExpr;
use cel::common::types::CelBool;
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use serde_json::Value;

use super::check::Checker;
use super::{Allowance, Costs, Counted, ENV, MAX_EXPRESSION, VALUE_COST, numbers, reasons, value};
use crate::problem::Severity;
use crate::weight::Weight;

/// One expression over named values. Compared by its text.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) text: String,
    expression: IdedExpr,
    macro_steps: usize,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Rule {
    /// Compiles an expression in which the names stand for values. The error is for people.
    pub(crate) fn compile(text: &str, names: &[&str]) -> Result<Self, String> {
        if text.chars().count() > MAX_EXPRESSION {
            return Err(format!("an expression has at most {MAX_EXPRESSION} characters"));
        }
        let program = ENV
            .compile(text)
            .map_err(|errors| format!("this is not a CEL expression: {}", reasons(&errors)))?;
        let mut costs = Costs::default();
        if let Some(reason) = costs.count(&program.expression().expr, 0) {
            return Err(reason.to_owned());
        }
        let found = Checker::check(program.expression(), &HashMap::new(), names, false);
        if let Some((_, message)) = found.into_iter().find(|(it, _)| *it == Severity::Error) {
            return Err(message);
        }
        let expression = value::in_order(&numbers::with_numbers(program.expression()));
        Ok(Self { text: text.to_owned(), expression, macro_steps: costs.macro_steps })
    }

    /// Returns whether it gives true. What cannot be evaluated does not hold.
    pub(crate) fn holds(&self, values: &[(&str, &Value)]) -> bool {
        self.evaluate(values, |given| {
            given.downcast_ref::<CelBool>().is_some_and(|truth| *truth.inner())
        })
        .unwrap_or(false)
    }

    /// Returns what it gives as JSON; `None` for what cannot be evaluated or is too large.
    pub(crate) fn value(&self, values: &[(&str, &Value)]) -> Option<Value> {
        self.evaluate(values, |given| Counted::default().json(given).ok()).flatten()
    }

    fn evaluate<T>(
        &self,
        values: &[(&str, &Value)],
        take: impl FnOnce(&dyn Val) -> T,
    ) -> Option<T> {
        let allowance = Allowance::new();
        let mut named = Vec::new();
        for (name, json) in values.iter().filter(|(name, _)| self.text.contains(name)) {
            let cost = Weight::of(json).json
                + (VALUE_COST + super::STEP_COST * self.macro_steps) * value::count(json);
            named.push((*name, value::to_val(json).ok()?, cost));
        }
        let named = Named { values: named, allowance };
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.set_variable_resolver(&named);
        cel::Value::resolve_val(&self.expression, &context).ok().map(|given| take(given.as_ref()))
    }
}

struct Named<'v> {
    values: Vec<(&'v str, Box<dyn Val>, usize)>,
    allowance: Allowance,
}

impl VariableResolver for Named<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let (_, value, cost) = self.values.iter().find(|(name, ..)| *name == variable)?;
        self.allowance.take(*cost).then_some(CowVal::Borrowed(value.as_ref()))
    }
}
