//! Sessions: a row each, and a mark per write, so that none is applied twice.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::hash::sha256_hex;
use flowgate_core::session::{Saved, Session, SessionKey, Sessions, WriteMark};
use flowgate_core::time::Timestamp;

use crate::Aws;
use crate::item::{Item, Key, number, seconds, text, time};
use crate::table::Query;
use crate::value::{inline, unpack_inline};
use crate::write::{AllOutcome, Write};

const SESSION: &str = "SESSION";

#[async_trait]
impl Sessions for Aws {
    async fn read(&self, key: &SessionKey, now: Timestamp) -> Result<Option<Session>> {
        let Some(item) = self.table().get(row_of(key), None).await? else { return Ok(None) };
        let expires_at = item.time("kept_until")?;
        if expires_at <= now {
            return Ok(None);
        }
        let session: Session = serde_json::from_str(&unpack_inline(item.value("session")?)?)?;
        Ok(Some(Session { expires_at, ..session }))
    }

    async fn save(
        &self,
        key: &SessionKey,
        session: &Session,
        mark: &WriteMark,
        now: Timestamp,
    ) -> Result<Saved> {
        let put = Write::put(item(key, session)?);
        let put = match session.revision {
            1 => put
                .only_if("attribute_not_exists(#pk) OR #kept_until <= :now")
                .bind(":now", time(now)),
            next => put
                .only_if("#revision = :before AND #kept_until > :now")
                .bind(":before", number(next - 1))
                .bind(":now", time(now)),
        };
        let mark =
            Item::new(Key::new(partition(key), format!("W#{}", sha256_hex(mark.0.as_bytes()))))
                .with("expires_at", self.parts_expire_at());
        match self.table().write_all(&[put, Write::put(mark).if_absent()]).await? {
            AllOutcome::Done => Ok(Saved::Saved),
            AllOutcome::Refused(refusals) => Ok(match &refusals[..] {
                [_, Some(_)] => Saved::Already,
                _ => Saved::Conflict,
            }),
        }
    }

    async fn extend(&self, key: &SessionKey, until: Timestamp) -> Result<()> {
        let write = Write::update(row_of(key), "SET #kept_until = :until, #expires_at = :seconds")
            .only_if("#kept_until < :until")
            .bind(":until", time(until))
            .bind(":seconds", seconds(until));
        // Refused: it is gone, or another use has moved it.
        self.table().write(&write).await?;
        Ok(())
    }

    async fn delete_some(&self, uid: &str, user: Option<&str>, limit: usize) -> Result<usize> {
        let query = Query {
            index: Some("list"),
            condition: "#list_pk = :list AND begins_with(#list_sk, :user)".to_owned(),
            attributes: Some("#pk, #sk"),
            limit: Some(limit),
            ..Query::default()
        };
        let begin = user.map_or_else(String::new, |user| of_user(Some(user)));
        // DynamoDB takes no empty beginning.
        let query = match user {
            Some(_) => query.bind(":user", text(begin)),
            None => Query { condition: "#list_pk = :list".to_owned(), ..query },
        };
        let found = self.table().query(&query.bind(":list", text(list_of(uid)))).await?;
        for row in &found.items {
            let keys = self.keys_in(&row.key()?.pk).await?;
            let (row, marks): (Vec<_>, Vec<_>) =
                keys.into_iter().partition(|key| key.sk == SESSION);
            self.table().delete_all(marks).await?;
            self.table().delete_all(row).await?;
        }
        Ok(found.items.len())
    }
}

fn partition(key: &SessionKey) -> String {
    format!("SESSION#{}", key.id)
}

fn row_of(key: &SessionKey) -> Key {
    Key::new(partition(key), SESSION)
}

fn list_of(uid: &str) -> String {
    format!("SESSIONS#{uid}")
}

/// Those of one user are next to each other, wherever they are cut.
fn of_user(user: Option<&str>) -> String {
    user.map_or_else(|| "-#".to_owned(), |user| format!("{}#", sha256_hex(user.as_bytes())))
}

fn item(key: &SessionKey, session: &Session) -> Result<Item> {
    let place = format!("{}{}", of_user(session.owner.user.as_deref()), key.id);
    Ok(Item::new(row_of(key))
        .with("session", inline(serde_json::to_string(session)?))
        .with("revision", number(session.revision))
        .with("kept_until", time(session.expires_at))
        .with("expires_at", seconds(session.expires_at))
        .with("list_pk", text(list_of(&key.workflow_uid)))
        .with("list_sk", text(place)))
}
