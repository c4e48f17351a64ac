//! `condition`: chooses a branch.

mod check;
mod numbers;

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr};
use cel::common::types::{CelBool, CelString, STRING_TYPE};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::{Context, Env, ExecutionError, Program};
use serde_json::{Value, json};

use super::{Done, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType, Plan, Role};
use crate::compile::fields::Fields;
use crate::expr::code::Code;
use crate::expr::scope::Scope;
use crate::expr::template::Reference;
use crate::field::{FieldSpec, FieldType};
use crate::pattern;
use crate::problem::{Severity, shortened};
use crate::weight::Weight;
use check::{Checker, Variable};

const MAX_BRANCHES: usize = 100;
const MAX_EXPRESSION: usize = 2_000;
const MAX_MACROS_DEEP: usize = 2;
/// What one node may read, over all its branches: bytes of values, each time that one is read.
const MAX_READ: usize = 64 << 20;
/// Extra cost of each value, however small it is.
const VALUE_COST: usize = 16;
/// Extra cost of each value for each step of a macro: it takes a round of the macro.
const STEP_COST: usize = 2;
/// Each compiles its pattern and may take a tenth of a second.
const MAX_MATCHES: usize = 20;
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

const BRANCHES: FieldSpec = FieldSpec::new(
    "branches",
    FieldType::Items(Cow::Borrowed(BRANCH)),
    "`[{ name, if }]`, at most 100; the first whose `if` is true is taken, and a last one without \
     `if` is taken otherwise",
)
.required();
const NAME: FieldSpec =
    FieldSpec::new("name", FieldType::Words, "the name by which other nodes depend on the branch")
        .required();
const IF: FieldSpec =
    FieldSpec::new("if", FieldType::Code, "a CEL expression that gives true or false");

const BRANCH: &[FieldSpec] = &[NAME, IF];

const DETAILS: &str = "\
`branch` is the name of the branch that was taken, or `null`. Other nodes depend on a branch with `after: [id.branch]`. If
no branch is taken, no node that depends on one runs. A branch cannot be called `error`.

`if` is a [CEL](https://cel.dev) expression that gives true or false.

- References are variables: `<api.words> > 100 && <draft.model> != \"\"`. A missing value is `null`,
  which `<`, `>` and arithmetic refuse: `<draft.cost> != null && <draft.cost> > 0.1`.
- A number is a number: `<api.n> * 1.5`, `7 / 2 == 3.5`. Whole numbers are exact in 64 bits.
- Unknown names and functions are errors at publish, and so are operators on a value that is known
  to be of another type.
- At most 2,000 characters, at most two nested list macros (`all`, `exists`, `map` …), no `+` and no `matches` inside a
  macro.";

const EXAMPLE: &str = r#"{ id: long, type: condition, branches: [ { name: "yes", if: "<api.words> > 100" }, { name: "no" } ] }"#;

const FIELDS: &[FieldSpec] = &[BRANCHES];

pub(super) fn spec() -> KindSpec {
    KindSpec {
        name: "condition".into(),
        summary: "Chooses a branch.".into(),
        details: DETAILS.into(),
        fields: FIELDS.into(),
        outputs: |_| {
            OutputFields::Only(vec![OutputField::new("branch", OutputType::Text).nullable()])
        },
        call: None,
        role: Role::Step,
        example: EXAMPLE.into(),
        read: Arc::new(|fields| Box::new(Condition::read(fields))),
    }
}

#[derive(Debug)]
struct Condition {
    branches: Vec<Branch>,
}

#[derive(Debug)]
struct Branch {
    name: String,
    /// `None` is the fallback branch.
    test: Option<Test>,
}

#[derive(Debug)]
struct Test {
    program: Program,
    /// The same, with our arithmetic.
    expression: IdedExpr,
    code: Code,
    costs: Costs,
}

impl Condition {
    fn read(fields: &mut Fields<'_, '_>) -> Self {
        let list = fields.list(&BRANCHES).unwrap_or_default();
        if list.len() > MAX_BRANCHES {
            fields.error(&BRANCHES.name, format!("at most {MAX_BRANCHES} branches"));
        }
        let path = fields.path_of(&BRANCHES.name);
        let mut branches: Vec<Branch> = Vec::new();
        for (index, branch) in list.iter().take(MAX_BRANCHES).enumerate() {
            let Value::Object(object) = branch else {
                fields.error(&BRANCHES.name, "a branch is an object with `name` and `if`");
                continue;
            };
            let is_last = index + 1 == list.len();
            let path = format!("{path}/{index}");
            let branch = fields.inner(&path, object, BRANCH, |fields| {
                let branch = Branch::read(fields, is_last);
                if branches.iter().any(|other| other.name == branch.name) {
                    let message = format!("there are two branches called `{}`", branch.name);
                    fields.error(&NAME.name, message);
                }
                branch
            });
            branches.push(branch);
        }
        let matches =
            branches.iter().flat_map(|branch| &branch.test).map(|test| test.costs.matches);
        if matches.sum::<usize>() > MAX_MATCHES {
            fields.error(&BRANCHES.name, format!("at most {MAX_MATCHES} `matches` in a node"));
        }
        Self { branches }
    }
}

impl Node for Condition {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        let mut taken = None;
        let left = AtomicUsize::new(MAX_READ);
        for (index, branch) in self.branches.iter().enumerate() {
            let holds = match &branch.test {
                Some(test) => test.holds(scope, &left).map_err(|error| NodeError {
                    message: format!("branch `{}`: {}", branch.name, error.message),
                    ..error
                })?,
                None => true,
            };
            if holds {
                taken = Some(index);
                break;
            }
        }
        let name = taken.map(|index| self.branches[index].name.as_str());
        Ok(Plan::Branch { taken, output: json!({ "branch": name }) })
    }

    fn is_slow(&self) -> bool {
        let tests = self.branches.iter().flat_map(|branch| &branch.test);
        tests.into_iter().any(|test| test.costs.macro_steps > 0 || test.costs.matches > 0)
    }

    fn branches(&self) -> Vec<&str> {
        self.branches.iter().map(|branch| branch.name.as_str()).collect()
    }
}

impl Branch {
    fn read(fields: &mut Fields<'_, '_>, is_last: bool) -> Self {
        let name = fields.string(&NAME).unwrap_or_default().to_owned();
        if name == "error" {
            fields.error(
                "name",
                "a branch cannot be called `error`: that is where a failed node goes on",
            );
        }
        if !fields.is_given(&IF) && !is_last {
            fields.error_here("only the last branch may be without `if`");
        }
        Self { name, test: Test::read(fields) }
    }
}

impl Test {
    fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        if fields.string(&IF)?.chars().count() > MAX_EXPRESSION {
            fields.error("if", format!("a condition has at most {MAX_EXPRESSION} characters"));
            return None;
        }
        let code = Code::read(fields, &IF);
        let program = match ENV.compile(&code.text) {
            Ok(program) => program,
            Err(errors) => {
                let reasons = code.sources.restore(&reasons(&errors));
                fields.error("if", format!("`if` is not a CEL expression: {reasons}"));
                return None;
            }
        };
        let mut costs = Costs::default();
        if let Some(reason) = costs.count(&program.expression().expr, 0) {
            fields.error("if", reason);
        }
        report(fields, &program, &code);
        let expression = numbers::with_numbers(program.expression());
        Some(Self { program, expression, code, costs })
    }

    fn holds(&self, scope: &Scope<'_>, left: &AtomicUsize) -> Result<bool, NodeError> {
        let bound = Bound::new(self, scope, left)?;
        let mut context = Context::with_env(Arc::clone(&ENV));
        context.set_variable_resolver(&bound);
        let given = match scope.engine() {
            0..=2 => self.program.execute(&context),
            _ => cel::Value::resolve(&self.expression, &context),
        };
        match given {
            Ok(cel::Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(NodeError::new(
                "condition_type",
                format!("`if` must give true or false, not {}", other.type_of()),
            )),
            Err(_) if bound.is_exhausted() => Err(NodeError::new(
                "condition_too_costly",
                format!(
                    "the node's conditions read more than {MAX_READ} bytes; a list is read once \
                     per round of the macro around it, and costs more the longer the macro is"
                ),
            )),
            Err(error) => Err(NodeError::new("condition_error", self.explain(&error, scope))),
        }
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

/// Reports what the condition says about names and types that cannot be right.
fn report(fields: &mut Fields<'_, '_>, program: &Program, code: &Code) {
    let variables = code.sources.iter().zip(&code.variables).map(|(source, (name, reference))| {
        let reads = fields.compiler.output_read(reference, fields.body);
        (name.clone(), Variable { source: source.to_owned(), reads })
    });
    let variables = variables.collect();
    for (severity, message) in Checker::check(program.expression(), &variables) {
        let message = code.sources.restore(&message);
        match severity {
            Severity::Warning => fields.warning(&IF.name, message),
            Severity::Error => {
                let path = fields.path_of(&IF.name);
                fields.compiler.report_later_rule(&path, message);
            }
        }
    }
}

/// What evaluating an expression takes, besides the size of its values.
#[derive(Debug, Default)]
struct Costs {
    /// Steps of each round of its macros.
    macro_steps: usize,
    matches: usize,
}

impl Costs {
    /// Counts, and finds what could make a condition run away: deeply nested macros; `+` inside a
    /// macro, with which a short text builds an endless one; `matches` inside a macro, which
    /// compiles its pattern for each item.
    fn count(&mut self, expression: &Expr, depth: usize) -> Option<&'static str> {
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

/// The variables of one evaluation. Binding a value costs its size, and so does each read, so that
/// a node ends in time whatever callers send.
struct Bound<'l> {
    values: Vec<(String, Box<dyn Val>, usize)>,
    left: &'l AtomicUsize,
}

impl<'l> Bound<'l> {
    fn new(test: &Test, scope: &Scope<'_>, left: &'l AtomicUsize) -> Result<Self, NodeError> {
        let mut bound = Self { values: Vec::new(), left };
        for (name, value) in test.code.read_variables(scope)? {
            let (size, values) = (Weight::of(value).json, values(value));
            if !bound.take(size + VALUE_COST * values) {
                break;
            }
            let bound_value = Box::<dyn Val>::try_from(to_cel(value))
                .map_err(|error| NodeError::new("condition_error", error.to_string()))?;
            let steps = STEP_COST * test.costs.macro_steps;
            let cost = size + (VALUE_COST + steps) * values;
            bound.values.push((name.to_owned(), bound_value, cost));
        }
        Ok(bound)
    }

    fn take(&self, cost: usize) -> bool {
        let left = self.left.load(Relaxed).saturating_sub(cost);
        self.left.store(left, Relaxed);
        left > 0
    }

    fn is_exhausted(&self) -> bool {
        self.left.load(Relaxed) == 0
    }
}

impl VariableResolver for Bound<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let (_, value, cost) = self.values.iter().find(|(name, ..)| name == variable)?;
        self.take(*cost).then_some(CowVal::Borrowed(value.as_ref()))
    }
}

fn values(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(values).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(values).sum::<usize>(),
        _ => 1,
    }
}

/// Whole numbers become integers however they are written: CEL has no arithmetic between integers
/// and doubles.
fn to_cel(value: &Value) -> cel::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => {
            match (number.as_i64(), number.as_u64(), number.as_f64().unwrap_or(f64::NAN)) {
                (Some(whole), _, _) => cel::Value::Int(whole),
                (None, Some(large), _) => cel::Value::UInt(large),
                (None, None, double) if double.fract() == 0.0 && double.abs() <= EXACT => {
                    cel::Value::Int(double as i64)
                }
                (None, None, double) => cel::Value::Float(double),
            }
        }
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| (name.clone(), to_cel(field)));
            cel::Value::from(fields.collect::<std::collections::HashMap<String, cel::Value>>())
        }
    }
}

#[cfg(test)]
mod tests;
