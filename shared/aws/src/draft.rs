//! The row of a workflow with its draft, and the write that saves it.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use flowgate_core::secret::SigningPin;
use flowgate_core::workflow::{Draft, RollbackTargets, WorkflowRecord, version_number};

use crate::Aws;
use crate::item::{Item, Key, number, text, time};
use crate::table::Table;
use crate::value::{MAX_ITEM_BYTES, Packer};
use crate::write::Write;

/// A row has room for two drafts: the new one and the one it replaces.
const MAX_INLINE_DRAFT: usize = MAX_ITEM_BYTES / 2;

/// The row of a draft, whose chunks are stored already.
pub(crate) struct NewDraft {
    pub new: Item,
    pub draft: AttributeValue,
    pub chunks: Vec<Key>,
}

impl Aws {
    /// Each write names its chunks uniquely, so that none deletes the chunks of another.
    pub(crate) fn packer_of_workflow(&self, key: &Key) -> Packer {
        let mut salt = [0; 16];
        self.inner.entropy.fill(&mut salt);
        Packer {
            pk: key.pk.clone(),
            salt: format!("{:032x}", u128::from_be_bytes(salt)),
            expires_at: None,
        }
    }

    /// Stores what the row of a draft has no room for.
    pub(crate) async fn new_draft(
        &self,
        (id, list, key): (&str, &str, Key),
        draft: &Draft,
        uid: &str,
        signing: SigningPin,
    ) -> Result<NewDraft> {
        let packed =
            self.packer_of_workflow(&key).pack(serde_json::to_string(draft)?, MAX_INLINE_DRAFT);
        let chunks = packed.chunks.iter().map(Item::key).collect::<Result<Vec<_>>>()?;
        self.put_chunks(packed.chunks).await?;
        let new = Item::new(key)
            .with("id", text(id))
            .with("list_pk", text(list))
            .with("list_sk", text(id))
            .with("uid", text(uid))
            .with("created_at", time(draft.saved_at))
            .with("signing", text(serde_json::to_string(&signing)?))
            .with("versions", number(0));
        Ok(NewDraft { new, draft: packed.attribute, chunks })
    }
}

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

impl Table {
    /// Returns the workflow of a row, and the bytes of its draft.
    pub(crate) async fn workflow(&self, item: &Item) -> Result<(WorkflowRecord, usize)> {
        let [draft] = self.unpack(item.text("pk")?, [Some(item.value("draft")?)]).await?;
        let draft = draft.unwrap_or_default();
        let record = WorkflowRecord {
            id: item.text("id")?.to_owned(),
            uid: item.text("uid")?.to_owned(),
            draft: serde_json::from_str(&draft)?,
            active_version: item.find_text("active_version").map(str::to_owned),
            activated_at: item.find_time("activated_at")?,
            rollback_targets: rollback_targets(item)?,
            created_at: item.time("created_at")?,
            signing: serde_json::from_str(item.text("signing")?)?,
            signing_before: item
                .find_text("signing_before")
                .map(serde_json::from_str)
                .transpose()?,
            public_as: item.find_text("public_as").map(str::to_owned),
        };
        Ok((record, draft.len()))
    }
}

/// Rows that predate rollback targets have none.
pub(crate) fn rollback_targets(row: &Item) -> Result<RollbackTargets> {
    let Some(stored) = row.find_text("rollback_targets") else {
        let active = row.find_text("active_version").and_then(version_number);
        return Ok(RollbackTargets::all_below(active.map_or_else(|| row.number("versions"), Ok)?));
    };
    Ok(serde_json::from_str(stored)?)
}
