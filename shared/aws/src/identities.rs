//! The list of workflows without their drafts.

use anyhow::Result;
use flowgate_core::page::Page;
use flowgate_core::workflow::Identity;
use futures_util::FutureExt;

use crate::Aws;
use crate::item::{Item, Key};
use crate::page::{Listed, Listing};

impl Aws {
    pub(crate) async fn list_identities(
        &self,
        list: &str,
        start: Option<(String, Key)>,
        limit: usize,
    ) -> Result<Page<Identity>> {
        let attributes = Some("#pk, #sk, #id, #uid".to_owned());
        let listing = Listing { attributes, ..Listing::of(list, start) };
        let read = |item: Item| {
            async move {
                let identity =
                    Identity { id: item.text("id")?.to_owned(), uid: item.text("uid")?.to_owned() };
                Ok(Some(Listed { cursor: identity.id.clone(), item: identity, bytes: 0 }))
            }
            .boxed()
        };
        self.list_page(listing, limit, read).await
    }
}
