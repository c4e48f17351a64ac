//! The write that saves a draft.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::item::{Item, text};
use crate::write::Write;

/// Replaces the draft; keeps what the workflow was created with.
pub(crate) fn saved(
    new: &Item,
    draft: &AttributeValue,
    etag: &str,
    if_match: Option<&str>,
) -> Result<Write> {
    let mut write = Write::update(
        new.key()?,
        "SET #draft = :draft, #etag = :etag, #id = :id, #list_pk = :list_pk, #list_sk = :list_sk, \
         #uid = if_not_exists(#uid, :uid), #created_at = if_not_exists(#created_at, \
         :created_at), #signing = if_not_exists(#signing, :signing), #versions = \
         if_not_exists(#versions, :versions)",
    );
    for name in ["id", "list_pk", "list_sk", "uid", "created_at", "signing", "versions"] {
        write = write.bind(&format!(":{name}"), new.value(name)?.clone());
    }
    let write = write.bind(":draft", draft.clone()).bind(":etag", text(etag)).returning_old();
    Ok(match if_match {
        // If the stored draft is this very one, the write is the retry of one that was applied.
        Some(etag) => {
            write.only_if("#etag = :if_match OR #etag = :etag").bind(":if_match", text(etag))
        }
        None => write,
    })
}
