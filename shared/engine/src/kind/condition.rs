//! `condition`: chooses a branch.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    Done, Group, KindSpec, Node, NodeError, OutputField, OutputFields, OutputType, Plan, Role,
    Touches,
};
use crate::compile::fields::Fields;
use crate::expr::cel::{Allowance, Expression, Form, MAX_MATCHES};
use crate::expr::scope::Scope;
use crate::field::{FieldSpec, FieldType};

const MAX_BRANCHES: usize = 100;
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
        operation: None,
        group: Group::Flow,
        touches: Touches::Text(&["/branches/0/if"]),
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
    test: Option<Expression>,
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
        let matches = branches.iter().flat_map(|branch| &branch.test).map(Expression::matches);
        if matches.sum::<usize>() > MAX_MATCHES {
            fields.error(&BRANCHES.name, format!("at most {MAX_MATCHES} `matches` in a node"));
        }
        Self { branches }
    }
}

impl Node for Condition {
    fn plan(&self, scope: &Scope<'_>, _done: &Done) -> Result<Plan, NodeError> {
        let mut taken = None;
        let allowance = Allowance::new();
        for (index, branch) in self.branches.iter().enumerate() {
            let holds = match &branch.test {
                Some(test) => test.holds(scope, &allowance).map_err(|error| NodeError {
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
        tests.into_iter().any(Expression::is_slow)
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
        Self { name, test: Expression::read(fields, &IF, Form::Condition) }
    }
}

#[cfg(test)]
mod tests;
