//! Expressions in CEL: pure, with references as variables, and bounded in what they read.

mod check;
mod numbers;
mod parts;
mod rule;
mod value;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr};
use cel::common::types::{CelBool, CelInt, CelString, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, Program};
use serde_json::Value;

use super::code::Code;
use super::scope::Scope;
use super::template::Reference;
use crate::compile::fields::Fields;
use crate::field::FieldSpec;
use crate::kind::NodeError;
use crate::pattern;
use crate::problem::{Severity, shortened};
use crate::weight::Weight;
use check::{Checker, Variable};
pub(crate) use rule::Rule;
pub(crate) use value::Counted;

const MAX_EXPRESSION: usize = 2_000;
const MAX_MACROS_DEEP: usize = 2;
/// What one node may read, over all its expressions: bytes of values, each time that one is read.
const MAX_READ: usize = 64 << 20;
/// Extra cost of each value, however small it is.
const VALUE_COST: usize = 16;
/// Extra cost of each value for each step of a macro: it takes a round of the macro.
const STEP_COST: usize = 2;
/// Extra cost of an evaluation for one item, however little it reads.
const EVALUATION_COST: usize = 256;
/// Each compiles its pattern and may take a tenth of a second.
pub(crate) const MAX_MATCHES: usize = 20;
const MAX_NULLS_NAMED: usize = 5;

/// The standard functions, built once. `matches` is ours: a caller's pattern must end in time.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib();
    let arguments = || vec![STRING_TYPE, STRING_TYPE];
    env.add_overload("matches", "matches", arguments(), matches)
        .and_then(|()| {
            let id = "string.matches(string)";
            env.add_member_overload("matches", id, STRING_TYPE, vec![STRING_TYPE], matches)
        })
        .and_then(|()| numbers::declare(&mut env))
        .and_then(|()| value::declare(&mut env))
        .expect("the standard library is built without `matches`, and has no name with an `@`");
    Arc::new(env)
});

fn matches<'b, 'v>(arguments: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let text = |index: usize| arguments.get(index)?.downcast_ref::<CelString<'_>>();
    let (Some(text), Some(pattern)) = (text(0), text(1)) else {
        return Err(not_matched("it takes two texts".to_owned()));
    };
    pattern::is_match(pattern.inner(), text.inner())
        .map(|found| CowVal::owned(CelBool::from(found)))
        .map_err(not_matched)
}

fn not_matched(message: String) -> ExecutionError {
    ExecutionError::FunctionError { function: "matches".to_owned(), message }
}

/// What an expression is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Form {
    /// Gives true or false, once.
    Condition,
    /// Gives true or false for an item of a list: `item` and `index` are names in it.
    Test,
    /// Gives a value for an item of a list.
    Value,
}

/// Names of the item that an expression is evaluated for, and of its place in the list.
const ITEM: &str = "item";
const INDEX: &str = "index";

impl Form {
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Condition => &[],
            Self::Test | Self::Value => &[ITEM, INDEX],
        }
    }

    fn is_truth(self) -> bool {
        !matches!(self, Self::Value)
    }

    fn failure(self) -> &'static str {
        match self {
            Self::Condition => "condition_error",
            Self::Test | Self::Value => "expression_error",
        }
    }
}

#[derive(Debug)]
pub(crate) struct Expression {
    name: String,
    form: Form,
    program: Program,
    /// The same, with our arithmetic.
    expression: IdedExpr,
    code: Code,
    costs: Costs,
}

impl Expression {
    /// `None` if the field is not given or its text is no expression, which is reported.
    pub(crate) fn read(fields: &mut Fields<'_, '_>, spec: &FieldSpec, form: Form) -> Option<Self> {
        let name = &*spec.name;
        if fields.string(spec)?.chars().count() > MAX_EXPRESSION {
            fields.error(name, format!("`{name}` has at most {MAX_EXPRESSION} characters"));
            return None;
        }
        let code = Code::read(fields, spec);
        let program = match ENV.compile(&code.text) {
            Ok(program) => program,
            Err(errors) => {
                let reasons = code.sources.restore(&reasons(&errors));
                fields.error(name, format!("`{name}` is not a CEL expression: {reasons}"));
                return None;
            }
        };
        let mut costs = Costs::default();
        if let Some(reason) = costs.count(&program.expression().expr, 0) {
            fields.error(name, reason);
        }
        if costs.matches > 0 && !matches!(form, Form::Condition) {
            let instead = "`matches` cannot be asked of each item; `contains`, `startsWith` and \
                           `endsWith` can";
            fields.error(name, instead);
        }
        report(fields, spec, &program, &code, form);
        let expression = match form {
            Form::Condition => numbers::with_numbers(program.expression()),
            _ => value::in_order(&numbers::with_numbers(program.expression())),
        };
        Some(Self { name: name.to_owned(), form, program, expression, code, costs })
    }

    /// The field that it stands in.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn matches(&self) -> usize {
        self.costs.matches
    }

    /// Whether one evaluation may take long although its values are small.
    pub(crate) fn is_slow(&self) -> bool {
        self.costs.macro_steps > 0 || self.costs.matches > 0
    }

    /// Evaluates a condition.
    pub(crate) fn holds(
        &self,
        scope: &Scope<'_>,
        allowance: &Allowance,
    ) -> Result<bool, NodeError> {
        let bound = self.bind(scope, allowance)?;
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.set_variable_resolver(&bound);
        let given = match scope.engine() {
            0..=2 => self.program.execute(&context),
            _ => cel::Value::resolve(&self.expression, &context),
        };
        match given {
            Ok(cel::Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(self.no_truth(&other.type_of().to_string())),
            Err(error) => Err(bound.failed(&error)),
        }
    }

    /// Reads what the expression refers to.
    pub(crate) fn bind<'a>(
        &'a self,
        scope: &'a Scope<'a>,
        allowance: &'a Allowance,
    ) -> Result<Bound<'a>, NodeError> {
        Bound::new(self, scope, allowance)
    }

    fn no_truth(&self, given: &str) -> NodeError {
        let code = match self.form {
            Form::Condition => "condition_type",
            Form::Test | Form::Value => "expression_type",
        };
        NodeError::new(code, format!("`{}` must give true or false, not {given}", self.name))
    }

    /// Names what is null, if that is why the condition failed.
    fn explain(&self, error: &ExecutionError, scope: &Scope<'_>) -> String {
        let error = error.to_string();
        let message = self.code.sources.restore(&shortened(&error));
        let is_null =
            |(_, (_, reference)): &(&str, &(String, Reference))| scope.read(reference).is_null();
        let references = self.code.sources.iter().zip(&self.code.variables);
        let nulls: Vec<&str> =
            references.filter(is_null).map(|(source, _)| source).take(MAX_NULLS_NAMED).collect();
        if nulls.is_empty() || !error.to_lowercase().contains("null") {
            return message;
        }
        let (first, all) = (nulls[0], nulls.join(", "));
        format!("{message}: {all} is null; test it first, as in `{first} != null && …`")
    }
}

/// Why an expression cannot be parsed, without our text of it.
fn reasons(errors: &cel::ParseErrors) -> String {
    let reasons = errors.errors.iter().map(|error| error.msg.as_str());
    shortened(&reasons.collect::<Vec<_>>().join("; "))
}

/// Reports what the expression says about names and types that cannot be right.
fn report(
    fields: &mut Fields<'_, '_>,
    spec: &FieldSpec,
    program: &Program,
    code: &Code,
    form: Form,
) {
    let variables = code.sources.iter().zip(&code.variables).map(|(source, (name, reference))| {
        let reads = fields.compiler.output_read(reference, fields.body);
        (name.clone(), Variable { source: source.to_owned(), reads })
    });
    let variables = variables.collect();
    for (severity, message) in
        Checker::check(program.expression(), &variables, form.names(), form.is_truth())
    {
        let message = code.sources.restore(&message);
        match severity {
            Severity::Warning => fields.warning(&spec.name, message),
            Severity::Error => {
                let path = fields.path_of(&spec.name);
                fields.compiler.report_later_rule(&path, message);
            }
        }
    }
}

/// What evaluating an expression takes, besides the size of its values.
#[derive(Debug, Default)]
struct Costs {
    /// Steps of one evaluation, macros counted once.
    steps: usize,
    /// Steps of each round of its macros.
    macro_steps: usize,
    matches: usize,
}

impl Costs {
    /// Counts, and finds what could make a condition run away: deeply nested macros; `+` inside a
    /// macro, with which a short text builds an endless one; `matches` inside a macro, which
    /// compiles its pattern for each item.
    fn count(&mut self, expression: &Expr, depth: usize) -> Option<&'static str> {
        self.steps += 1;
        self.macro_steps += usize::from(depth > 0);
        match expression {
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => None,
            Expr::Call(call)
                if call.func_name == "_+_" && depth > 0 && !is_accumulator(&call.args) =>
            {
                Some("`+` cannot stand inside a list macro")
            }
            Expr::Call(call) if call.func_name == "matches" && depth > 0 => {
                Some("`matches` cannot stand inside a list macro")
            }
            Expr::Call(call) => {
                self.matches += usize::from(call.func_name == "matches");
                self.count_all(call.target.as_deref().into_iter().chain(&call.args), depth)
            }
            Expr::Comprehension(_) if depth == MAX_MACROS_DEEP => {
                Some("at most two list macros can stand inside one another")
            }
            Expr::Comprehension(list) => self
                .count(&list.iter_range.expr, depth)
                .or_else(|| self.count_all([&list.loop_cond, &list.loop_step], depth + 1)),
            Expr::List(list) => self.count_all(&list.elements, depth),
            Expr::Map(map) => self.count_entries(&map.entries, depth),
            Expr::Select(select) => self.count(&select.operand.expr, depth),
            Expr::Struct(fields) => self.count_entries(&fields.entries, depth),
        }
    }

    fn count_all<'e>(
        &mut self,
        parts: impl IntoIterator<Item = &'e IdedExpr>,
        depth: usize,
    ) -> Option<&'static str> {
        parts.into_iter().find_map(|part| self.count(&part.expr, depth))
    }

    fn count_entries(&mut self, entries: &[IdedEntryExpr], depth: usize) -> Option<&'static str> {
        entries.iter().find_map(|entry| match &entry.expr {
            EntryExpr::StructField(field) => self.count(&field.value.expr, depth),
            EntryExpr::MapEntry(entry) => self.count_all([&entry.key, &entry.value], depth),
        })
    }
}

/// Matches the `+` with which a macro collects its result; authors cannot write its `@` name.
fn is_accumulator(arguments: &[IdedExpr]) -> bool {
    matches!(
        arguments.first().map(|first| &first.expr),
        Some(Expr::Ident(name)) if name.starts_with('@')
    )
}

/// What the expressions of one node may still read.
#[derive(Debug)]
pub(crate) struct Allowance(AtomicUsize);

impl Allowance {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(MAX_READ))
    }

    fn take(&self, cost: usize) -> bool {
        let left = self.0.load(Relaxed).saturating_sub(cost);
        self.0.store(left, Relaxed);
        left > 0
    }

    fn is_exhausted(&self) -> bool {
        self.0.load(Relaxed) == 0
    }
}

/// An expression with its variables. Binding a value costs its size, and so does each read, so
/// that a node ends in time whatever callers send.
pub(crate) struct Bound<'a> {
    of: &'a Expression,
    scope: &'a Scope<'a>,
    allowance: &'a Allowance,
    values: Vec<(String, Costly)>,
}

/// A value with the cost of one read.
struct Costly {
    value: Box<dyn Val>,
    cost: usize,
}

impl<'a> Bound<'a> {
    fn new(
        of: &'a Expression,
        scope: &'a Scope<'a>,
        allowance: &'a Allowance,
    ) -> Result<Self, NodeError> {
        let mut bound = Self { of, scope, allowance, values: Vec::new() };
        for (name, value) in of.code.read_variables(scope)? {
            match bound.costly(value)? {
                Some(value) => bound.values.push((name.to_owned(), value)),
                None => break,
            }
        }
        Ok(bound)
    }

    /// Returns the value with the cost of a read; `None` once nothing more may be read.
    fn costly(&self, value: &Value) -> Result<Option<Costly>, NodeError> {
        let (size, values) = (Weight::of(value).json, value::count(value));
        if !self.allowance.take(size + VALUE_COST * values) {
            return Ok(None);
        }
        let steps = STEP_COST * self.of.costs.macro_steps;
        let cost = size + (VALUE_COST + steps) * values;
        let value = value::to_val(value)
            .map_err(|error| NodeError::new(self.of.form.failure(), error.to_string()))?;
        Ok(Some(Costly { value, cost }))
    }

    /// Whether the expression holds for an item.
    pub(crate) fn holds_for(&self, item: &Value, index: usize) -> Result<bool, NodeError> {
        self.evaluate(item, index, |given| {
            let truth = given.downcast_ref::<CelBool>().map(|truth| *truth.inner());
            truth.ok_or_else(|| self.of.no_truth(given.get_type().name()))
        })
    }

    /// Returns what the expression gives for an item, once it is counted.
    pub(crate) fn value_for(
        &self,
        item: &Value,
        index: usize,
        counted: &mut Counted,
    ) -> Result<Value, NodeError> {
        self.evaluate(item, index, |given| {
            counted.json(given).map_err(|why| match why {
                value::Unfit::TooLarge(error) => error,
                value::Unfit::NoJson(why) => NodeError::new(
                    "expression_type",
                    format!("`{}` gives {why}, which is no JSON", self.of.name),
                ),
            })
        })
    }

    fn evaluate<T>(
        &self,
        item: &Value,
        index: usize,
        take: impl FnOnce(&dyn Val) -> Result<T, NodeError>,
    ) -> Result<T, NodeError> {
        let steps = STEP_COST * self.of.costs.steps;
        let item = match self.costly(item)? {
            Some(item) if self.allowance.take(EVALUATION_COST + steps) => item,
            _ => return Err(self.too_costly()),
        };
        let index = CelInt::from(i64::try_from(index).unwrap_or(i64::MAX));
        let names = Names { bound: self, item, index };
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.set_variable_resolver(&names);
        let given = cel::Value::resolve_val(&self.of.expression, &context);
        match given {
            Ok(given) => take(given.as_ref()),
            Err(error) => {
                let error = self.failed(&error);
                let message = format!("item {}: {}", names.index.inner(), error.message);
                Err(NodeError { message, ..error })
            }
        }
    }

    fn failed(&self, error: &ExecutionError) -> NodeError {
        match self.allowance.is_exhausted() {
            true => self.too_costly(),
            false => NodeError::new(self.of.form.failure(), self.of.explain(error, self.scope)),
        }
    }

    fn too_costly(&self) -> NodeError {
        let (code, what) = match self.of.form {
            Form::Condition => ("condition_too_costly", "conditions"),
            Form::Test | Form::Value => ("expression_too_costly", "expressions"),
        };
        let message = format!(
            "the node's {what} read more than {MAX_READ} bytes; a list is read once per round of \
             the macro around it, and costs more the longer the macro is"
        );
        NodeError::new(code, message)
    }
}

impl VariableResolver for Bound<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let (_, Costly { value, cost }) = self.values.iter().find(|(name, _)| name == variable)?;
        self.allowance.take(*cost).then_some(CowVal::Borrowed(value.as_ref()))
    }
}

/// The variables of an evaluation for one item.
struct Names<'b> {
    bound: &'b Bound<'b>,
    item: Costly,
    index: CelInt,
}

impl VariableResolver for Names<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        match variable {
            ITEM => {
                let Costly { value, cost } = &self.item;
                self.bound.allowance.take(*cost).then_some(CowVal::Borrowed(value.as_ref()))
            }
            INDEX => Some(CowVal::Borrowed(&self.index)),
            _ => self.bound.resolve(variable),
        }
    }
}
