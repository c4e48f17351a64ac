//! The budget of the run's key: looked up before each priced call, and counted after it. At most
//! the calls in flight are spent beyond it.

use anyhow::Result;
use flowgate_app::budget::{Spending, Spent};
use flowgate_engine::call::CallFigures;
use flowgate_engine::{Call, CallId, CallResult};
use flowgate_outbound::Estimate;

use super::Driver;

impl Driver {
    /// Returns why the key may not pay for the call. With a limit in dollars, a call that may go
    /// out must have a known price.
    pub(super) async fn key_refusal(
        &mut self,
        id: &CallId,
        call: &mut Call,
    ) -> Result<Option<String>> {
        if !self.run.is_priced(id) {
            return Ok(None);
        }
        let Some((budget, account)) = self.app.key_budget(&self.head).await? else {
            return Ok(None);
        };
        call.needs_price |= budget.limit.cost_nano_usd.is_some();
        Ok(budget.refusal(self.app.spent(&account).await?))
    }

    /// Counts a call that has ended, before its result is recorded: a crash in between makes the
    /// call again, and it is paid again. What was in flight at a crash is not counted.
    pub(super) async fn count_spending(&mut self, id: &CallId, result: &CallResult) -> Result<()> {
        let unpaid = self.calls.take_unpaid(id);
        // The run may have gone on without the call, which is paid all the same.
        if unpaid.is_none() && !self.run.is_priced(id) {
            return Ok(());
        }
        self.spend(id, || spent_by(result, unpaid.map(|unpaid| unpaid.estimate()))).await
    }

    /// Counts the calls that were dropped in flight: they are paid, too.
    pub(super) async fn count_aborted(&mut self) -> Result<()> {
        for (id, unpaid) in self.calls.take_aborted() {
            self.spend(&id, || spent_by_unknown(unpaid.estimate())).await?;
        }
        Ok(())
    }

    async fn spend(&mut self, id: &CallId, spent: impl FnOnce() -> Spent + Send) -> Result<()> {
        let Some((_, account)) = self.app.key_budget(&self.head).await? else { return Ok(()) };
        let spent = spent();
        if spent == Spent::default() {
            return Ok(());
        }
        let call = format!("{id}@{}", self.lease.fence);
        let spending = Spending { run: self.head.id.clone(), call, spent };
        self.app.spend(&account, spending).await
    }
}

/// A call that fails without saying what it has used counts as the estimate, unless the provider
/// has refused it by a status.
fn spent_by(result: &CallResult, estimate: Option<Estimate>) -> Spent {
    let figures = CallFigures::of(result);
    let has_failed = figures.code.is_some();
    let is_estimated = has_failed && figures.http_status.is_none();
    let estimate = estimate.filter(|_| is_estimated).unwrap_or_default();
    let unmetered = |figure: Option<u64>| u64::from(figure.is_none() && !has_failed);
    let is_unknown = figures.tokens.is_none() || figures.cost_nano_usd.is_none();
    Spent {
        tokens: figures.tokens.unwrap_or(estimate.tokens),
        cost_nano_usd: figures.cost_nano_usd.unwrap_or(estimate.cost_nano_usd),
        tokens_unmetered: unmetered(figures.tokens),
        cost_unmetered: unmetered(figures.cost_nano_usd),
        unknown: u64::from(is_unknown && has_failed),
    }
}

fn spent_by_unknown(estimate: Estimate) -> Spent {
    let Estimate { tokens, cost_nano_usd } = estimate;
    Spent { tokens, cost_nano_usd, unknown: 1, ..Spent::default() }
}

#[cfg(test)]
mod tests {
    use flowgate_engine::{CallError, CallOutput};
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_call_does_not_say_is_counted_as_such() {
        let succeeded = |tokens, cost_nano_usd| {
            let output = CallOutput { value: json!({}), tokens, cost_nano_usd };
            spent_by(&CallResult::Succeeded(output), ESTIMATE)
        };
        let known = Spent { tokens: 5, cost_nano_usd: 9, ..Spent::default() };
        assert_eq!(succeeded(Some(5), Some(9)), known);
        let unmetered = Spent { tokens: 5, cost_unmetered: 1, ..Spent::default() };
        assert_eq!(succeeded(Some(5), None), unmetered);
        let failed = CallError { code: "timeout".into(), ..CallError::default() };
        let unknown = Spent { tokens: 100, cost_nano_usd: 1_000, unknown: 1, ..Spent::default() };
        assert_eq!(spent_by(&CallResult::Failed(failed.clone()), ESTIMATE), unknown);
        let partly = failed.clone().having_used(Some(7), None);
        let known = Spent { tokens: 7, ..unknown };
        assert_eq!(spent_by(&CallResult::Failed(partly), ESTIMATE), known);
        let status = Some(Box::new(json!({ "status": 500 })));
        let by_status = CallError { output: status, ..failed.clone() };
        let uncounted = Spent { unknown: 1, ..Spent::default() };
        assert_eq!(spent_by(&CallResult::Failed(by_status), ESTIMATE), uncounted);
        let refused = CallError { nothing_happened: true, ..failed };
        assert_eq!(spent_by(&CallResult::Failed(refused), ESTIMATE), Spent::default());
    }

    const ESTIMATE: Option<Estimate> = Some(Estimate { tokens: 100, cost_nano_usd: 1_000 });
}
