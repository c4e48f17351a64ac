//! A function as the template describes it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::template::Template;

#[derive(Debug, Clone)]
pub(crate) struct Function {
    /// As the template names it, else its logical id.
    pub(crate) name: String,
    pub(crate) logical_id: String,
    /// `worker` of `functions/worker`: how tests, permissions and the ledger call it.
    pub(crate) folder: String,
    pub(crate) binary: PathBuf,
    pub(crate) timeout: Duration,
    pub(crate) memory_mb: u64,
    pub(crate) concurrency: usize,
    pub(crate) environment: HashMap<String, String>,
}

/// How many processes a function may have if neither the template nor the command line says so.
pub(crate) const CONCURRENCY: usize = 64;

impl Function {
    pub(crate) fn read(logical_id: &str, resource: &Value, template: &Template, binaries: &Path) -> anyhow::Result<Self> {
        let properties = &resource["Properties"];
        let program = program(logical_id, resource);
        let mut environment = HashMap::new();
        for (variable, value) in properties["Environment"]["Variables"].as_object().into_iter().flatten() {
            environment.insert(variable.clone(), template.text(value)?);
        }
        // Parameters may give numbers as text, and an empty one stands for none.
        let number = |field: &str| template.text(&properties[field]).map(|text| text.parse::<u64>().ok());
        let reserved = number("ReservedConcurrentExecutions")?.and_then(|reserved| usize::try_from(reserved).ok());
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

/// The binary that SAM's build was told to make, else one named after the logical id.
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
