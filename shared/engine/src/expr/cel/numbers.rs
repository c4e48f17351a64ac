//! Arithmetic: a number is a number, whole or not. CEL itself computes only with two
//! integers or two doubles, and cuts off what a division of integers leaves.

use cel::common::ast::{Expr, IdedExpr, operators};
use cel::common::functions::Function;
use cel::common::types::{CelDouble, CelInt, CelUInt, DYN_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

use super::{is_accumulator, parts};

/// Operators of CEL, and the functions that take their place. Authors cannot write an `@`.
const OPERATORS: [(&str, &str, Function); 5] = [
    (operators::ADD, "@add", add),
    (operators::SUBSTRACT, "@subtract", subtract),
    (operators::MULTIPLY, "@multiply", multiply),
    (operators::DIVIDE, "@divide", divide),
    (operators::MODULO, "@remainder", remainder),
];

pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    OPERATORS.into_iter().try_for_each(|(_, name, function)| {
        env.add_overload(name, name, vec![DYN_TYPE, DYN_TYPE], function)
    })
}

/// Returns the expression with our arithmetic.
pub(super) fn with_numbers(expression: &IdedExpr) -> IdedExpr {
    let mut expression = expression.clone();
    parts::for_each(&mut expression, &mut |part| {
        let Expr::Call(call) = part else { return };
        let ours = OPERATORS.iter().find(|(name, ..)| *name == call.func_name);
        if let Some((_, ours, _)) = ours.filter(|_| !is_accumulator(&call.args)) {
            call.func_name = (*ours).to_owned();
        }
    });
    expression
}

#[derive(Debug, Clone, Copy)]
enum Number {
    Whole(i128),
    Double(f64),
}

impl Number {
    fn of(value: &dyn Val) -> Option<Self> {
        let int = value.downcast_ref::<CelInt>().map(|int| i128::from(*int.inner()));
        let whole =
            int.or_else(|| value.downcast_ref::<CelUInt>().map(|uint| i128::from(*uint.inner())));
        let double =
            || value.downcast_ref::<CelDouble>().map(|double| Self::Double(*double.inner()));
        whole.map(Self::Whole).or_else(double)
    }

    fn double(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Double(double) => double,
        }
    }

    fn is_zero(self) -> bool {
        self.double() == 0.0
    }

    /// A whole number beyond 64 bits becomes a double.
    fn into_value<'b, 'v>(self) -> CowVal<'b, 'v> {
        let whole = match self {
            Self::Double(double) => return CowVal::owned(CelDouble::from(double)),
            Self::Whole(whole) => whole,
        };
        match (i64::try_from(whole), u64::try_from(whole)) {
            (Ok(int), _) => CowVal::owned(CelInt::from(int)),
            (_, Ok(uint)) => CowVal::owned(CelUInt::from(uint)),
            _ => CowVal::owned(CelDouble::from(whole as f64)),
        }
    }
}

type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Computed<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// Texts and lists are joined, as CEL does.
fn add<'b, 'v>(arguments: Arguments<'b, 'v>) -> Computed<'b, 'v> {
    if let [left, right] = arguments.as_slice()
        && Number::of(left.as_ref()).is_none()
        && left.get_type() == right.get_type()
        && let Some(adder) = left.as_adder()
    {
        return Ok(CowVal::Owned(adder.add(right.as_ref())?.into_owned()));
    }
    compute(operators::ADD, &arguments, i128::checked_add, |left, right| left + right)
}

fn subtract<'b, 'v>(arguments: Arguments<'b, 'v>) -> Computed<'b, 'v> {
    compute(operators::SUBSTRACT, &arguments, i128::checked_sub, |left, right| left - right)
}

fn multiply<'b, 'v>(arguments: Arguments<'b, 'v>) -> Computed<'b, 'v> {
    compute(operators::MULTIPLY, &arguments, i128::checked_mul, |left, right| left * right)
}

/// Whole only where nothing is left.
fn divide<'b, 'v>(arguments: Arguments<'b, 'v>) -> Computed<'b, 'v> {
    let (left, right) = numbers(operators::DIVIDE, &arguments)?;
    if right.is_zero() {
        return Err(ExecutionError::DivisionByZero(cel::Value::Float(left.double())));
    }
    let exact = |left: i128, right: i128| (left % right == 0).then(|| left / right);
    compute(operators::DIVIDE, &arguments, exact, |left, right| left / right)
}

fn remainder<'b, 'v>(arguments: Arguments<'b, 'v>) -> Computed<'b, 'v> {
    let (left, right) = numbers(operators::MODULO, &arguments)?;
    if right.is_zero() {
        return Err(ExecutionError::RemainderByZero(cel::Value::Float(left.double())));
    }
    compute(operators::MODULO, &arguments, i128::checked_rem, |left, right| left % right)
}

fn compute<'b, 'v>(
    operator: &str,
    arguments: &[CowVal<'b, 'v>],
    whole: impl Fn(i128, i128) -> Option<i128>,
    double: impl Fn(f64, f64) -> f64,
) -> Computed<'b, 'v> {
    let (left, right) = numbers(operator, arguments)?;
    let exact = match (left, right) {
        (Number::Whole(left), Number::Whole(right)) => whole(left, right),
        _ => None,
    };
    let computed =
        exact.map_or_else(|| Number::Double(double(left.double(), right.double())), Number::Whole);
    Ok(computed.into_value())
}

fn numbers(
    operator: &str,
    arguments: &[CowVal<'_, '_>],
) -> Result<(Number, Number), ExecutionError> {
    let number = |index: usize| arguments.get(index).and_then(|value| Number::of(value.as_ref()));
    number(0).zip(number(1)).ok_or_else(|| {
        let types = arguments.iter().map(|value| value.get_type().name().to_owned()).collect();
        ExecutionError::no_such_overload(operator, types)
    })
}
