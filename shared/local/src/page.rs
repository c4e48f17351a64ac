//! Pages of a list, limited in number and size of items.

use anyhow::Result;
use flowgate_core::page::{Page, PageRequest};
use rusqlite::Rows;

const MAX_ITEMS: usize = 1000;
/// An item may hold megabytes. A page ends once it holds this many bytes, even below its limit.
const MAX_BYTES: usize = 16 << 20;

/// An item, its size in bytes, and the cursor of the page that begins after it.
pub(crate) struct Listed<T> {
    pub(crate) item: T,
    pub(crate) bytes: usize,
    pub(crate) cursor: String,
}

/// `rows` are in the list's order and start after the request's cursor.
pub(crate) fn page<T>(
    request: &PageRequest,
    mut rows: Rows<'_>,
    read: impl Fn(&rusqlite::Row<'_>) -> Result<Listed<T>>,
) -> Result<Page<T>> {
    let limit = request.limit.clamp(1, MAX_ITEMS);
    let (mut items, mut bytes, mut cursor) = (Vec::new(), 0, None);
    while let Some(row) = rows.next()? {
        if items.len() == limit || bytes >= MAX_BYTES {
            return Ok(Page { items, next_cursor: cursor });
        }
        let listed = read(row)?;
        items.push(listed.item);
        bytes += listed.bytes;
        cursor = Some(listed.cursor);
    }
    Ok(Page { items, next_cursor: None })
}
