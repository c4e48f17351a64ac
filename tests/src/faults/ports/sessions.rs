//! Sessions under faults.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::session::{Saved, Session, SessionKey, Sessions, WriteMark};
use flowgate_core::time::Timestamp;

use super::Faulty;
use crate::faults::without::Guard;

#[async_trait]
impl Sessions for Faulty {
    async fn read(&self, key: &SessionKey, now: Timestamp) -> Result<Option<Session>> {
        self.around("sessions.read", &key.id, self.inner.sessions.read(key, now)).await
    }

    async fn save(
        &self,
        key: &SessionKey,
        session: &Session,
        mark: &WriteMark,
        now: Timestamp,
    ) -> Result<Saved> {
        let unmarked = WriteMark(format!("{} at revision {}", mark.0, session.revision));
        let mark = if self.is_without(Guard::SessionMark) { &unmarked } else { mark };
        let work = self.inner.sessions.save(key, session, mark, now);
        self.around("sessions.save", &key.id, work).await
    }

    async fn extend(&self, key: &SessionKey, until: Timestamp) -> Result<()> {
        self.around("sessions.extend", &key.id, self.inner.sessions.extend(key, until)).await
    }

    async fn delete_some(&self, uid: &str, user: Option<&str>, limit: usize) -> Result<usize> {
        let work = self.inner.sessions.delete_some(uid, user, limit);
        self.around("sessions.delete_some", uid, work).await
    }
}
