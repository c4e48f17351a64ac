//! The JSON Schema of the workflow document, by which editors complete and check it.

/// Made of what the compiler's readers ask for and of their documentation; a test tells when it is stale.
///
/// It knows structure alone: references, code and conditions are judged by [`crate::Workflow::compile`]. An empty field is
/// as good as absent to the compiler, while the schema points at it.
pub const DOCUMENT: &str = include_str!("../../../docs/workflow.schema.json");

#[cfg(test)]
mod generate;
#[cfg(test)]
pub(crate) use generate::Asked;

#[cfg(test)]
mod tests;
