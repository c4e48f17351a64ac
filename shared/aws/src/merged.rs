//! Pages of a list that lies in several partitions of the index, in one order.

use std::collections::VecDeque;

use anyhow::Result;
use flowgate_core::page::Page;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::Aws;
use crate::item::Item;
use crate::lists::pointed_run;
use crate::page::{Filling, Listing, Lists, MAX_ITEMS, Reading};
use crate::table::{Query, Table};

/// A filter that matches little may read a lot. After this many rounds of queries the page ends;
/// the next page continues.
const MAX_ROUNDS: u32 = 8;
/// Items that a filtered query scans, in the first round and at most.
const SCANNED: usize = 64;
/// Queries at a time: a list over many workflows has 17 partitions of each.
pub(crate) const MAX_CONCURRENT: usize = 64;
const MAX_SCANNED: usize = 1000;

/// The partitions of a list, and what was read of each and not taken yet.
struct Merged {
    sources: Vec<Source>,
    backward: bool,
    rounds: u32,
    /// The place of the last item that was taken.
    taken: Option<String>,
}

struct Source {
    lists: Lists,
    query: Query,
    named: VecDeque<(String, Item)>,
    is_done: bool,
}

impl Aws {
    /// The page of all the listings together. They differ in their list alone.
    pub(crate) async fn merged_page<'a, T: Send>(
        &self,
        listings: Vec<Listing>,
        limit: usize,
        read: impl Fn(Item) -> Reading<'a, T> + Sync,
    ) -> Result<Page<T>> {
        let mut filling = Filling::new(limit.clamp(1, MAX_ITEMS));
        let attributes = listings.first().and_then(|listing| listing.attributes.clone());
        let mut merged = Merged::of(listings);
        while merged.rounds < MAX_ROUNDS {
            // Reads one more than fits, to know whether there is another page.
            let wanted = filling.left() + 1;
            merged.read(self.table(), wanted).await?;
            let named = merged.take(wanted)?;
            if !self.table().fill(&mut filling, &named, attributes.as_deref(), &read).await? {
                return Ok(filling.page());
            }
            if merged.is_done() {
                return Ok(Page { items: filling.items, next_cursor: None });
            }
        }
        let next_cursor = merged.frontier();
        Ok(Page { items: filling.items, next_cursor })
    }
}

impl Merged {
    fn of(listings: Vec<Listing>) -> Self {
        let backward = listings.first().is_some_and(|listing| listing.backward);
        let source = |listing: Listing| Source {
            lists: listing.lists,
            query: listing.query(),
            named: VecDeque::new(),
            is_done: false,
        };
        Self {
            sources: listings.into_iter().map(source).collect(),
            backward,
            rounds: 0,
            taken: None,
        }
    }

    fn is_done(&self) -> bool {
        self.sources.iter().all(|source| source.is_done && source.named.is_empty())
    }

    /// Reads on where nothing is left. Each round reads more, so that a list that lies in one
    /// partition takes few.
    async fn read(&mut self, table: &Table, wanted: usize) -> Result<()> {
        let share = wanted.div_ceil(self.sources.len().max(1)) + 1;
        let (round, is_empty) =
            (self.rounds, |source: &&mut Source| !source.is_done && source.named.is_empty());
        let reads = self.sources.iter_mut().filter(is_empty).map(|source| {
            let least = if source.query.filter.is_some() { SCANNED } else { share };
            let most = if source.query.filter.is_some() { MAX_SCANNED } else { wanted };
            source.query.limit = Some((least << round).min(most.max(least)));
            source.read(table)
        });
        let reads: Vec<_> = reads.collect();
        stream::iter(reads).buffer_unordered(MAX_CONCURRENT).try_collect::<()>().await?;
        self.rounds += 1;
        Ok(())
    }

    /// Takes items in their order, up to where a partition must be read first.
    fn take(&mut self, wanted: usize) -> Result<Vec<Item>> {
        let mut taken = Vec::new();
        while taken.len() < wanted
            && self.sources.iter().all(|source| source.is_done || !source.named.is_empty())
        {
            let backward = self.backward;
            let next = self.sources.iter_mut().filter(|source| !source.named.is_empty());
            let place = |source: &&mut Source| source.named.front().map(|(place, _)| place.clone());
            let next = if backward { next.max_by_key(place) } else { next.min_by_key(place) };
            let Some((place, item)) = next.and_then(|source| source.named.pop_front()) else {
                break;
            };
            self.taken = Some(place);
            taken.push(item);
        }
        Ok(taken)
    }

    /// The place up to which every partition was read.
    fn frontier(&self) -> Option<String> {
        let waits = |source: &&Source| !source.is_done && source.named.is_empty();
        let places = self.sources.iter().filter(waits).filter_map(Source::place);
        let place = if self.backward { places.max() } else { places.min() };
        place.or_else(|| self.taken.clone())
    }
}

impl Source {
    async fn read(&mut self, table: &Table) -> Result<()> {
        let found = table.query(&self.query).await?;
        for item in found.items {
            let item = match self.lists {
                Lists::Index => item,
                Lists::Pointers => pointed_run(&item)?,
            };
            self.named.push_back((item.text("list_sk")?.to_owned(), item));
        }
        self.is_done = found.next.is_none();
        self.query.after = found.next;
        Ok(())
    }

    fn place(&self) -> Option<String> {
        let (_, place) = self.lists.key();
        self.query.after.as_ref()?.get(place)?.as_s().ok().cloned()
    }
}
