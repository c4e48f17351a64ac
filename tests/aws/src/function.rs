//! A function of the template.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::template::Template;

#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// The name in the template, else the logical id.
    pub(crate) name: String,
    pub(crate) logical_id: String,
    /// `worker` for `functions/worker`: the name in tests, permissions and the ledger.
    pub(crate) folder: String,
    pub(crate) binary: PathBuf,
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u64,
    pub(crate) concurrency: usize,
    pub(crate) environment: HashMap<String, String>,
}

/// The maximum number of processes if neither the template nor the command line sets one.
pub(crate) const CONCURRENCY: usize = 64;

impl Function {
    pub(crate) fn read(
        logical_id: &str,
        resource: &Value,
        template: &Template,
        binaries: &Path,
    ) -> anyhow::Result<Self> {
        let properties = &resource["Properties"];
        let program = program(logical_id, resource);
        let mut environment = HashMap::new();
        for (variable, value) in
            properties["Environment"]["Variables"].as_object().into_iter().flatten()
        {
            environment.insert(variable.clone(), template.text(value)?);
        }
        // Parameters may hold numbers as text, and an empty one means none.
        let number =
            |field: &str| template.text(&properties[field]).map(|text| text.parse::<u64>().ok());
        let reserved = number("ReservedConcurrentExecutions")?
            .and_then(|reserved| usize::try_from(reserved).ok());
        Ok(Self {
            name: template.text(&json!({ "Ref": logical_id }))?,
            logical_id: logical_id.to_owned(),
            folder: program.strip_prefix("flowgate-").unwrap_or(&program).to_owned(),
            binary: binaries.join(&program),
            timeout: Duration::from_secs(number("Timeout")?.unwrap_or(3)),
            memory_mb: number("MemorySize")?.unwrap_or(128),
            concurrency: reserved.unwrap_or(CONCURRENCY),
            environment,
        })
    }
}

/// The binary in the metadata for SAM's build, else one named after the logical id.
fn program(logical_id: &str, resource: &Value) -> String {
    if let Some(binary) = resource["Metadata"]["BuildProperties"]["Binary"].as_str() {
        return binary.to_owned();
    }
    let stem = logical_id.strip_suffix("Function").unwrap_or(logical_id);
    let kebab = stem.char_indices().fold(String::new(), |mut kebab, (at, letter)| {
        if letter.is_uppercase() && at > 0 {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
        kebab
    });
    format!("flowgate-{kebab}")
}
