//! A conditional write of one item, alone or in a transaction with others.

use std::collections::HashMap;

use anyhow::Result;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem, Update,
};

use crate::item::{Attributes, Item, Key};

/// Its expressions refer to attributes as `#name`, to values as `:name`.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    pub(crate) what: What,
    pub(crate) condition: Option<String>,
    pub(crate) values: Attributes,
    /// Attributes whose names are not those in the expressions: `#a0`, and its attribute.
    pub(crate) named: HashMap<String, String>,
    /// An update returns the item as it was, not as it is now.
    pub(crate) returns_old: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum What {
    Put(Item),
    Update(Key, String),
    Delete(Key),
    /// Writes nothing; only valid in a transaction.
    Check(Key),
}

/// The outcome of a write.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Holds, for an update, the item as it is now (or was, see [`Write::returning_old`]); for a
    /// delete, as it was.
    Done(Item),
    /// Its condition failed. Holds the item as it is, if it exists.
    Refused(Option<Item>),
}

/// The outcome of a transaction.
#[derive(Debug)]
pub(crate) enum AllOutcome {
    Done,
    /// Per write, whether its condition failed.
    Refused(Vec<Option<Refusal>>),
}

/// A failed condition. Holds the item as it is, if it exists.
#[derive(Debug, Clone)]
pub(crate) struct Refusal(pub(crate) Option<Item>);

impl Write {
    pub(crate) fn put(item: Item) -> Self {
        Self::new(What::Put(item))
    }

    pub(crate) fn update(key: Key, expression: impl Into<String>) -> Self {
        Self::new(What::Update(key, expression.into()))
    }

    pub(crate) fn delete(key: Key) -> Self {
        Self::new(What::Delete(key))
    }

    pub(crate) fn check(key: Key) -> Self {
        Self::new(What::Check(key))
    }

    fn new(what: What) -> Self {
        let (values, named) = (HashMap::new(), HashMap::new());
        Self { what, condition: None, values, named, returns_old: false }
    }

    pub(crate) fn only_if(mut self, condition: impl Into<String>) -> Self {
        self.condition = Some(condition.into());
        self
    }

    pub(crate) fn if_absent(self) -> Self {
        self.only_if("attribute_not_exists(#pk)")
    }

    pub(crate) fn returning_old(mut self) -> Self {
        self.returns_old = true;
        self
    }

    pub(crate) fn bind(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }

    /// Gives the attribute of `#name` in the expressions another name.
    pub(crate) fn named(mut self, name: &str, attribute: String) -> Self {
        self.named.insert(name.to_owned(), attribute);
        self
    }

    pub(crate) fn names(&self) -> Option<HashMap<String, String>> {
        let mut names = names(self.expressions())?;
        names.extend(self.named.clone());
        Some(names)
    }

    fn expressions(&self) -> impl Iterator<Item = &str> {
        let update = if let What::Update(_, expression) = &self.what {
            Some(expression.as_str())
        } else {
            None
        };
        update.into_iter().chain(self.condition.as_deref())
    }

    /// DynamoDB accepts neither an empty map nor a value that no expression mentions.
    pub(crate) fn bound(&self) -> Option<Attributes> {
        debug_assert!(
            self.values
                .keys()
                .all(|name| self.expressions().any(|expression| mentions(expression, name))),
            "{self:?}"
        );
        (!self.values.is_empty()).then(|| self.values.clone())
    }

    pub(crate) fn in_transaction(&self, table: &str) -> Result<TransactWriteItem> {
        let (names, values, condition) = (self.names(), self.bound(), self.condition.clone());
        let old = ReturnValuesOnConditionCheckFailure::AllOld;
        let item = TransactWriteItem::builder();
        Ok(match &self.what {
            What::Put(put) => {
                let put = Put::builder()
                    .table_name(table)
                    .set_item(Some(put.0.clone()))
                    .set_condition_expression(condition);
                let put = put
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.put(put.return_values_on_condition_check_failure(old).build()?).build()
            }
            What::Update(key, expression) => {
                let update = Update::builder()
                    .table_name(table)
                    .set_key(Some(key.clone().attributes()))
                    .update_expression(expression);
                let update = update
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names);
                item.update(
                    update
                        .set_expression_attribute_values(values)
                        .return_values_on_condition_check_failure(old)
                        .build()?,
                )
                .build()
            }
            What::Delete(key) => {
                let delete = Delete::builder()
                    .table_name(table)
                    .set_key(Some(key.clone().attributes()))
                    .set_condition_expression(condition);
                let delete = delete
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values);
                item.delete(delete.return_values_on_condition_check_failure(old).build()?).build()
            }
            What::Check(key) => {
                let check = ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(key.clone().attributes()));
                let check =
                    check.set_condition_expression(condition).set_expression_attribute_names(names);
                let check = check
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(old);
                item.condition_check(check.build()?).build()
            }
        })
    }
}

/// Returns every `#name` in the expressions. Plain names could be reserved words of DynamoDB.
pub(crate) fn names<'a>(
    expressions: impl IntoIterator<Item = &'a str>,
) -> Option<HashMap<String, String>> {
    let is_part = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
    };
    let mut names = HashMap::new();
    for expression in expressions {
        for rest in expression.split('#').skip(1) {
            let name: String = rest.chars().take_while(|character| is_part(*character)).collect();
            names.insert(format!("#{name}"), name);
        }
    }
    (!names.is_empty()).then_some(names)
}

fn mentions(expression: &str, value: &str) -> bool {
    let continues =
        |rest: &str| rest.starts_with(|next: char| next.is_ascii_lowercase() || next == '_');
    expression.match_indices(value).any(|(at, _)| !continues(&expression[at + value.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_name_their_attributes() {
        let write =
            Write::update(Key::new("a", "b"), "SET #due_at = :until, #state=:state REMOVE #owner")
                .only_if("#fence = :fence");
        let mut named: Vec<String> = write.names().unwrap().into_values().collect();
        named.sort();
        assert_eq!(named, ["due_at", "fence", "owner", "state"]);
        assert!(Write::delete(Key::new("a", "b")).names().is_none());
        assert!(
            mentions("#until = :until", ":until") && !mentions("#until = :until_then", ":until")
        );
    }
}
