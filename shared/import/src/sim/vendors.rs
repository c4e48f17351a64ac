//! Blocks of vendors become operations of connectors.

use flowgate_engine::connector::{Operation, shipped};
use flowgate_engine::expr::reference::PathStep;
use serde_json::{Map, Value, json};

use super::Flow;
use super::block::Block;
use crate::draft::Node;
use crate::ids::slug;
use crate::json::{fields, items, number};
use crate::text::Text;

/// What an operation of Sim's becomes.
pub(super) struct Mapping {
    /// The block's type, without its version.
    kind: &'static str,
    operations: &'static [&'static str],
    pub becomes: &'static str,
    pub fields: &'static [Field],
    /// Sim's outputs and ours.
    pub outputs: &'static [(&'static str, &'static str)],
}

/// A field of ours, and the settings of Sim's of which the first one that is filled counts.
pub(super) struct Field {
    pub ours: &'static str,
    pub theirs: &'static [&'static str],
}

impl Mapping {
    pub(super) fn connector(&self) -> &str {
        self.becomes.split('.').next().unwrap_or_default()
    }

    /// The secret that its login is by default.
    pub(super) fn login(&self) -> String {
        format!("{}_TOKEN", self.connector().to_ascii_uppercase())
    }

    fn operation(&self) -> Option<&'static Operation> {
        let mut operations = shipped().flat_map(|connector| &connector.operations);
        operations.find(|operation| operation.full_name() == self.becomes).map(AsRef::as_ref)
    }
}

pub(super) fn mapping(block: &Block<'_>) -> Option<&'static Mapping> {
    of(block.kind(), &block.text("operation"))
}

/// Finds the connector's operation. An empty operation is the first one of the block.
pub(super) fn of(kind: &str, operation: &str) -> Option<&'static Mapping> {
    let kind = kind.trim_end_matches("_v2").trim_end_matches("_v3");
    let is_meant = |mapping: &&Mapping| {
        mapping.kind == kind && (operation.is_empty() || mapping.operations.contains(&operation))
    };
    MAPPINGS.iter().find(is_meant).filter(|mapping| mapping.operation().is_some())
}

impl Flow<'_, '_> {
    pub(super) fn vendor(&mut self, at: usize, id: &str, mapping: &'static Mapping) -> Node {
        let Some(operation) = mapping.operation() else {
            return self.stub(at, id, "its connector is not there");
        };
        let properties = fields(operation.fields.get("properties"));
        let mut node = Node::new(id, mapping.becomes);
        for setting in &operation.settings {
            let Some(value) = self.vendor_setting(at, mapping, &setting.name) else {
                let why = format!("the file does not say `{}` of its connector", setting.name);
                return self.stub(at, id, &why);
            };
            node = node.with(&setting.name, value);
        }
        let is_setting = |field: &&Field| node.fields.contains_key(field.ours);
        let (_, own): (Vec<&Field>, Vec<&Field>) = mapping.fields.iter().partition(is_setting);
        for field in own {
            let schema = properties.get(field.ours);
            if let Some(value) = self.vendor_field(at, field, schema) {
                let is_html = field.ours == "text"
                    && properties.contains_key("html")
                    && self.blocks[at].text("contentType") == "html";
                node = node.with(if is_html { "html" } else { field.ours }, value);
            }
        }
        if mapping.connector() == "google_sheets" && !node.fields.contains_key("range") {
            let range = self.range(at);
            node = node.with("range", range);
        }
        for required in items(operation.fields.get("required")).iter().filter_map(Value::as_str) {
            if !node.fields.contains_key(required) {
                let schema = properties.get(required);
                let value = self.asked(at, required, schema);
                node = node.with(required, value);
            }
        }
        let note =
            format!("log in to `{}` with the secret `{}`", mapping.connector(), mapping.login());
        self.draft.entry(self.blocks[at].id).note(note);
        node
    }

    /// A part of the vendor's address, which no reference may decide.
    fn vendor_setting(&self, at: usize, mapping: &Mapping, name: &str) -> Option<String> {
        let field = mapping.fields.iter().find(|field| field.ours == name)?;
        let texts = field.theirs.iter().map(|name| self.blocks[at].text(name));
        let written = texts.into_iter().find(|text| !text.trim().is_empty())?;
        let plain = written.trim().trim_start_matches("https://").trim_end_matches('/');
        let plain = plain.trim_end_matches(".atlassian.net").trim_end_matches(".supabase.co");
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
        plain.chars().all(is_plain).then(|| plain.to_owned())
    }

    fn vendor_field(&mut self, at: usize, field: &Field, schema: Option<&Value>) -> Option<Value> {
        let texts = field.theirs.iter().map(|name| self.blocks[at].text(name));
        let written = texts.into_iter().find(|text| !text.trim().is_empty())?;
        let kind = schema.and_then(|schema| schema.get("type")).and_then(Value::as_str);
        match kind {
            Some("integer" | "number") if number(Some(&json!(written))).is_some() => {
                flowgate_engine::json::parse(written.trim().as_bytes()).ok()
            }
            Some("boolean") if matches!(&*written, "true" | "false") => {
                Some(json!(written == "true"))
            }
            Some("array") => match self.json_of_text(at, &written, false) {
                Value::String(text) if !text.starts_with('<') => {
                    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                    Some(parts.map(Value::from).collect())
                }
                other => Some(unwrapped(field, other)),
            },
            Some("string") => {
                let text = self.read(at, &written, false);
                Some(self.draft.text(&text))
            }
            _ => Some(unwrapped(field, self.json_of_text(at, &written, false))),
        }
    }

    /// `Sheet1!A1:B2` of the settings for the sheet and its cells.
    fn range(&mut self, at: usize) -> Value {
        let sheet = self.plain_text(at, &["sheetName", "manualSheetName"]);
        let cells = self.plain_text(at, &["cellRange"]);
        let mut range = if sheet.is_empty() { Text::literal("Sheet1") } else { sheet };
        if !cells.is_empty() {
            range.append(Text::literal("!"));
            range.append(cells);
        }
        self.draft.text(&range)
    }

    /// A field that the file leaves empty becomes a field of the input.
    fn asked(&mut self, at: usize, field: &str, schema: Option<&Value>) -> Value {
        let name = format!("{}_{field}", slug(&self.blocks[at].origin.name));
        let kind = schema.and_then(|schema| schema.get("type")).and_then(Value::as_str);
        let kind = match kind {
            Some("integer" | "number") => "number",
            Some(kind @ ("boolean" | "array" | "object")) => kind,
            _ => "string",
        };
        let note = format!("`{field}` is empty in the file; it is the input `{name}` now");
        self.draft.entry(self.blocks[at].id).approximated(note);
        let path = self.ask(&name, kind);
        let reference = Text::reference("api", &path);
        self.draft.text(&reference)
    }

    /// Adds a field to the input, unless the workflow takes any object; returns how it is read.
    fn ask(&mut self, name: &str, kind: &str) -> Vec<PathStep> {
        let own = PathStep::Field(name.to_owned());
        let is_scheduled = self.draft.settings.contains_key("schedule");
        match &mut self.draft.input {
            None => vec![PathStep::Field("input".to_owned()), own],
            Some(input) => {
                let mut field = Map::from_iter([
                    ("name".to_owned(), name.into()),
                    ("type".to_owned(), kind.into()),
                ]);
                if is_scheduled {
                    field.insert("default".to_owned(), Value::Null);
                }
                if !input.iter().any(|known| known["name"] == name) {
                    input.push(field.into());
                }
                vec![own]
            }
        }
    }
}

/// Airtable's records stand in `fields` in Sim.
fn unwrapped(field: &Field, value: Value) -> Value {
    let unwrap = |record: Value| match record {
        Value::Object(mut record) if record.len() == 1 && record.contains_key("fields") => {
            record.remove("fields").unwrap_or_default()
        }
        other => other,
    };
    match value {
        Value::Array(records) if field.ours == "records" => {
            records.into_iter().map(unwrap).collect()
        }
        other => other,
    }
}

macro_rules! mappings {
    ($($kind:literal [$($operation:literal)*] => $becomes:literal
        { $($ours:ident: $($theirs:ident)|+),* } -> { $($sim:ident: $out:ident),* };)*) => {
        &[$(Mapping {
            kind: $kind,
            operations: &[$($operation),*],
            becomes: $becomes,
            fields: &[$(Field { ours: stringify!($ours), theirs: &[$(stringify!($theirs)),+] }),*],
            outputs: &[$((stringify!($sim), stringify!($out))),*],
        }),*]
    };
}

/// The first of a type is what an empty operation means.
static MAPPINGS: &[Mapping] = mappings! {
    "slack" ["send" "slack_message"] => "slack.send_message"
        { channel: channel | manualChannel | dmUserId, text: text, blocks: blocks,
            thread_ts: threadTs }
        -> { ts: ts, channel: channel, message: message };
    "slack" ["read" "slack_message_reader"] => "slack.read_messages"
        { channel: channel | manualChannel, limit: limit, from: oldest } -> { messages: messages };
    "slack" ["update" "slack_update_message"] => "slack.update_message"
        { channel: channel | manualChannel, ts: updateTimestamp | timestamp,
            text: updateText | text }
        -> { ts: ts, channel: channel };
    "slack" ["delete" "slack_delete_message"] => "slack.delete_message"
        { channel: channel | manualChannel, ts: deleteTimestamp | timestamp } -> { ts: ts };
    "slack" ["react" "slack_add_reaction"] => "slack.add_reaction"
        { channel: channel | manualChannel, ts: reactionTimestamp | timestamp,
            emoji: emojiName | name }
        -> {};
    "slack" ["get_thread"] => "slack.read_thread"
        { channel: channel | manualChannel, ts: getThreadTimestamp | threadTs, limit: threadLimit }
        -> { messages: messages };
    "slack" ["list_channels"] => "slack.list_channels" { limit: channelLimit }
        -> { channels: channels };

    "google_sheets" ["read" "google_sheets_read"] => "google_sheets.read_values"
        { spreadsheet_id: spreadsheetId | manualSpreadsheetId, range: range } -> { values: values,
            range: range };
    "google_sheets" ["append" "google_sheets_append"] => "google_sheets.append_values"
        { spreadsheet_id: spreadsheetId | manualSpreadsheetId, range: range,
          values: values | appendValues, input: valueInputOption }
        -> { updatedRange: range, tableRange: range, updatedRows: count };
    "google_sheets" ["write" "update" "google_sheets_write" "google_sheets_update"]
        => "google_sheets.update_values"
        { spreadsheet_id: spreadsheetId | manualSpreadsheetId, range: range,
          values: values | updateValues, input: valueInputOption }
        -> { updatedRange: range, updatedCells: updated };
    "google_sheets" ["clear"] => "google_sheets.clear"
        { spreadsheet_id: spreadsheetId | manualSpreadsheetId,
            range: range } -> { clearedRange: range };

    "google_drive" ["list" "google_drive_list"] => "google_drive.list"
        { query: query, folder_id: folderId | folderSelector | manualFolderId, limit: pageSize }
        -> { files: files };
    "google_drive" ["create_file" "upload" "google_drive_upload"] => "google_drive.create_text"
        { text: content, filename: fileName, folder_id: folderSelector | manualFolderId | folderId,
          mime_type: mimeType } -> { file: file };
    "google_drive" ["create_folder" "google_drive_create_folder"] => "google_drive.create_folder"
        { folder_name: fileName | folderName, parent_id: folderSelector | manualFolderId } -> {};
    "google_drive" ["get_content" "download"] => "google_drive.download"
        { file_id: fileId | fileSelector | manualFileId } -> { file: file };

    "gmail" ["send_gmail" "gmail_send"] => "gmail.send"
        { to: to, subject: subject, text: body, cc: cc, bcc: bcc, attachments: attachments }
        -> { id: id, threadId: thread_id };
    "gmail" ["draft_gmail" "gmail_draft"] => "gmail.draft"
        { to: to, subject: subject, text: body, cc: cc, bcc: bcc }
        -> { id: id, messageId: message_id };
    "gmail" ["search_gmail" "gmail_search"] => "gmail.search"
        { query: query | searchQuery, limit: maxResults } -> { results: messages };
    "gmail" ["read_gmail" "gmail_read"] => "gmail.get" { message_id: messageId }
        -> { id: id, threadId: thread_id, from: from, to: to, subject: subject, date: date,
            content: text, body: text };

    "google_calendar" ["create" "google_calendar_create"] => "google_calendar.create_event"
        { calendar_id: calendarId | manualCalendarId, summary: summary, start: startDateTime,
          end: endDateTime, timezone: timeZone, details: description, location: location,
          attendees: attendees, notify: sendUpdates } -> { id: id, htmlLink: link, content: link };
    "google_calendar" ["list" "google_calendar_list"] => "google_calendar.list_events"
        { calendar_id: calendarId | manualCalendarId, from: timeMin, to: timeMax, query: q,
            limit: maxResults }
        -> { events: events };
    "google_calendar" ["get" "google_calendar_get"] => "google_calendar.get_event"
        { calendar_id: calendarId | manualCalendarId, event_id: eventId } -> { content: event };
    "google_calendar" ["update" "google_calendar_update"] => "google_calendar.update_event"
        { calendar_id: calendarId | manualCalendarId, event_id: eventId, summary: summary,
          start: startDateTime, end: endDateTime, timezone: timeZone, details: description,
          location: location, attendees: attendees } -> { id: id, htmlLink: link };
    "google_calendar" ["delete"] => "google_calendar.delete_event"
        { calendar_id: calendarId | manualCalendarId, event_id: eventId } -> { id: id };

    "telegram" ["telegram_message" "message"] => "telegram.send_message"
        { chat_id: chatId, text: text } -> { message: message, data: message };
    "telegram" ["telegram_send_photo"] => "telegram.send_photo"
        { chat_id: chatId, photo: photo | photoFile, caption: caption } -> { data: message };
    "telegram" ["telegram_send_document"] => "telegram.send_document"
        { chat_id: chatId, document: documentFile | document | files, caption: caption }
        -> { data: message };
    "telegram" ["telegram_delete_message"] => "telegram.delete_message"
        { chat_id: chatId, message_id: messageId } -> { ok: ok };

    "airtable" ["list" "listRecords"] => "airtable.search"
        { base: baseId, table: tableId, formula: filterFormula,
            limit: maxRecords } -> { records: records };
    "airtable" ["get" "getRecord"] => "airtable.get"
        { base: baseId, table: tableId, record_id: recordId } -> { record: record };
    "airtable" ["create" "createRecords"] => "airtable.create"
        { base: baseId, table: tableId, records: records } -> { records: records };
    "airtable" ["updateMultiple" "updateMultipleRecords"] => "airtable.update"
        { base: baseId, table: tableId, records: records } -> { records: records };

    "notion" ["notion_read" "read_notion"]
        => "notion.read_blocks" { block_id: pageId } -> { content: blocks };
    "notion" ["notion_write" "write_notion"] => "notion.append"
        { block_id: pageId, content: content } -> { content: blocks };
    "notion" ["notion_create_page" "create_notion"] => "notion.create_page"
        { page_id: parentId, title: title, content: content } -> { id: id, url: url };
    "notion" ["notion_query_database" "notion_query"] => "notion.query"
        { database_id: databaseId, filter: filter, sorts: sorts,
            limit: pageSize } -> { results: pages };
    "notion" ["notion_search"] => "notion.search" { query: query, limit: pageSize }
        -> { results: results };

    "github" ["github_comment" "github_issue_comment"] => "github.comment"
        { owner: owner, repo: repo, issue_number: pullNumber | issue_number, body: body }
        -> { id: id, html_url: link };
    "github" ["github_create_issue"] => "github.create_issue"
        { owner: owner, repo: repo, title: title, body: body, labels: labels, assignees: assignees }
        -> { number: number, html_url: link };
    "github" ["github_list_issues"] => "github.list_issues"
        { owner: owner, repo: repo, state: state | issue_state,
            labels: labels } -> { items: issues, issues: issues };
    "github" ["github_get_file_content"] => "github.get_content"
        { owner: owner, repo: repo, path: path, ref: ref } -> { content: text, sha: sha };

    "discord" ["discord_send_message"] => "discord.send_message"
        { channel_id: channelId, content: content } -> { message: message, data: message };
    "discord" ["discord_get_messages"] => "discord.read_messages"
        { channel_id: channelId, limit: limit } -> { data: messages, messages: messages };

    "hubspot" ["get_contacts"] => "hubspot.search" { limit: limit, properties: properties }
        -> { contacts: records };
    "hubspot" ["search_contacts"] => "hubspot.search"
        { query: query, filter_groups: filterGroups, sorts: sorts, properties: properties,
            limit: limit }
        -> { contacts: records };
    "hubspot" ["create_contact"] => "hubspot.create" { properties: propertiesToSet | properties }
        -> { contactId: id };
    "hubspot" ["update_contact"] => "hubspot.update"
        { record_id: contactId, id_property: idProperty, properties: propertiesToSet | properties }
        -> { contactId: id };

    "jira" ["write"] => "jira.create_issue"
        { site: domain, project: projectId | manualProjectId, summary: summary,
            details: description,
          issue_type: issueType } -> { issueKey: key, url: link };
    "jira" ["read"] => "jira.get_issue" { site: domain, issue: issueKey | manualIssueKey }
        -> { key: key, issueKey: key };
    "jira" ["read-bulk" "search"] => "jira.search" { site: domain, jql: jql, limit: maxResults }
        -> { issues: issues };
    "jira" ["update"] => "jira.update_issue"
        { site: domain, issue: issueKey | manualIssueKey, summary: summary, details: description }
        -> { issueKey: key };
    "jira" ["add_comment"] => "jira.comment"
        { site: domain, issue: issueKey | manualIssueKey, text: commentBody } -> { commentId: id };

    "wordpress" ["wordpress_create_post"] => "wordpress.create_post"
        { host: siteId, title: title, content: content, status: status,
            excerpt: excerpt } -> { post: post };
    "wordpress" ["wordpress_update_post"] => "wordpress.update_post"
        { host: siteId, post_id: postId, title: title, content: content,
            status: status } -> { post: post };

    "supabase" ["query" "get_row"] => "supabase.select"
        { project: projectId, table: table, columns: select, order: orderBy, limit: limit }
        -> { results: rows };
    "supabase" ["insert"] => "supabase.insert" { project: projectId, table: table, rows: data }
        -> { results: rows };
    "supabase" ["upsert"] => "supabase.upsert" { project: projectId, table: table, rows: data }
        -> { results: rows };
};

#[cfg(test)]
mod tests {
    use flowgate_engine::kind::OutputFields;

    use super::*;

    /// Of the connectors that are shipped, every operation, field and output is there.
    #[test]
    fn mappings_name_what_connectors_have() {
        let names: Vec<&str> = shipped().map(|connector| connector.name.as_str()).collect();
        let mut faults = Vec::new();
        for mapping in MAPPINGS.iter().filter(|mapping| names.contains(&mapping.connector())) {
            let Some(operation) = mapping.operation() else {
                faults.push(format!("no operation {}", mapping.becomes));
                continue;
            };
            let properties = fields(operation.fields.get("properties"));
            let is_setting = |name: &str| operation.settings.iter().any(|one| one.name == name);
            let has_field = |name: &str| properties.contains_key(name) || is_setting(name);
            for field in mapping.fields.iter().filter(|field| !has_field(field.ours)) {
                faults.push(format!("{}: no field {}", mapping.becomes, field.ours));
            }
            if let OutputFields::Only(left) = operation.outputs() {
                for (_, name) in mapping.outputs {
                    if !left.iter().any(|output| output.name == *name) {
                        faults.push(format!("{}: no output {name}", mapping.becomes));
                    }
                }
            }
        }
        assert_eq!(faults, [] as [String; 0]);
    }
}
