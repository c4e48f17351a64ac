//! `condition`: chooses a branch.
//!
//! | field | |
//! |---|---|
//! | `branches` | `[{ name, if }]`; the first whose `if` is true is taken, and a last one without `if` is taken otherwise |
//!
//! `if` is a [CEL](https://cel.dev) expression in which references are variables: `<api.words> > 100 && <draft.model> != ""`.
//! What is missing is `null`. Whole numbers are integers and compare with fractions; in arithmetic both sides must be of
//! one kind (`double(<api.n>) * 1.5`). At most 4,000 characters, and two list macros (`all`, `exists`, `map`, …) inside one another.
//!
//! Other nodes hang on a branch by `after: [id.branch]`. Where no branch is taken nothing that hangs on one runs. Leaves `{branch}`.
//!
//! ```yaml
//! - { id: long, type: condition, branches: [ { name: "yes", if: "<api.words> > 100" }, { name: "no" } ] }
//! ```

use std::sync::{Arc, LazyLock};

use cel::{Context, Env, Program};
use serde_json::{Value, json};

use super::embedded::Embedded;
use super::fields::Fields;
use super::{NodeError, Plan};
use crate::run::Reader;

const MAX_BRANCHES: usize = 100;
const MAX_EXPRESSION: usize = 4_000;

/// The standard functions, built once.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

#[derive(Debug)]
pub(crate) struct Condition {
    branches: Vec<Branch>,
}

#[derive(Debug)]
struct Branch {
    name: String,
    /// `None` takes what is left.
    test: Option<Test>,
}

#[derive(Debug)]
struct Test {
    program: Program,
    embedded: Embedded,
}

impl Condition {
    pub(super) fn read(fields: &mut Fields<'_, '_>) -> Self {
        fields.require("branches");
        let list = fields.list("branches").unwrap_or_default();
        if list.len() > MAX_BRANCHES {
            fields.error("branches", format!("at most {MAX_BRANCHES} branches"));
        }
        let path = fields.path_of("branches");
        let mut branches: Vec<Branch> = Vec::new();
        for (index, branch) in list.iter().take(MAX_BRANCHES).enumerate() {
            let Value::Object(object) = branch else {
                fields.error("branches", "a branch is an object with `name` and `if`");
                continue;
            };
            let mut branch = Fields::new(fields.compiler, object, &format!("{path}/{index}"), fields.scope);
            let read = Branch::read(&mut branch, index + 1 == list.len());
            if branches.iter().any(|other| other.name == read.name) {
                branch.error("name", format!("there are two branches called `{}`", read.name));
            }
            branch.finish();
            branches.push(read);
        }
        Self { branches }
    }

    pub(super) fn plan(&self, reader: &Reader<'_>) -> Result<Plan, NodeError> {
        let mut taken = None;
        for (index, branch) in self.branches.iter().enumerate() {
            let holds = match &branch.test {
                Some(test) => test.holds(reader).map_err(|error| NodeError { message: format!("branch `{}`: {}", branch.name, error.message), ..error })?,
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

    pub(crate) fn branch(&self, name: &str) -> Option<usize> {
        self.branches.iter().position(|branch| branch.name == name)
    }

    pub(crate) fn branch_names(&self) -> impl Iterator<Item = &str> {
        self.branches.iter().map(|branch| branch.name.as_str())
    }
}

impl Branch {
    fn read(fields: &mut Fields<'_, '_>, last: bool) -> Self {
        fields.require("name");
        let name = fields.string("name").unwrap_or_default().to_owned();
        if name == "error" {
            fields.error("name", "a branch cannot be called `error`: that is where a failed node goes on");
        }
        let given = fields.get("if").is_some();
        if !given && !last {
            fields.error_here("only the last branch may be without `if`");
        }
        Self { name, test: if given { Test::read(fields) } else { None } }
    }
}

impl Test {
    fn read(fields: &mut Fields<'_, '_>) -> Option<Self> {
        if fields.string("if")?.chars().count() > MAX_EXPRESSION {
            fields.error("if", format!("a condition has at most {MAX_EXPRESSION} characters"));
            return None;
        }
        let embedded = Embedded::read(fields, "if");
        match ENV.compile(&embedded.code) {
            Ok(program) => Some(Self { program, embedded }),
            Err(errors) => {
                fields.error("if", format!("`if` is not a CEL expression: {errors}"));
                None
            }
        }
    }

    fn holds(&self, reader: &Reader<'_>) -> Result<bool, NodeError> {
        let mut context = Context::with_env(Arc::clone(&ENV));
        for (name, value) in self.embedded.read_variables(reader)? {
            context.add_variable_from_value(name, to_cel(value));
        }
        match self.program.execute(&context) {
            Ok(cel::Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(NodeError::new("condition_type", format!("`if` must give true or false, not {}", other.type_of()))),
            Err(error) => Err(NodeError::new("condition_error", error.to_string())),
        }
    }
}

/// Whole numbers become integers however they are spelled: CEL has no arithmetic between integers and doubles.
fn to_cel(value: &Value) -> cel::Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(value) => cel::Value::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64().unwrap_or(f64::NAN)) {
            (Some(whole), _, _) => cel::Value::Int(whole),
            (None, Some(large), _) => cel::Value::UInt(large),
            (None, None, double) if double.fract() == 0.0 && double.abs() <= EXACT => cel::Value::Int(double as i64),
            (None, None, double) => cel::Value::Float(double),
        },
        Value::String(text) => cel::Value::String(Arc::new(text.clone())),
        Value::Array(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, field)| (name.clone(), to_cel(field)));
            cel::Value::from(fields.collect::<std::collections::HashMap<String, cel::Value>>())
        }
    }
}
