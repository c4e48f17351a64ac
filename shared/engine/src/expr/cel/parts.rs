//! Goes through the parts of an expression.

use cel::common::ast::{EntryExpr, Expr, IdedEntryExpr, IdedExpr};

/// Visits an expression, then its parts. What a macro starts with, and what it gives at its end,
/// are CEL's own and left out.
pub(super) fn for_each(expression: &mut IdedExpr, visit: &mut dyn FnMut(&mut Expr)) {
    visit(&mut expression.expr);
    match &mut expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Call(call) => {
            let target = call.target.as_deref_mut().into_iter();
            target.chain(&mut call.args).for_each(|part| for_each(part, visit));
        }
        Expr::Comprehension(list) => {
            let parts = [&mut list.iter_range, &mut list.loop_cond, &mut list.loop_step];
            parts.into_iter().for_each(|part| for_each(part, visit));
        }
        Expr::List(list) => list.elements.iter_mut().for_each(|part| for_each(part, visit)),
        Expr::Map(map) => map.entries.iter_mut().for_each(|entry| in_entry(entry, visit)),
        Expr::Select(select) => for_each(&mut select.operand, visit),
        Expr::Struct(fields) => {
            fields.entries.iter_mut().for_each(|entry| in_entry(entry, visit));
        }
    }
}

fn in_entry(entry: &mut IdedEntryExpr, visit: &mut dyn FnMut(&mut Expr)) {
    match &mut entry.expr {
        EntryExpr::StructField(field) => for_each(&mut field.value, visit),
        EntryExpr::MapEntry(entry) => {
            for_each(&mut entry.key, visit);
            for_each(&mut entry.value, visit);
        }
    }
}
