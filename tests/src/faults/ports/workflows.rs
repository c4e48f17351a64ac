//! Workflows under faults.

use anyhow::Result;
use async_trait::async_trait;
use flowgate_core::job::Job;
use flowgate_core::lease::Written;
use flowgate_core::page::{Page, PageRequest};
use flowgate_core::schedule::{NewSchedule, Schedule};
use flowgate_core::secret::SigningPin;
use flowgate_core::time::Timestamp;
use flowgate_core::workflow::{
    Draft, DraftSaved, Identity, NewVersion, SetActive, VersionInfo, VersionPublished,
    VersionRecord, WorkflowDeleted, WorkflowRecord, Workflows,
};

use super::Faulty;

#[async_trait]
impl Workflows for Faulty {
    async fn read(&self, id: &str) -> Result<Option<WorkflowRecord>> {
        self.around("workflows.read", id, self.inner.workflows.read(id)).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<WorkflowRecord>> {
        self.around("workflows.list", "", self.inner.workflows.list(page)).await
    }

    async fn identities(&self, page: PageRequest) -> Result<Page<Identity>> {
        self.around("workflows.identities", "", self.inner.workflows.identities(page)).await
    }

    async fn save_draft(
        &self,
        id: &str,
        draft: Draft,
        uid_if_new: &str,
        signing: SigningPin,
        if_match: Option<&str>,
    ) -> Result<DraftSaved> {
        let work = self.inner.workflows.save_draft(id, draft, uid_if_new, signing, if_match);
        self.around("workflows.save_draft", id, work).await
    }

    async fn create(
        &self,
        id: &str,
        draft: Draft,
        uid: &str,
        signing: SigningPin,
    ) -> Result<Option<WorkflowRecord>> {
        let work = self.inner.workflows.create(id, draft, uid, signing);
        self.around("workflows.create", id, work).await
    }

    async fn publish(&self, id: &str, version: NewVersion) -> Result<Option<VersionPublished>> {
        self.around("workflows.publish", id, self.inner.workflows.publish(id, version)).await
    }

    async fn set_active(
        &self,
        id: &str,
        version: Option<&str>,
        at: Timestamp,
        schedules: Vec<NewSchedule>,
    ) -> Result<SetActive> {
        let work = self.inner.workflows.set_active(id, version, at, schedules);
        self.around("workflows.set_active", id, work).await
    }

    async fn version(&self, uid: &str, version: &str) -> Result<Option<VersionRecord>> {
        let work = self.inner.workflows.version(uid, version);
        self.around("workflows.version", uid, work).await
    }

    async fn versions(&self, uid: &str, page: PageRequest) -> Result<Page<VersionInfo>> {
        self.around("workflows.versions", uid, self.inner.workflows.versions(uid, page)).await
    }

    async fn rotate_signing(
        &self,
        id: &str,
        pin: SigningPin,
        overlap_until: Timestamp,
    ) -> Result<bool> {
        let work = self.inner.workflows.rotate_signing(id, pin, overlap_until);
        self.around("workflows.rotate_signing", id, work).await
    }

    async fn set_public(&self, id: &str, key: Option<&str>, was: Option<&str>) -> Result<bool> {
        let work = self.inner.workflows.set_public(id, key, was);
        self.around("workflows.set_public", id, work).await
    }

    async fn public_as(&self, key: &str, after: &str, limit: usize) -> Result<Vec<String>> {
        let work = self.inner.workflows.public_as(key, after, limit);
        self.around("workflows.public_as", "", work).await
    }

    async fn delete(
        &self,
        id: &str,
        uid: &str,
        if_match: Option<&str>,
        job: Job,
    ) -> Result<WorkflowDeleted> {
        let work = self.inner.workflows.delete(id, uid, if_match, job);
        self.around("workflows.delete", id, work).await
    }

    async fn schedules(&self, uid: &str) -> Result<Vec<Schedule>> {
        self.around("workflows.schedules", uid, self.inner.workflows.schedules(uid)).await
    }

    async fn save_schedule(&self, next: &Schedule, sweep_at: Option<Timestamp>) -> Result<Written> {
        let work = self.inner.workflows.save_schedule(next, sweep_at);
        self.around("workflows.save_schedule", &next.uid, work).await
    }

    async fn delete_versions(&self, uid: &str, limit: usize) -> Result<usize> {
        let work = self.inner.workflows.delete_versions(uid, limit);
        self.around("workflows.delete_versions", uid, work).await
    }
}
