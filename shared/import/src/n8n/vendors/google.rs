//! Google's mail, files, calendar and documents.

use serde_json::{Value, json};

use super::super::files::operand;
use super::reader::Reader;
use super::table::{Vendor, bearer, plain, row};
use crate::json::{fields, filled, text};
use crate::text::{Part, Text};

pub(super) const VENDORS: &[Vendor] = &[
    Vendor {
        kind: "gmail",
        login: bearer("gmailOAuth2"),
        special: gmail,
        rows: &[
            row("message", "send", "gmail.send", MAIL, SENT),
            row("message", "sendEmail", "gmail.send", MAIL, SENT),
            row("message", "reply", "gmail.reply", MAIL, REPLIED),
            row("message", "get", "gmail.get", READ, "message_id=messageId").note(MAIL_NOTE),
            row("message", "getAll", "gmail.search", "messages[]", FOUND).note(MAIL_NOTE),
            row("message", "addLabels", "gmail.label", ".", "message_id=messageId add=labelIds"),
            row(
                "message",
                "removeLabels",
                "gmail.label",
                ".",
                "message_id=messageId remove=labelIds",
            ),
            row(
                "message",
                "markAsRead",
                "gmail.label",
                ".",
                "message_id=messageId remove='[\"UNREAD\"]",
            ),
            row(
                "message",
                "markAsUnread",
                "gmail.label",
                ".",
                "message_id=messageId add='[\"UNREAD\"]",
            ),
            row("message", "delete", "gmail.trash", ".", "message_id=messageId")
                .note("the mail goes to the bin"),
            row("draft", "create", "gmail.draft", "{id:id}", SENT),
            row(
                "draft",
                "get",
                "GET https://gmail.googleapis.com/gmail/v1/users/me/drafts/{messageId}",
                "data",
                "",
            ),
            row(
                "draft",
                "delete",
                "DELETE https://gmail.googleapis.com/gmail/v1/users/me/drafts/{messageId}",
                "",
                "",
            ),
            row("label", "getAll", "gmail.list_labels", "labels[]", ""),
            row(
                "label",
                "create",
                "POST https://gmail.googleapis.com/gmail/v1/users/me/labels",
                "data",
                "body.name!=name body.labelListVisibility=options.labelListVisibility|'labelShow \
                 body.messageListVisibility=options.messageListVisibility|'show",
            ),
            row(
                "label",
                "get",
                "GET https://gmail.googleapis.com/gmail/v1/users/me/labels/{labelId}",
                "data",
                "",
            ),
            row(
                "thread",
                "getAll",
                "GET https://gmail.googleapis.com/gmail/v1/users/me/threads",
                "data.threads[]",
                "query.q=#query query.labelIds=filters.labelIds query.maxResults=#limit",
            ),
            row(
                "thread",
                "get",
                "GET https://gmail.googleapis.com/gmail/v1/users/me/threads/{threadId}",
                "data",
                "",
            ),
            row("thread", "reply", "gmail.reply", MAIL, REPLIED),
            row("thread", "addLabels", THREAD, "data", "body.addLabelIds!=labelIds"),
            row("thread", "removeLabels", THREAD, "data", "body.removeLabelIds!=labelIds"),
            row(
                "thread",
                "trash",
                "POST https://gmail.googleapis.com/gmail/v1/users/me/threads/{threadId}/trash",
                "data",
                "",
            ),
        ],
    },
    Vendor {
        kind: "googleDrive",
        login: bearer("googleDriveOAuth2Api"),
        special: drive,
        rows: &[
            row(
                "file",
                "upload",
                "google_drive.upload",
                STORED,
                "file=#file filename=name folder_id=#folder",
            ),
            row("file", "download", "google_drive.download", "@file", "file_id=fileId"),
            row(
                "file",
                "createFromText",
                "google_drive.create_text",
                STORED,
                "text=content filename=name|'untitled.txt folder_id=#folder",
            ),
            row(
                "file",
                "copy",
                "google_drive.copy",
                LINKED,
                "file_id=fileId filename=name folder_id=#folder",
            ),
            row("file", "move", "google_drive.move", LINKED, "file_id=fileId folder_id=#folder"),
            row("file", "share", "google_drive.share", ".", SHARED),
            row(
                "file",
                "deleteFile",
                "PATCH https://www.googleapis.com/drive/v3/files/{fileId}",
                BINNED,
                BIN,
            ),
            row("file", "deleteFileForGood", "google_drive.delete", ".", "file_id=fileId"),
            row("file", "list", "google_drive.list", "files[]", LISTED),
            row(
                "file",
                "update",
                "PATCH https://www.googleapis.com/drive/v3/files/{fileId}",
                "data",
                "body.name!=newUpdatedFileName",
            )
            .note("only the file's name is changed"),
            row(
                "folder",
                "create",
                "google_drive.create_folder",
                LINKED,
                "folder_name=name|'Untitled parent_id=#folder",
            ),
            row("folder", "share", "google_drive.share", ".", SHARED),
            row(
                "folder",
                "deleteFolder",
                "PATCH https://www.googleapis.com/drive/v3/files/{folderNoRootId|folderId}",
                BINNED,
                BIN,
            ),
            row(
                "folder",
                "deleteFolderForGood",
                "google_drive.delete",
                ".",
                "file_id=folderNoRootId|folderId",
            ),
            row("fileFolder", "search", "google_drive.list", "files[]", LISTED),
        ],
    },
    Vendor {
        kind: "googleCalendar",
        login: bearer("googleCalendarOAuth2Api"),
        special: calendar,
        rows: &[
            row(
                "event",
                "create",
                "google_calendar.create_event",
                "event",
                "calendar_id=calendar summary=additionalFields.summary|'Event start=start|#now \
                 end=end|#later details=additionalFields.description \
                 location=additionalFields.location attendees=#attendees \
                 notify=additionalFields.sendUpdates",
            ),
            row(
                "event",
                "update",
                "google_calendar.update_event",
                "event",
                "calendar_id=calendar event_id=eventId summary=updateFields.summary \
                 start=updateFields.start end=updateFields.end details=updateFields.description \
                 location=updateFields.location attendees=#attendees \
                 notify=updateFields.sendUpdates",
            ),
            row(
                "event",
                "get",
                "google_calendar.get_event",
                "event",
                "calendar_id=calendar event_id=eventId",
            ),
            row(
                "event",
                "getAll",
                "google_calendar.list_events",
                "events[]",
                "calendar_id=calendar from=options.timeMin|timeMin to=options.timeMax|timeMax \
                 query=options.query limit=#limit",
            ),
            row(
                "event",
                "delete",
                "google_calendar.delete_event",
                ".",
                "calendar_id=calendar event_id=eventId",
            ),
        ],
    },
    Vendor {
        kind: "googleDocs",
        login: bearer("googleDocsOAuth2Api"),
        special: docs,
        rows: &[
            row(
                "document",
                "create",
                "POST https://www.googleapis.com/drive/v3/files",
                "data",
                "body.name!=title body.mimeType='application/vnd.google-apps.document \
                 body.parents=#parents",
            ),
            row(
                "document",
                "get",
                "GET https://docs.googleapis.com/v1/documents/{#document}",
                DOCUMENT,
                "",
            ),
            row(
                "document",
                "update",
                "POST https://docs.googleapis.com/v1/documents/{#document}:batchUpdate",
                "{documentId:data.documentId}",
                "body.requests!=#requests",
            ),
        ],
    },
];

const MAIL: &str = "{id:id threadId:thread_id}";
const MAIL_NOTE: &str = "a mail has `id`, `subject`, `from`, `to`, `text`, `html`, `date`, \
    `snippet` and `labels`, and no other headers";
const READ: &str = "{id:id threadId:thread_id Subject:subject subject:subject From:from from:from \
    To:to to:to cc:cc date:date snippet:snippet text:text textPlain:text html:html textHtml:html \
    labels:labels labelIds:labels}";
const SENT: &str = "to=sendTo|options.sendTo|toList|email subject=subject text=#text html=#html \
    cc=options.ccList bcc=options.bccList reply_to=options.replyTo attachments=#attachments";
const REPLIED: &str =
    "message_id=messageId|threadId text=#text html=#html cc=options.ccList bcc=options.bccList";
const FOUND: &str = "query=#query label_ids=filters.labelIds limit=#limit";
const THREAD: &str =
    "POST https://gmail.googleapis.com/gmail/v1/users/me/threads/{threadId}/modify";
const STORED: &str = "{id:id name:file.name mimeType:file.mimeType size:file.size \
    webViewLink:link webContentLink:file.webContentLink parents:file.parents}";
const LINKED: &str = "{id:id webViewLink:link}";
const SHARED: &str = "file_id=fileId|folderNoRootId|folderId \
    role!=permissionsUi.permissionsValues.role to!=permissionsUi.permissionsValues.type \
    email=permissionsUi.permissionsValues.emailAddress \
    domain=permissionsUi.permissionsValues.domain notify=options.sendNotificationEmail";
const BIN: &str = "body.trashed=#trashed query.supportsAllDrives='true";
const BINNED: &str = "{id:data.id fileId:data.id}";
const LISTED: &str = "query=#query folder_id=#searched limit=#limit";
const DOCUMENT: &str = "=>({ documentId: data.documentId, content: data.body.content\
    .flatMap(b => b.paragraph?.elements ?? []).map(e => e.textRun?.content ?? '').join('') })";

fn gmail(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    match name {
        "text" | "html" => {
            let kind = match reader.word("emailType") {
                kind if kind.is_empty() => reader.word("emailFormat"),
                kind => kind,
            };
            let is_text = if kind.is_empty() { false } else { kind == "text" };
            reader.raw("message");
            Ok(if is_text == (name == "text") { reader.value("message") } else { Value::Null })
        }
        "attachments" if !reader.list("options.attachmentsUi.attachmentsBinary").is_empty() => {
            let file = reader.flow.here.items.file.as_ref();
            let file = file.ok_or("no file of a node before it is known")?;
            Ok(json!([format!("<{file}>")]))
        }
        "query" => Ok(mail_query(reader)),
        _ => Ok(Value::Null),
    }
}

/// What is searched for, in the words of Gmail's search box.
fn mail_query(reader: &mut Reader<'_, '_, '_, '_>) -> Value {
    let mut words: Vec<Text> = Vec::new();
    let given = reader.raw("filters.q");
    words.push(reader.flow.text(given));
    if let Some(sender) =
        reader.raw("filters.sender").filter(|sender| filled(Some(sender)).is_some())
    {
        let mut word = Text::literal("from:");
        word.append(reader.flow.text(Some(sender)));
        words.push(word);
    }
    match reader.word("filters.readStatus").as_str() {
        "unread" => words.push(Text::literal("is:unread")),
        "read" => words.push(Text::literal("is:read")),
        _ => {}
    }
    for (path, word) in [("filters.receivedAfter", "after"), ("filters.receivedBefore", "before")] {
        let Some(time) = reader.raw(path).filter(|time| filled(Some(time)).is_some()) else {
            continue;
        };
        let seconds = format!("Math.floor(DateTime.of({}).toMillis() / 1000)", operand(Some(time)));
        let seconds = reader.flow.text(Some(&json!(format!("={{{{ {seconds} }}}}"))));
        let mut whole = Text::literal(format!("{word}:"));
        whole.append(seconds);
        words.push(whole);
    }
    let mut query = Text::default();
    for word in words.into_iter().filter(|word| !word.is_empty()) {
        if !query.is_empty() {
            query.push(Part::Literal(" ".to_owned()));
        }
        query.append(word);
    }
    if query.is_empty() { Value::Null } else { reader.flow.draft.any(&query) }
}

fn drive(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    match name {
        "folder" => Ok(folder(reader, "folderId")),
        "searched" => Ok(folder(reader, "filter.folderId")),
        "trashed" => match reader.raw("options.deletePermanently") {
            Some(Value::String(_)) => Err("whether it is deleted for good is computed".to_owned()),
            _ => Ok(true.into()),
        },
        _ => {
            let word = reader.raw("queryString").filter(|word| filled(Some(word)).is_some());
            let Some(word) = word else { return Ok(Value::Null) };
            if reader.word("searchMethod") == "query" {
                return Ok(reader.value("queryString"));
            }
            let word = reader.flow.text(Some(word));
            let mut query = Text::literal("name contains '");
            query.append(word);
            query.push(Part::Literal("'".to_owned()));
            Ok(reader.flow.draft.any(&query))
        }
    }
}

/// A folder's id; n8n has `root` and names of its own for no folder at all.
fn folder(reader: &mut Reader<'_, '_, '_, '_>, path: &str) -> Value {
    match reader.value(path) {
        Value::String(id) if matches!(id.as_str(), "sharedWithMe" | "default") => Value::Null,
        id => id,
    }
}

fn calendar(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    let has_default = reader.flow.current().version >= 1.3;
    Ok(match name {
        "now" if has_default => reader.computed("$now.toISO()"),
        "later" if has_default => reader.computed("$now.plus(1, 'hour').toISO()"),
        "attendees" => {
            let paths = ["additionalFields.attendees", "updateFields.attendeesUi.values.attendees"];
            let found = paths.map(|path| reader.value(path));
            found.into_iter().find(Value::is_array).unwrap_or_default()
        }
        _ => Value::Null,
    })
}

fn docs(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    match name {
        "document" => {
            let given = reader.raw("documentURL").cloned().unwrap_or_default();
            Ok(reader.id_in(&given))
        }
        "parents" => Ok(match reader.value("folderId") {
            Value::Null => Value::Null,
            folder if folder == "default" || folder == "" => Value::Null,
            folder => json!([folder]),
        }),
        "requests" => {
            let actions = reader.list("actionsUi.actionFields");
            let made: Result<Vec<Value>, String> =
                actions.iter().map(|action| edit(reader, action)).collect();
            Ok(made?.into())
        }
        _ => plain(reader, name),
    }
}

/// One change of a document.
fn edit(reader: &mut Reader<'_, '_, '_, '_>, action: &Value) -> Result<Value, String> {
    let word = |name: &str| text(action.get(name));
    let said = reader.flow.any(action.get("text").unwrap_or(&Value::Null));
    let segment = match word("segmentId").as_str() {
        "" | "body" => json!({}),
        id => json!({ "segmentId": id }),
    };
    match (word("action").as_str(), word("object").as_str()) {
        ("insert", "" | "text") if word("locationChoice") != "location" => {
            Ok(json!({ "insertText": { "endOfSegmentLocation": segment, "text": said } }))
        }
        ("insert", "" | "text") => {
            let mut place = fields(Some(&segment)).clone();
            let index = reader.flow.any(action.get("index").unwrap_or(&json!(1)));
            place.insert("index".to_owned(), index);
            Ok(json!({ "insertText": { "location": place, "text": said } }))
        }
        ("replaceAll", _) => {
            let new = reader.flow.any(action.get("replaceText").unwrap_or(&json!("")));
            let case = action.get("matchCase").cloned().unwrap_or(json!(false));
            Ok(json!({ "replaceAllText": {
                "replaceText": new, "containsText": { "text": said, "matchCase": case } } }))
        }
        (action, object) => Err(format!("`{action}` of `{object}` in a document")),
    }
}
