//! Pages of a list, cut by number and by size.

use anyhow::Result;
use flowgate_core::page::{Page, PageRequest};
use rusqlite::Rows;

const MOST_ITEMS: usize = 1000;
/// Items hold up to megabytes each. Past this a page ends before its limit.
const MOST_BYTES: usize = 16 << 20;

/// An item, its size in bytes, and the cursor of the page that begins after it.
pub(crate) struct Listed<T> {
    pub(crate) item: T,
    pub(crate) bytes: usize,
    pub(crate) cursor: String,
}

/// `rows` come one by one, in the list's order, from behind the request's cursor on.
pub(crate) fn page<T>(
    request: &PageRequest,
    mut rows: Rows<'_>,
    read: impl Fn(&rusqlite::Row<'_>) -> Result<Listed<T>>,
) -> Result<Page<T>> {
    let limit = request.limit.clamp(1, MOST_ITEMS);
    let (mut items, mut bytes, mut cursor) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        if items.len() == limit || bytes >= MOST_BYTES {
            return Ok(Page { items, next_cursor: cursor });
        }
        let listed = read(row)?;
        items.push(listed.item);
        bytes += listed.bytes;
        cursor = Some(listed.cursor);
    }
    Ok(Page { items, next_cursor: None })
}
