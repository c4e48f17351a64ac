//! Checks an expression before it ever runs: its names, and the types that are known.

use std::collections::HashMap;

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators,
};

use crate::kind::{OutputField, OutputType};
use crate::problem::{Severity, did_you_mean};

/// The types by their names, and the library of optional values.
const NAMES: [&str; 12] = [
    "bool",
    "bytes",
    "double",
    "dyn",
    "int",
    "list",
    "map",
    "null_type",
    "optional",
    "optional_type",
    "string",
    "type",
];
const FUNCTIONS: [&str; 21] = [
    "bool",
    "bytes",
    "contains",
    "double",
    "dyn",
    "endsWith",
    "hasValue",
    "int",
    "matches",
    "none",
    "of",
    "ofNonZeroValue",
    "optFlatMap",
    "optMap",
    "or",
    "orValue",
    "size",
    "startsWith",
    "string",
    "type",
    "uint",
];
const ARITHMETIC: [&str; 4] =
    [operators::SUBSTRACT, operators::MULTIPLY, operators::DIVIDE, operators::MODULO];
const ORDER: [&str; 4] =
    [operators::LESS, operators::LESS_EQUALS, operators::GREATER, operators::GREATER_EQUALS];
const LOGIC: [&str; 3] = [operators::LOGICAL_AND, operators::LOGICAL_OR, operators::LOGICAL_NOT];
const OF_TEXT: [&str; 4] = ["contains", "endsWith", "matches", "startsWith"];

/// What is known of the value of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    Null,
    Boolean,
    Number,
    Text,
    Object,
    List,
}

impl Known {
    fn of(output_type: OutputType) -> Self {
        match output_type {
            OutputType::Any => Self::Nothing,
            OutputType::Text => Self::Text,
            OutputType::Number => Self::Number,
            OutputType::Object => Self::Object,
            OutputType::List => Self::List,
        }
    }

    fn shown(self) -> &'static str {
        match self {
            Self::Nothing => "any value",
            Self::Null => "null",
            Self::Boolean => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::Object => "an object",
            Self::List => "a list",
        }
    }
}

/// A variable: the author's reference, and what it reads as far as that is known.
pub(super) struct Variable {
    pub source: String,
    pub reads: Option<OutputField>,
}

pub(super) struct Checker<'v> {
    pub variables: &'v HashMap<String, Variable>,
    /// Names that need no reference, and the variables of the macros around.
    bound: Vec<String>,
    /// Variables that the condition compares with null.
    tested: Vec<String>,
    pub found: Vec<(Severity, String)>,
}

impl<'v> Checker<'v> {
    /// Returns the problems of an expression, in which other names stand for values, too.
    pub(super) fn check(
        expression: &IdedExpr,
        variables: &'v HashMap<String, Variable>,
        names: &[&str],
        is_truth: bool,
    ) -> Vec<(Severity, String)> {
        let bound = names.iter().map(|name| (*name).to_owned()).collect();
        let mut checker = Self { variables, bound, tested: vec![], found: vec![] };
        checker.note_tests(&expression.expr);
        let known = checker.infer(&expression.expr);
        if is_truth && !matches!(known, Known::Nothing | Known::Boolean) {
            let message = format!("a condition gives true or false, this one {}", known.shown());
            checker.error(message);
        }
        checker.found
    }

    fn error(&mut self, message: String) {
        if self.found.iter().all(|(_, known)| *known != message) {
            self.found.push((Severity::Error, message));
        }
    }

    fn warning(&mut self, message: String) {
        if self.found.iter().all(|(_, known)| *known != message) {
            self.found.push((Severity::Warning, message));
        }
    }

    /// Notes each variable that stands beside a null: its author knows that it may be null.
    fn note_tests(&mut self, expression: &Expr) {
        if let Expr::Call(call) = expression
            && matches!(&*call.func_name, operators::EQUALS | operators::NOT_EQUALS)
            && let [left, right] = call.args.as_slice()
        {
            let is_null = |side: &IdedExpr| side.expr == Expr::Literal(LiteralValue::Null);
            for (side, other) in [(left, right), (right, left)] {
                if let Expr::Ident(name) = &side.expr
                    && is_null(other)
                {
                    self.tested.push(name.clone());
                }
            }
        }
        for part in parts(expression) {
            self.note_tests(part);
        }
    }

    fn infer(&mut self, expression: &Expr) -> Known {
        match expression {
            Expr::Unspecified | Expr::Struct(_) => Known::Nothing,
            Expr::Literal(literal) => match literal {
                LiteralValue::Boolean(_) => Known::Boolean,
                LiteralValue::Bytes(_) => Known::Nothing,
                LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => {
                    Known::Number
                }
                LiteralValue::Null => Known::Null,
                LiteralValue::String(_) => Known::Text,
            },
            Expr::Ident(name) => self.infer_name(name),
            Expr::Call(call) => self.infer_call(call),
            Expr::Comprehension(list) => self.infer_macro(list),
            Expr::List(_) | Expr::Map(_) => {
                for part in parts(expression) {
                    self.infer(part);
                }
                if matches!(expression, Expr::List(_)) { Known::List } else { Known::Object }
            }
            Expr::Select(select) => self.infer_field(select),
        }
    }

    fn infer_name(&mut self, name: &str) -> Known {
        if let Some(variable) = self.variables.get(name) {
            let reads = variable.reads.as_ref();
            return reads.map_or(Known::Nothing, |field| Known::of(field.output_type));
        }
        let is_ours = name.starts_with('@');
        let is_known = NAMES.contains(&name) || name == "uint";
        if !is_ours && !is_known && !self.bound.iter().any(|bound| bound == name) {
            self.error(format!(
                "`{name}` names nothing here: a value is read by a reference, such as \
                 <node.field>, and a text stands in quotes"
            ));
        }
        Known::Nothing
    }

    fn infer_field(&mut self, select: &SelectExpr) -> Known {
        let known = self.infer(&select.operand.expr);
        if matches!(known, Known::Boolean | Known::Number | Known::Text | Known::List) {
            let operand = self.shown(&select.operand.expr);
            let (field, known) = (&select.field, known.shown());
            self.error(format!("{operand} is {known} and has no field `{field}`"));
        }
        if select.test { Known::Boolean } else { Known::Nothing }
    }

    fn infer_macro(&mut self, list: &ComprehensionExpr) -> Known {
        let known = self.infer(&list.iter_range.expr);
        if matches!(known, Known::Boolean | Known::Number | Known::Text) {
            let range = self.shown(&list.iter_range.expr);
            self.error(format!("{range} is {} and no list", known.shown()));
        }
        let outside = self.bound.len();
        self.bound.push(list.iter_var.clone());
        self.bound.extend(list.iter_var2.clone());
        self.infer(&list.loop_cond.expr);
        self.infer(&list.loop_step.expr);
        self.bound.truncate(outside);
        Known::Nothing
    }

    fn infer_call(&mut self, call: &CallExpr) -> Known {
        let name = call.func_name.as_str();
        let is_operator = name.starts_with(['_', '@', '!', '-']);
        if !is_operator && !FUNCTIONS.contains(&name) {
            let hint = did_you_mean(name, FUNCTIONS);
            self.error(format!("there is no function `{name}`{hint}"));
        }
        let target = call.target.as_deref().into_iter();
        let operands: Vec<(&Expr, Known)> = target
            .chain(&call.args)
            .map(|operand| (&operand.expr, self.infer(&operand.expr)))
            .collect();
        match name {
            operators::EQUALS | operators::NOT_EQUALS => self.check_equality(name, &operands),
            operators::ADD => return self.infer_sum(&operands),
            operators::CONDITIONAL => return infer_choice(&operands),
            operators::IN => self.check_in(&operands),
            _ if ORDER.contains(&name) => self.check_order(name, &operands),
            _ if ARITHMETIC.contains(&name) || name == operators::NEGATE => {
                self.expect(name, &operands, Known::Number);
                return Known::Number;
            }
            _ if LOGIC.contains(&name) => self.expect(name, &operands, Known::Boolean),
            _ if OF_TEXT.contains(&name) => self.expect(name, &operands, Known::Text),
            "size" | "int" | "uint" | "double" => return Known::Number,
            "string" => return Known::Text,
            "bool" | "hasValue" => {}
            _ => return Known::Nothing,
        }
        Known::Boolean
    }

    /// Reports operands that are known to be of another type.
    fn expect(&mut self, operator: &str, operands: &[(&Expr, Known)], wanted: Known) {
        for (operand, known) in operands {
            if !matches!(*known, Known::Nothing) && *known != wanted {
                let message = format!(
                    "{} is {}, where `{}` takes {}",
                    self.shown(operand),
                    known.shown(),
                    symbol(operator),
                    wanted.shown()
                );
                self.error(message);
            }
            if wanted == Known::Number {
                self.warn_of_null(operand, operator);
            }
        }
    }

    fn check_order(&mut self, operator: &str, operands: &[(&Expr, Known)]) {
        for (operand, known) in operands {
            if matches!(known, Known::Null | Known::Object | Known::List) {
                let (operand, symbol) = (self.shown(operand), symbol(operator));
                let known = known.shown();
                self.error(format!("{operand} is {known}, which `{symbol}` cannot compare"));
                return;
            }
            self.warn_of_null(operand, operator);
        }
        if let [(left, one), (right, other)] = operands
            && one != other
            && ![one, other].contains(&&Known::Nothing)
        {
            let (left, right) = (self.shown(left), self.shown(right));
            let (one, other, symbol) = (one.shown(), other.shown(), symbol(operator));
            self.error(format!("`{symbol}` cannot compare {left} ({one}) with {right} ({other})"));
        }
    }

    fn check_equality(&mut self, operator: &str, operands: &[(&Expr, Known)]) {
        if let [(left, one), (right, other)] = operands
            && one != other
            && ![one, other].into_iter().any(|side| matches!(side, Known::Nothing | Known::Null))
        {
            let always = if operator == operators::EQUALS { "false" } else { "true" };
            let (left, right) = (self.shown(left), self.shown(right));
            let (one, other, symbol) = (one.shown(), other.shown(), symbol(operator));
            self.warning(format!(
                "`{symbol}` is always {always} here: {left} is {one}, {right} is {other}"
            ));
        }
    }

    fn check_in(&mut self, operands: &[(&Expr, Known)]) {
        if let [_, (list, known)] = operands
            && matches!(known, Known::Boolean | Known::Number | Known::Text | Known::Null)
        {
            let message = format!("{} is {} and no list", self.shown(list), known.shown());
            self.error(message);
        }
    }

    fn infer_sum(&mut self, operands: &[(&Expr, Known)]) -> Known {
        let [(left, one), (right, other)] = operands else { return Known::Nothing };
        for operand in [left, right] {
            self.warn_of_null(operand, operators::ADD);
        }
        if *one == Known::Nothing || *other == Known::Nothing {
            return Known::Nothing;
        }
        if one != other || !matches!(one, Known::Number | Known::Text | Known::List) {
            let (left, right) = (self.shown(left), self.shown(right));
            let (one, other) = (one.shown(), other.shown());
            self.error(format!("`+` cannot add {left} ({one}) and {right} ({other})"));
        }
        *one
    }

    fn warn_of_null(&mut self, operand: &Expr, operator: &str) {
        let Expr::Ident(name) = operand else { return };
        let Some(variable) = self.variables.get(name) else { return };
        let may_be_null = variable
            .reads
            .as_ref()
            .is_some_and(|field| field.nullable && field.output_type != OutputType::Any);
        if may_be_null && !self.tested.contains(name) {
            let (source, symbol) = (&variable.source, symbol(operator));
            let message = format!(
                "{source} may be null, and then `{symbol}` fails: write `{source} != null && …`"
            );
            self.warning(message);
        }
    }

    fn shown(&self, expression: &Expr) -> String {
        match expression {
            Expr::Ident(name) => match self.variables.get(name) {
                Some(variable) => variable.source.clone(),
                None => format!("`{name}`"),
            },
            Expr::Literal(LiteralValue::String(text)) => format!("{:?}", text.inner()),
            Expr::Literal(LiteralValue::Int(int)) => int.inner().to_string(),
            Expr::Literal(LiteralValue::Double(double)) => double.inner().to_string(),
            Expr::Literal(LiteralValue::Null) => "null".to_owned(),
            Expr::Call(call) => format!("the result of `{}`", symbol(&call.func_name)),
            _ => "the value".to_owned(),
        }
    }
}

fn infer_choice(operands: &[(&Expr, Known)]) -> Known {
    match operands {
        [_, (_, one), (_, other)] if one == other => *one,
        _ => Known::Nothing,
    }
}

/// The operator as authors write it.
fn symbol(operator: &str) -> &str {
    match operator {
        operators::CONDITIONAL => "?:",
        operators::INDEX => "[]",
        operators::IN => "in",
        _ => operator.trim_matches('_'),
    }
}

fn parts(expression: &Expr) -> Vec<&Expr> {
    let parts: Vec<&IdedExpr> = match expression {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) | Expr::Struct(_) => Vec::new(),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Comprehension(list) => vec![&list.iter_range, &list.loop_cond, &list.loop_step],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map
            .entries
            .iter()
            .flat_map(|entry| match &entry.expr {
                EntryExpr::StructField(field) => vec![&field.value],
                EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
            })
            .collect(),
        Expr::Select(select) => vec![&select.operand],
    };
    parts.into_iter().map(|part| &part.expr).collect()
}
