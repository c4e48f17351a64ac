//! What a replay of a run asks for.

use flowgate_app::Error;
use flowgate_runner::rerun::Rerun;
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::fields::Fields;

/// How a run is repeated.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only its schema is used; `Rerun` has the same fields")]
pub(super) struct ReplayRun {
    /// The id or name of a node: it and what depends on it are made anew.
    from: Option<String>,
    /// `true`: everything is made anew, and nothing is taken over. By default so for a run that
    /// succeeded, if no other field is given.
    all: Option<bool>,
    /// Instead of the run's own, checked as at a start.
    #[schema(required = false)]
    input: Value,
    /// Instead of the run's own; `draft`: the saved draft, for authors.
    version: Option<String>,
}

impl ReplayRun {
    pub(super) fn read(body: Value) -> Result<Rerun, Error> {
        let mut fields = Fields::of_body(body)?;
        let rerun = Rerun {
            from: fields.take_string("from"),
            all: fields.take_bool("all"),
            input: fields.take("input"),
            version: fields.take_string("version"),
        };
        fields.finish()?;
        Ok(rerun)
    }
}
