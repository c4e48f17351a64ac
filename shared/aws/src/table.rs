//! Requests to the table. Retries conflicts and throttling; a failed condition is an outcome, not
//! an error.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, DeleteRequest, KeysAndAttributes, PutRequest, ReturnValue,
    ReturnValuesOnConditionCheckFailure, WriteRequest,
};
use flowgate_core::clock::{Clock, Entropy};

use crate::clients::Clients;
use crate::item::{Attributes, Item, Key};
use crate::retry::{Tries, bounded, failed, is_retryable};
use crate::write::{AllOutcome, Outcome, Refusal, What, Write, names};

/// DynamoDB's limits for one BatchGetItem and one BatchWriteItem.
const MAX_BATCH_GET: usize = 100;
const MAX_BATCH_WRITE: usize = 25;

pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) clients: Arc<Clients>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// A query for items of one partition, of the table or an index, in the order of their sort key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) index: Option<&'static str>,
    /// With `#name` and `:name`, as in [`Write`].
    pub(crate) condition: String,
    pub(crate) filter: Option<String>,
    /// `None`: whole items.
    pub(crate) attributes: Option<&'static str>,
    pub(crate) values: Attributes,
    pub(crate) backward: bool,
    pub(crate) limit: Option<usize>,
    pub(crate) after: Option<Attributes>,
}

/// One page of a query, and where the next starts.
pub(crate) struct Found {
    pub(crate) items: Vec<Item>,
    pub(crate) next: Option<Attributes>,
}

/// The result of one attempt of a write.
enum Attempt<T> {
    Done(T),
    Retry(anyhow::Error),
}

impl Table {
    pub(crate) fn tries(&self) -> Tries {
        Tries::new(&self.clock, &self.entropy)
    }

    /// See [`bounded`].
    async fn bounded<T>(&self, name: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        bounded(&*self.clock, name, work).await
    }

    pub(crate) async fn write(&self, write: &Write) -> Result<Outcome> {
        let mut tries = self.tries();
        let written = async {
            loop {
                match self.attempt(write).await? {
                    Attempt::Done(outcome) => return Ok(outcome),
                    Attempt::Retry(error) => tries.pause(error).await?,
                }
            }
        };
        self.bounded("a write", written).await
    }

    /// Makes all writes or none. A single write is sent without a transaction, which would cost
    /// twice as much.
    pub(crate) async fn write_all(&self, writes: &[Write]) -> Result<AllOutcome> {
        if let [write] = writes
            && !matches!(write.what, What::Check(_))
        {
            return Ok(match self.write(write).await? {
                Outcome::Done(_) => AllOutcome::Done,
                Outcome::Refused(item) => AllOutcome::Refused(vec![Some(Refusal(item))]),
            });
        }
        let mut tries = self.tries();
        let written = async {
            loop {
                match self.attempt_all(writes).await? {
                    Attempt::Done(outcome) => return Ok(outcome),
                    Attempt::Retry(error) => tries.pause(error).await?,
                }
            }
        };
        self.bounded("TransactWriteItems", written).await
    }

    async fn attempt(&self, write: &Write) -> Result<Attempt<Outcome>> {
        match &write.what {
            What::Put(item) => self.put(write, item).await,
            What::Update(key, expression) => self.update(write, key, expression).await,
            What::Delete(key) => self.delete(write, key).await,
            What::Check(_) => Err(anyhow!("a check alone is not a write")),
        }
    }

    async fn put(&self, write: &Write, item: &Item) -> Result<Attempt<Outcome>> {
        use aws_sdk_dynamodb::operation::put_item::PutItemError;
        let request = self
            .clients
            .dynamodb()
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item.0.clone()));
        let request = request
            .set_condition_expression(write.condition.clone())
            .set_expression_attribute_names(write.names());
        let request = request.set_expression_attribute_values(write.bound());
        match request
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await
        {
            Ok(_) => Ok(Attempt::Done(Outcome::Done(Item::default()))),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(refused_by(refused.item()))
                }
                _ => retry_or_fail("PutItem", error),
            },
        }
    }

    async fn update(&self, write: &Write, key: &Key, expression: &str) -> Result<Attempt<Outcome>> {
        use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
        let request = self
            .clients
            .dynamodb()
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.clone().attributes()));
        let request =
            request.update_expression(expression).set_condition_expression(write.condition.clone());
        let request = request
            .set_expression_attribute_names(write.names())
            .set_expression_attribute_values(write.bound());
        let request = request
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let returned = if write.returns_old { ReturnValue::AllOld } else { ReturnValue::AllNew };
        match request.return_values(returned).send().await {
            Ok(done) => Ok(Attempt::Done(Outcome::Done(Item(done.attributes.unwrap_or_default())))),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(refused_by(refused.item()))
                }
                _ => retry_or_fail("UpdateItem", error),
            },
        }
    }

    async fn delete(&self, write: &Write, key: &Key) -> Result<Attempt<Outcome>> {
        use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
        let request = self
            .clients
            .dynamodb()
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(key.clone().attributes()));
        let request = request
            .set_condition_expression(write.condition.clone())
            .set_expression_attribute_names(write.names());
        let request = request.set_expression_attribute_values(write.bound());
        let request = request
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.return_values(ReturnValue::AllOld).send().await {
            Ok(done) => Ok(Attempt::Done(Outcome::Done(Item(done.attributes.unwrap_or_default())))),
            Err(error) => match error.as_service_error() {
                Some(DeleteItemError::ConditionalCheckFailedException(refused)) => {
                    Ok(refused_by(refused.item()))
                }
                _ => retry_or_fail("DeleteItem", error),
            },
        }
    }

    /// The SDK sends a token with each call, so that its own retry of an applied transaction gets
    /// the first answer.
    async fn attempt_all(&self, writes: &[Write]) -> Result<Attempt<AllOutcome>> {
        let items =
            writes.iter().map(|write| write.in_transaction(&self.name)).collect::<Result<_>>()?;
        let sent = self
            .clients
            .dynamodb()
            .transact_write_items()
            .set_transact_items(Some(items))
            .send()
            .await;
        let Err(error) = sent else { return Ok(Attempt::Done(AllOutcome::Done)) };
        let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) =
            error.as_service_error()
        else {
            return retry_or_fail("TransactWriteItems", error);
        };
        let reasons = cancelled.cancellation_reasons();
        if reasons.iter().any(|reason| is_retryable(reason.code())) {
            return Ok(Attempt::Retry(failed("TransactWriteItems", error)));
        }
        if !reasons.iter().any(is_refusal) {
            return Err(failed("TransactWriteItems", error));
        }
        Ok(Attempt::Done(AllOutcome::Refused(reasons.iter().map(refusal).collect())))
    }

    /// Consistent read. `attributes` as in [`Query`].
    pub(crate) async fn get(&self, key: Key, attributes: Option<&str>) -> Result<Option<Item>> {
        let request = self
            .clients
            .dynamodb()
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.attributes()))
            .consistent_read(true);
        let request = request
            .set_projection_expression(attributes.map(str::to_owned))
            .set_expression_attribute_names(names(attributes));
        let got = async { request.send().await.map_err(|error| failed("GetItem", error)) };
        Ok(self.bounded("GetItem", got).await?.item.map(Item))
    }

    /// Consistent read of the items that exist, in the order of the keys. `attributes` as in
    /// [`Query`], including `#pk` and `#sk`.
    pub(crate) async fn get_all(
        &self,
        keys: &[Key],
        attributes: Option<&str>,
    ) -> Result<Vec<Item>> {
        let mut got: HashMap<Key, Item> = HashMap::new();
        for keys in keys.chunks(MAX_BATCH_GET) {
            let mut asked: Vec<Attributes> = keys.iter().cloned().map(Key::attributes).collect();
            let mut tries = self.tries();
            while !asked.is_empty() {
                let some = self.get_some(asked, attributes, &mut got);
                asked = self.bounded("BatchGetItem", some).await?;
                if !asked.is_empty() {
                    tries.pause(anyhow!("BatchGetItem left {} items", asked.len())).await?;
                }
            }
        }
        Ok(keys.iter().filter_map(|key| got.remove(key)).collect())
    }

    /// Returns the keys that are still unread.
    async fn get_some(
        &self,
        keys: Vec<Attributes>,
        attributes: Option<&str>,
        got: &mut HashMap<Key, Item>,
    ) -> Result<Vec<Attributes>> {
        let asked = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(true)
            .set_expression_attribute_names(names(attributes));
        let asked = asked.set_projection_expression(attributes.map(str::to_owned)).build()?;
        let answer =
            self.clients.dynamodb().batch_get_item().request_items(&self.name, asked).send().await;
        let answer = answer.map_err(|error| failed("BatchGetItem", error))?;
        for item in answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default() {
            let item = Item(item);
            got.insert(item.key()?, item);
        }
        let left = answer.unprocessed_keys.unwrap_or_default().remove(&self.name);
        Ok(left.map(|left| left.keys).unwrap_or_default())
    }

    pub(crate) async fn put_all(&self, items: Vec<Item>) -> Result<()> {
        let put = |item: Item| {
            Ok(WriteRequest::builder()
                .put_request(PutRequest::builder().set_item(Some(item.0)).build()?)
                .build())
        };
        self.write_batches(items.into_iter().map(put).collect::<Result<_>>()?).await
    }

    pub(crate) async fn delete_all(&self, keys: Vec<Key>) -> Result<()> {
        let delete = |key: Key| {
            let request = DeleteRequest::builder().set_key(Some(key.attributes())).build()?;
            Ok(WriteRequest::builder().delete_request(request).build())
        };
        self.write_batches(keys.into_iter().map(delete).collect::<Result<_>>()?).await
    }

    async fn write_batches(&self, requests: VecDeque<WriteRequest>) -> Result<()> {
        self.bounded("BatchWriteItem", self.write_each_batch(requests)).await
    }

    async fn write_each_batch(&self, mut requests: VecDeque<WriteRequest>) -> Result<()> {
        // Megabytes exceed what one partition can write in a second.
        let mut tries = self.tries().many();
        while !requests.is_empty() {
            let batch: Vec<WriteRequest> =
                requests.drain(..MAX_BATCH_WRITE.min(requests.len())).collect();
            let left = match self
                .clients
                .dynamodb()
                .batch_write_item()
                .request_items(&self.name, batch.clone())
                .send()
                .await
            {
                Ok(answer) => answer
                    .unprocessed_items
                    .unwrap_or_default()
                    .remove(&self.name)
                    .unwrap_or_default(),
                Err(error) if is_retryable(error.code()) => batch,
                Err(error) => return Err(failed("BatchWriteItem", error)),
            };
            if !left.is_empty() {
                tries.pause(anyhow!("BatchWriteItem left {} items", left.len())).await?;
                requests.extend(left);
            }
        }
        Ok(())
    }

    /// Consistent, unless it reads an index.
    pub(crate) async fn query(&self, query: &Query) -> Result<Found> {
        let request = self
            .clients
            .dynamodb()
            .query()
            .table_name(&self.name)
            .set_index_name(query.index.map(str::to_owned));
        let request = request
            .key_condition_expression(&query.condition)
            .set_filter_expression(query.filter.clone());
        let expressions =
            [Some(query.condition.as_str()), query.filter.as_deref(), query.attributes];
        let request =
            request.set_expression_attribute_names(names(expressions.into_iter().flatten()));
        let request = request
            .set_expression_attribute_values(Some(query.values.clone()))
            .scan_index_forward(!query.backward);
        let request = request
            .set_projection_expression(query.attributes.map(str::to_owned))
            .set_exclusive_start_key(query.after.clone());
        let limit = query.limit.map(|limit| i32::try_from(limit).unwrap_or(i32::MAX));
        let request = request.set_limit(limit).consistent_read(query.index.is_none());
        let found = async { request.send().await.map_err(|error| failed("Query", error)) };
        let found = self.bounded("Query", found).await?;
        let items = found.items.unwrap_or_default().into_iter().map(Item).collect();
        Ok(Found { items, next: found.last_evaluated_key.filter(|key| !key.is_empty()) })
    }

    pub(crate) async fn query_all(&self, mut query: Query) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        loop {
            let found = self.query(&query).await?;
            items.extend(found.items);
            match found.next {
                Some(next) => query.after = Some(next),
                None => return Ok(items),
            }
        }
    }
}

impl Query {
    /// The items of a partition whose sort key starts with `begin`.
    pub(crate) fn beginning(pk: &str, begin: &str) -> Self {
        let condition =
            if begin.is_empty() { "#pk = :pk" } else { "#pk = :pk AND begins_with(#sk, :begin)" };
        let query = Self { condition: condition.to_owned(), ..Self::default() }
            .bind(":pk", crate::item::text(pk));
        if begin.is_empty() { query } else { query.bind(":begin", crate::item::text(begin)) }
    }

    pub(crate) fn bind(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
        self
    }
}

impl AllOutcome {
    /// For a transaction in which only the first write can be refused: returns its refusal.
    pub(crate) fn first_refused(self) -> Result<Option<Refusal>> {
        match self {
            Self::Done => Ok(None),
            Self::Refused(refusals) => Ok(Some(
                refusals
                    .into_iter()
                    .next()
                    .flatten()
                    .context("another write than the first was refused")?,
            )),
        }
    }
}

fn refused_by(item: Option<&Attributes>) -> Attempt<Outcome> {
    Attempt::Done(Outcome::Refused(item.filter(|item| !item.is_empty()).cloned().map(Item)))
}

fn is_refusal(reason: &CancellationReason) -> bool {
    reason.code() == Some("ConditionalCheckFailed")
}

fn refusal(reason: &CancellationReason) -> Option<Refusal> {
    is_refusal(reason)
        .then(|| Refusal(reason.item().filter(|item| !item.is_empty()).cloned().map(Item)))
}

fn retry_or_fail<T, E, R>(operation: &str, error: SdkError<E, R>) -> Result<Attempt<T>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    if is_retryable(error.code()) {
        Ok(Attempt::Retry(failed(operation, error)))
    } else {
        Err(failed(operation, error))
    }
}
