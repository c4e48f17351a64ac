//! How an operation of n8n is written down.

use serde_json::Value;

use super::reader::Reader;

/// A vendor's node, and what its operations become.
pub(super) struct Vendor {
    /// n8n's type.
    pub kind: &'static str,
    /// The first row's resource is the one that is meant where the file names none; the first row
    /// of a resource is its default operation.
    pub rows: &'static [Row],
    /// The login of its requests. Connectors have their own.
    pub login: Option<Login>,
    /// Computes the sources that begin with `#`.
    pub special: Special,
}

/// Returns null for what the file does not say, and an error for what has no counterpart.
pub(super) type Special = fn(&mut Reader<'_, '_, '_, '_>, &str) -> Result<Value, String>;

/// For vendors whose fields are all parameters.
pub(super) fn plain(_: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    Err(format!("`{name}` cannot be computed"))
}

/// Where the secret of a request goes.
#[derive(Clone, Copy)]
pub(super) struct Login {
    /// n8n's type of the credential, which names the secret.
    pub credential: &'static str,
    /// A header, or `?name` in the address.
    pub place: &'static str,
    /// What stands before the secret: `Bearer `.
    pub before: &'static str,
}

pub(super) const fn bearer(credential: &'static str) -> Option<Login> {
    Some(Login { credential, place: "authorization", before: "Bearer " })
}

pub(super) const fn header(credential: &'static str, place: &'static str) -> Option<Login> {
    Some(Login { credential, place, before: "" })
}

#[derive(Clone, Copy)]
pub(super) struct Row {
    pub resource: &'static str,
    pub operation: &'static str,
    /// A connector's operation, or `POST https://…`, in whose address `{source}` stands for a
    /// value and `{{SECRET}}` for a secret. Empty for a default that has no counterpart.
    pub target: &'static str,
    /// What of the output is the item: see [`super::leaves`].
    pub leaves: &'static str,
    /// `field=source` for each field. A field with dots is one inside of another. A source is a
    /// parameter's path, `'literal`, `#computed`, or several of them with `|` between, of which the
    /// first that is there counts. `field!=source` must be there.
    pub fields: &'static str,
    /// What differs.
    pub note: &'static str,
}

pub(super) const fn row(
    resource: &'static str,
    operation: &'static str,
    target: &'static str,
    leaves: &'static str,
    fields: &'static str,
) -> Row {
    Row { resource, operation, target, leaves, fields, note: "" }
}

/// A default operation that has no counterpart.
pub(super) const fn none(resource: &'static str, operation: &'static str) -> Row {
    row(resource, operation, "", "", "")
}

impl Row {
    pub(super) const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }
}

impl Vendor {
    pub(super) fn row(&self, resource: Option<&str>, operation: Option<&str>) -> Option<&Row> {
        let resource = resource.or_else(|| self.rows.first().map(|row| row.resource))?;
        let mut own = self.rows.iter().filter(|row| row.resource == resource);
        let found = match operation {
            Some(operation) => own.find(|row| row.operation == operation),
            None => own.next(),
        };
        found.filter(|row| !row.target.is_empty())
    }
}
