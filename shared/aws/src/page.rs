//! Pages of a list, limited in number and size of items. The index names the items; the table holds
//! them.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::page::Page;
use futures_util::future::BoxFuture;

use crate::Aws;
use crate::item::{Attributes, Item, Key, text};
use crate::table::{Query, Table};

pub(crate) const MAX_ITEMS: usize = 1000;
/// An item may hold megabytes. A page ends once it holds this many bytes, even below its limit.
const MAX_BYTES: usize = 16 << 20;
/// Rows per batch read; their values are read one by one until the page is full.
const ROWS_PER_BATCH: usize = 25;
/// A filter that matches little may read a lot. After this many queries of the index the page ends;
/// the next page continues.
const MAX_QUERIES: usize = 20;
/// Items that a filtered query scans at least.
const MIN_SCANNED: usize = 1000;

/// An item, its size in bytes, and the cursor of the page that begins after it.
pub(crate) struct Listed<T> {
    pub(crate) item: T,
    pub(crate) bytes: usize,
    pub(crate) cursor: String,
}

/// Resolves to `None` for an item that should not be listed after all.
pub(crate) type Reading<'a, T> = BoxFuture<'a, Result<Option<Listed<T>>>>;

/// A condition on what a list holds of its items, with the name and value that it binds.
pub(crate) type Condition = (&'static str, &'static str, AttributeValue);

/// Where a list lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lists {
    /// In the index `list`.
    Index,
    /// In the table: items whose sort key names a run.
    Pointers,
}

impl Lists {
    /// Returns the attributes of the list's name and of the place in it.
    pub(crate) fn key(self) -> (&'static str, &'static str) {
        match self {
            Self::Index => ("list_pk", "list_sk"),
            Self::Pointers => ("pk", "sk"),
        }
    }
}

/// A query of a list.
pub(crate) struct Listing {
    pub(crate) list: String,
    pub(crate) lists: Lists,
    /// The item after which the page starts: its place in the list, and its key.
    pub(crate) start: Option<(String, Key)>,
    /// The first and the last place to read; `None`: the whole list.
    pub(crate) range: Option<(String, String)>,
    pub(crate) backward: bool,
    /// Attributes of the rows to read; `None`: all.
    pub(crate) attributes: Option<String>,
    pub(crate) filter: Vec<Condition>,
}

impl Listing {
    pub(crate) fn of(list: impl Into<String>, start: Option<(String, Key)>) -> Self {
        Self {
            list: list.into(),
            lists: Lists::Index,
            start,
            range: None,
            backward: false,
            attributes: None,
            filter: Vec::new(),
        }
    }

    pub(crate) fn query(self) -> Query {
        let after = self.start.map(|(place, key)| {
            let mut after = key.attributes();
            after.extend([
                ("list_pk".to_owned(), text(&self.list)),
                ("list_sk".to_owned(), text(place)),
            ]);
            after
        });
        let conditions: Vec<&str> = self.filter.iter().map(|(condition, ..)| *condition).collect();
        let filter = (!conditions.is_empty()).then(|| conditions.join(" AND "));
        let (list, place) = self.lists.key();
        let query = Query {
            index: (self.lists == Lists::Index).then_some("list"),
            condition: format!("#{list} = :list"),
            filter,
            backward: self.backward,
            after,
            ..Query::default()
        };
        let query = match self.range {
            Some((first, last)) => Query {
                condition: format!("#{list} = :list AND #{place} BETWEEN :first AND :last"),
                ..query
            }
            .bind(":first", text(first))
            .bind(":last", text(last)),
            None => query,
        };
        self.filter
            .into_iter()
            .fold(query.bind(":list", text(self.list)), |query, (_, name, value)| {
                query.bind(name, value)
            })
    }
}

/// A page that is being filled.
pub(crate) struct Filling<T> {
    pub(crate) items: Vec<T>,
    limit: usize,
    bytes: usize,
    cursor: Option<String>,
}

impl<T> Filling<T> {
    pub(crate) fn new(limit: usize) -> Self {
        Self { items: Vec::new(), limit, bytes: 0, cursor: None }
    }

    /// The page, after which there is another.
    pub(crate) fn page(self) -> Page<T> {
        Page { items: self.items, next_cursor: self.cursor }
    }

    pub(crate) fn left(&self) -> usize {
        if self.bytes >= MAX_BYTES { 0 } else { self.limit - self.items.len() }
    }

    fn push(&mut self, listed: Listed<T>) {
        self.items.push(listed.item);
        self.bytes += listed.bytes;
        self.cursor = Some(listed.cursor);
    }
}

impl Aws {
    /// Not read-your-writes: the index lags a little behind the rows.
    pub(crate) async fn list_page<'a, T: Send>(
        &self,
        listing: Listing,
        limit: usize,
        read: impl Fn(Item) -> Reading<'a, T> + Sync,
    ) -> Result<Page<T>> {
        let limit = limit.clamp(1, MAX_ITEMS);
        let mut filling = Filling::new(limit);
        let attributes = listing.attributes.clone();
        let mut query = listing.query();
        for _ in 0..MAX_QUERIES {
            // Reads one more than fits to learn whether there is another page.
            let wanted = filling.left() + 1;
            query.limit =
                Some(if query.filter.is_some() { wanted.max(MIN_SCANNED) } else { wanted });
            let found = self.table().query(&query).await?;
            if !self.table().fill(&mut filling, &found.items, attributes.as_deref(), &read).await? {
                return Ok(filling.page());
            }
            let Some(next) = found.next else {
                return Ok(Page { items: filling.items, next_cursor: None });
            };
            filling.cursor = place_of(&next).or(filling.cursor);
            query.after = Some(next);
        }
        Ok(Page { items: filling.items, next_cursor: filling.cursor })
    }
}

impl Table {
    /// Returns `false` if the page is full and there is more.
    pub(crate) async fn fill<'a, T: Send>(
        &self,
        filling: &mut Filling<T>,
        named: &[Item],
        attributes: Option<&str>,
        read: &(impl Fn(Item) -> Reading<'a, T> + Sync),
    ) -> Result<bool> {
        let mut keys =
            named.iter().map(Item::key).collect::<Result<Vec<_>>>()?.into_iter().peekable();
        while keys.peek().is_some() {
            let wanted = filling.left().min(ROWS_PER_BATCH);
            if wanted == 0 {
                return Ok(false);
            }
            let some: Vec<Key> = keys.by_ref().take(wanted).collect();
            for item in self.get_all(&some, attributes).await? {
                if filling.left() == 0 {
                    return Ok(false);
                }
                if let Some(listed) = read(item).await? {
                    filling.push(listed);
                }
            }
        }
        Ok(true)
    }
}

fn place_of(key: &Attributes) -> Option<String> {
    key.get("list_sk")?.as_s().ok().cloned()
}
