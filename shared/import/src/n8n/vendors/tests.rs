//! What operations of vendors become.

use flowgate_engine::connector::find;
use flowgate_engine::{Document, Severity, Workflow};
use serde_json::{Value, json};

use super::VENDORS;
use crate::{Entry, Import, Options, Outcome, import};

/// Imports a node behind a webhook; the document must compile.
fn imported(kind: &str, version: f64, parameters: Value) -> Import {
    let node = |name: &str, kind: &str, version: f64, parameters: Value| {
        let kind = format!("n8n-nodes-base.{kind}");
        json!({ "name": name, "type": kind, "typeVersion": version, "parameters": parameters })
    };
    let file = json!({
        "name": "Trial",
        "nodes": [
            node("Hook", "webhook", 2.0, json!({ "path": "x", "httpMethod": "POST" })),
            node("Step", kind, version, parameters),
        ],
        "connections": { "Hook": { "main": [[{ "node": "Step", "type": "main", "index": 0 }]] } },
    });
    let found = import(file.to_string().as_bytes(), &Options::default()).unwrap();
    let document = &found.workflows[0].document;
    let (_, problems) = Workflow::compile(&Document::parse(&document.to_string()).unwrap());
    let errors: Vec<_> =
        problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    found
}

fn step(found: &Import) -> &Entry {
    found.report.entries.iter().find(|entry| entry.name == "Step").unwrap()
}

/// The node that the step became, without its id, name and place.
fn check(kind: &str, version: f64, parameters: Value, expected: Value) -> Import {
    let found = imported(kind, version, parameters);
    let entry = step(&found);
    assert_ne!(entry.outcome, Outcome::Unsupported, "{kind}: {:?}", entry.notes);
    let nodes = found.workflows[0].document["nodes"].as_array().unwrap();
    let mut node = nodes.iter().find(|node| node["id"] == "Step").unwrap().clone();
    let fields = node.as_object_mut().unwrap();
    ["id", "name", "after"].iter().for_each(|name| drop(fields.remove(*name)));
    assert_eq!(node, expected, "{kind}");
    found
}

fn refused(kind: &str, version: f64, parameters: Value, why: &str) {
    let found = imported(kind, version, parameters);
    let entry = step(&found);
    assert_eq!(entry.outcome, Outcome::Unsupported, "{kind}");
    assert!(entry.notes.iter().any(|note| note.contains(why)), "{why}: {:?}", entry.notes);
}

#[test]
fn rows_name_operations_and_fields_that_exist() {
    for vendor in VENDORS.iter().copied().flatten() {
        for row in vendor.rows.iter().filter(|row| !row.target.is_empty()) {
            let fields: Vec<&str> = row
                .fields
                .split_whitespace()
                .map(|pair| pair.split_once('=').expect(pair).0.trim_end_matches('!'))
                .collect();
            if row.target.contains("://") {
                let places = ["query", "headers", "body", "form", "multipart", "as"];
                let place = |field: &&str| field.split('.').next().unwrap_or_default().to_owned();
                assert!(fields.iter().all(|f| places.contains(&&*place(f))), "{fields:?}");
                continue;
            }
            let (connector, _) = row.target.split_once('.').unwrap();
            let operations = &find(connector).unwrap().operations;
            let operation = operations.iter().find(|one| one.full_name() == row.target);
            let operation = operation.unwrap_or_else(|| panic!("{}", row.target));
            for field in fields {
                let is_known = operation.fields["properties"].get(field).is_some()
                    || operation.settings.iter().any(|one| one.name == field)
                    || field == "login";
                assert!(is_known, "{} has no `{field}`", row.target);
            }
        }
    }
}

#[test]
fn an_address_that_the_author_took_out_is_to_be_filled_in() {
    let parameters = json!({ "documentId": { "__rl": true, "mode": "list", "value": "" },
        "sheetName": { "__rl": true, "mode": "list", "value": "gid=0",
        "cachedResultName": "Orders" } });
    let found = check(
        "googleSheets",
        4.5,
        parameters,
        json!({ "type": "google_sheets.read", "spreadsheet_id": "YOUR_SPREADSHEET_ID",
            "sheet": "Orders" }),
    );
    let notes = &step(&found).notes;
    assert!(notes.iter().any(|note| note.contains("put yours")), "{notes:?}");
    assert_eq!(step(&found).outcome, Outcome::Approximated);
    refused("googleSheets", 4.5, json!({}), "none of its settings");
    refused("telegram", 1.2, json!({ "chatId": "5", "text": "" }), "`text` is empty");
}

#[test]
fn parameters_that_nothing_is_made_of_are_reported() {
    let parameters = json!({ "sendTo": "a@example.com", "subject": "Hi", "message": "Hello",
        "options": { "senderName": "Ada", "appendAttribution": false } });
    let found = check(
        "gmail",
        2.1,
        parameters,
        json!({ "type": "gmail.send", "to": "a@example.com", "subject": "Hi", "html": "Hello" }),
    );
    assert_eq!(step(&found).notes, ["`options.senderName` is left out"]);
}

#[test]
fn mail_files_and_calendars() {
    check(
        "gmail",
        2.1,
        json!({ "operation": "getAll", "limit": 5, "filters": { "q": "bill",
            "sender": "a@example.com", "readStatus": "unread", "labelIds": ["INBOX"] } }),
        json!({ "type": "gmail.search", "query": "bill from:a@example.com is:unread",
            "label_ids": ["INBOX"], "limit": 5 }),
    );
    check(
        "gmail",
        2.1,
        json!({ "resource": "draft", "subject": "S", "message": "M", "emailType": "text",
            "options": { "sendTo": "a@example.com" } }),
        json!({ "type": "gmail.draft", "to": "a@example.com", "subject": "S", "text": "M" }),
    );
    check(
        "googleDrive",
        3.0,
        json!({ "operation": "download", "fileId": { "__rl": true, "mode": "url",
            "value": "https://drive.google.com/file/d/1aB-c/view" } }),
        json!({ "type": "google_drive.download", "file_id": "1aB-c" }),
    );
    check(
        "googleDrive",
        3.0,
        json!({ "resource": "folder", "name": "=New {{ $json.body.n }}",
            "folderId": { "__rl": true, "mode": "list", "value": "root" } }),
        json!({ "type": "google_drive.create_folder", "folder_name": "New <api.input.n>",
            "parent_id": "root" }),
    );
    check(
        "googleDrive",
        3.0,
        json!({ "name": "x", "folderId": { "__rl": true, "value": "my folder" } }),
        json!({ "type": "google_drive.upload", "file": "<api.input.data>", "filename": "x",
            "folder_id": "YOUR_FOLDER_ID" }),
    );
    check(
        "googleCalendar",
        1.0,
        json!({ "calendar": "c", "start": "={{ $json.body.from }}", "end": "2026-01-01",
            "additionalFields": { "summary": "Talk", "attendees": ["a@example.com"] } }),
        json!({ "type": "google_calendar.create_event", "calendar_id": "c", "summary": "Talk",
            "start": "<api.input.from>", "end": "2026-01-01", "attendees": ["a@example.com"] }),
    );
}

#[test]
fn documents_are_changed_by_requests() {
    let login = json!({ "authorization": "Bearer {{GOOGLE_DOCS_OAUTH2API}}" });
    check(
        "googleDocs",
        2.0,
        json!({ "operation": "update", "documentURL": "https://docs.google.com/document/d/1x/edit",
            "actionsUi": { "actionFields": [
                { "action": "insert", "text": "={{ $json.body.t }}" },
                { "action": "replaceAll", "text": "a", "replaceText": "b" } ] } }),
        json!({ "type": "http", "method": "POST", "headers": login,
            "url": "https://docs.googleapis.com/v1/documents/1x:batchUpdate",
            "body": { "requests": [
                { "insertText": { "endOfSegmentLocation": {}, "text": "<api.input.t>" } },
                { "replaceAllText": { "replaceText": "b",
                    "containsText": { "text": "a", "matchCase": false } } } ] } }),
    );
    let found = imported("googleDocs", 2.0, json!({ "operation": "get", "documentURL": "1x" }));
    assert_eq!(step(&found).became, ["http", "function"]);
    refused(
        "googleDocs",
        2.0,
        json!({ "operation": "update", "documentURL": "1x", "actionsUi": { "actionFields": [
            { "action": "create", "object": "footer" } ] } }),
        "`create` of `footer`",
    );
}

#[test]
fn sheets_are_read_and_written() {
    let place = json!({ "documentId": { "__rl": true, "value": "d" },
        "sheetName": { "__rl": true, "value": "S" } });
    let with = |more: Value| {
        let mut all = place.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    check(
        "googleSheets",
        4.5,
        with(json!({ "operation": "appendOrUpdate", "columns": { "mappingMode": "defineBelow",
            "matchingColumns": ["id"], "value": { "id": "={{ $json.body.id }}", "n": "1" } } })),
        json!({ "type": "google_sheets.append_or_update", "spreadsheet_id": "d", "sheet": "S",
            "match_on": ["id"], "rows": [{ "id": "<api.input.id>", "n": "1" }] }),
    );
    check(
        "googleSheets",
        4.5,
        with(json!({ "filtersUI": { "values": [
            { "lookupColumn": "id", "lookupValue": "={{ $json.body.id }}" }] } })),
        json!({ "type": "google_sheets.read", "spreadsheet_id": "d", "sheet": "S",
            "match": { "id": "<api.input.id>" } }),
    );
    check(
        "googleSheets",
        4.5,
        with(json!({ "operation": "create", "title": "New" })),
        json!({ "type": "http", "method": "POST",
            "url": "https://sheets.googleapis.com/v4/spreadsheets/d:batchUpdate",
            "headers": { "authorization": "Bearer {{GOOGLE_SHEETS_OAUTH2API}}" },
            "body": { "requests": [{ "addSheet": { "properties": { "title": "New" } } }] } }),
    );
    refused("googleSheets", 4.5, with(json!({ "operation": "delete" })), "number is not known");
}

#[test]
fn messages_are_sent() {
    check(
        "slack",
        2.2,
        json!({ "select": "channel", "channelId": { "__rl": true, "value": "C1" }, "text": "Hi" }),
        json!({ "type": "slack.send_message", "channel": "C1", "text": "Hi" }),
    );
    check(
        "telegram",
        1.2,
        json!({ "chatId": "5", "text": "Hi", "replyMarkup": "inlineKeyboard",
            "inlineKeyboard": { "rows": [{ "row": { "buttons": [{ "text": "Yes",
                "additionalFields": { "callback_data": "y" } }] } }] } }),
        json!({ "type": "telegram.send_message", "chat_id": "5", "text": "Hi",
            "reply_markup": { "inline_keyboard": [[{ "text": "Yes", "callback_data": "y" }]] } }),
    );
    check(
        "telegram",
        1.2,
        json!({ "operation": "sendVideo", "chatId": 5, "file": "https://example.com/a.mp4" }),
        json!({ "type": "http", "method": "POST",
            "url": "https://api.telegram.org/bot{{TELEGRAM_TOKEN}}/sendVideo",
            "multipart": [{ "name": "chat_id", "value": "5" },
                { "name": "video", "value": "https://example.com/a.mp4" }] }),
    );
    check(
        "discord",
        2.0,
        json!({ "authentication": "webhook", "content": "Hi" }),
        json!({ "type": "discord.send_webhook", "content": "Hi", "login": "DISCORD_WEBHOOK" }),
    );
    check(
        "whatsApp",
        1.0,
        json!({ "operation": "send", "phoneNumberId": "1", "recipientPhoneNumber": "+2",
            "textBody": "Hi" }),
        json!({ "type": "http", "method": "POST",
            "url": "https://graph.facebook.com/v22.0/1/messages",
            "headers": { "authorization": "Bearer {{WHATS_APP_API}}" },
            "body": { "messaging_product": "whatsapp", "recipient_type": "individual", "to": "+2",
                "type": "text", "text": { "body": "Hi", "preview_url": false } } }),
    );
    refused("whatsApp", 1.0, json!({ "template": "t|en" }), "no connector has this operation");
}

#[test]
fn pages_of_notion_are_found_and_written() {
    check(
        "notion",
        2.2,
        json!({ "resource": "databasePage", "operation": "getAll", "returnAll": true,
            "databaseId": { "__rl": true, "value": "d" }, "filterType": "manual",
            "matchType": "allFilters", "filters": { "conditions": [
                { "key": "State|status", "condition": "equals", "statusValue": "Open" },
                { "key": "Done|checkbox", "condition": "equals" } ] } }),
        json!({ "type": "notion.query", "database_id": "d", "filter": { "and": [
            { "property": "State", "status": { "equals": "Open" } },
            { "property": "Done", "checkbox": { "equals": false } } ] }, "limit": 5000 }),
    );
    check(
        "notion",
        2.2,
        json!({ "resource": "databasePage", "databaseId": { "__rl": true, "value": "d" },
            "title": "T", "propertiesUi": { "propertyValues": [
                { "key": "Tags|multi_select", "multiSelectValue": ["a"] },
                { "key": "N|number", "numberValue": "={{ $json.body.n }}" } ] } }),
        json!({ "type": "notion.create_page", "database_id": "d", "title": "T", "properties": {
            "Tags": { "multi_select": [{ "name": "a" }] }, "N": { "number": "<api.input.n>" } } }),
    );
    refused(
        "notion",
        2.2,
        json!({ "resource": "databasePage", "operation": "update", "pageId": "p",
            "propertiesUi": { "propertyValues": [{ "key": "F|files" }] } }),
        "a property of the type `files`",
    );
}

#[test]
fn records_are_found_and_written() {
    let table = |more: Value| {
        let mut all = json!({ "base": { "__rl": true, "mode": "id", "value": "app1" },
            "table": { "__rl": true, "mode": "id", "value": "T" } });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    check(
        "airtable",
        2.1,
        table(json!({ "operation": "update", "columns": { "mappingMode": "defineBelow",
            "matchingColumns": ["id"], "value": { "id": "rec1", "Name": "Ada" } } })),
        json!({ "type": "airtable.update", "base": "app1", "table": "T",
            "records": [{ "id": "rec1", "fields": { "Name": "Ada" } }] }),
    );
    check(
        "airtable",
        1.0,
        json!({ "operation": "append", "application": "app1", "table": "T",
            "addAllFields": false, "fields": ["body"] }),
        json!({ "type": "airtable.create", "base": "app1", "table": "T",
            "records": [{ "body": "<api.input>" }] }),
    );
    let found = imported("airtable", 2.1, table(json!({ "operation": "search" })));
    assert_eq!(step(&found).became, ["airtable.search", "function"]);
    check(
        "supabase",
        1.0,
        json!({ "operation": "update", "tableId": "t", "filters": { "conditions": [
            { "keyName": "id", "condition": "eq", "keyValue": "={{ $json.body.id }}" }] },
            "fieldsUi": { "fieldValues": [{ "fieldId": "n", "fieldValue": "1" }] } }),
        json!({ "type": "supabase.update", "project": "project", "table": "t",
            "filters": { "id": "eq.<api.input.id>" }, "values": { "n": "1" } }),
    );
    check(
        "hubspot",
        2.1,
        json!({ "email": "a@example.com", "additionalFields": { "firstName": "Ada",
            "companyName": "X" } }),
        json!({ "type": "hubspot.upsert", "object": "contacts", "records": [
            { "email": "a@example.com", "firstname": "Ada", "company": "X" }] }),
    );
    refused("hubspot", 2.1, json!({ "resource": "deal" }), "no connector has this operation");
}

#[test]
fn sites_and_issues() {
    check(
        "wordpress",
        1.0,
        json!({ "title": "T", "additionalFields": { "content": "C", "status": "draft" } }),
        json!({ "type": "wordpress.create_post", "host": "example.com", "title": "T",
            "content": "C", "status": "draft" }),
    );
    check(
        "github",
        1.1,
        json!({ "resource": "file", "operation": "get", "owner": { "value": "o", "__rl": true },
            "repository": { "value": "r", "__rl": true }, "filePath": "a/b.md" }),
        json!({ "type": "http", "as": "file",
            "url": "https://api.github.com/repos/o/r/contents/a/b.md",
            "headers": { "accept": "application/vnd.github.raw+json",
                "authorization": "Bearer {{GITHUB_API}}" } }),
    );
    check(
        "jira",
        1.0,
        json!({ "project": { "__rl": true, "value": "WEB" }, "summary": "S",
            "issueType": { "__rl": true, "value": "10001", "cachedResultName": "Bug" } }),
        json!({ "type": "jira.create_issue", "site": "your-site", "project": "WEB",
            "issue_type": "Bug", "summary": "S" }),
    );
    check(
        "jira",
        1.0,
        json!({ "operation": "update", "issueKey": "WEB-1", "updateFields": { "statusId": "31" } }),
        json!({ "type": "jira.transition", "site": "your-site", "issue": "WEB-1",
            "transition_id": "31" }),
    );
    check(
        "trello",
        1.0,
        json!({ "listId": "l", "name": "N", "description": "D" }),
        json!({ "type": "http", "method": "POST", "url": "https://api.trello.com/1/cards",
            "query": { "key": "{{TRELLO_KEY}}", "token": "{{TRELLO_TOKEN}}", "idList": "l",
                "name": "N", "desc": "D" } }),
    );
    check(
        "clickUp",
        1.0,
        json!({ "operation": "setCustomField", "task": "t", "field": "f", "value": "v" }),
        json!({ "type": "http", "method": "POST", "body": { "value": "v" },
            "url": "https://api.clickup.com/api/v2/task/t/field/f",
            "headers": { "authorization": "{{CLICK_UP_API}}" } }),
    );
}

#[test]
fn posts_to_networks() {
    check(
        "linkedIn",
        1.0,
        json!({ "person": "p", "text": "Hi" }),
        json!({ "type": "http", "method": "POST", "url": "https://api.linkedin.com/v2/ugcPosts",
            "headers": { "X-Restli-Protocol-Version": "2.0.0",
                "authorization": "Bearer {{LINKED_IN_OAUTH2API}}" },
            "body": { "author": "urn:li:person:p", "lifecycleState": "PUBLISHED",
                "specificContent": { "com.linkedin.ugc.ShareContent": {
                    "shareCommentary": { "text": "Hi" }, "shareMediaCategory": "NONE" } },
                "visibility": { "com.linkedin.ugc.MemberNetworkVisibility": "PUBLIC" } } }),
    );
    refused("linkedIn", 1.0, json!({ "text": "Hi", "shareMediaCategory": "IMAGE" }), "uploaded");
    check(
        "twitter",
        2.0,
        json!({ "text": "={{ $json.body.t }}" }),
        json!({ "type": "http", "method": "POST", "url": "https://api.x.com/2/tweets",
            "headers": { "authorization": "Bearer {{TWITTER_OAUTH2API}}" },
            "body": { "text": "<api.input.t>" } }),
    );
    check(
        "facebookGraphApi",
        1.0,
        json!({ "graphApiVersion": "v22.0", "node": "=act_{{ $json.body.id }}", "edge": "insights",
            "options": { "fields": { "field": [{ "name": "a,b" }] } } }),
        json!({ "type": "http",
            "url": "https://graph.facebook.com/v22.0/act_<api.input.id>/insights",
            "headers": { "authorization": "Bearer {{FACEBOOK_GRAPH_API}}" },
            "query": { "fields": "a,b" } }),
    );
    check(
        "reddit",
        1.0,
        json!({ "operation": "search", "location": "allReddit", "keyword": "k", "limit": 10 }),
        json!({ "type": "http", "url": "https://oauth.reddit.com/search.json",
            "headers": { "authorization": "Bearer {{REDDIT_OAUTH2API}}" },
            "query": { "q": "k", "limit": "10" } }),
    );
    check(
        "youTube",
        1.0,
        json!({ "resource": "video", "operation": "get", "videoId": "v", "part": ["snippet"] }),
        json!({ "type": "http", "url": "https://www.googleapis.com/youtube/v3/videos",
            "headers": { "authorization": "Bearer {{YOU_TUBE_OAUTH2API}}" },
            "query": { "part": "snippet", "id": "v" } }),
    );
    check(
        "blotato",
        2.0,
        json!({ "platform": "youtube", "accountId": { "__rl": true, "value": "7" },
            "postContentText": "Hi", "postContentMediaUrls": "https://a.example/1, ",
            "postCreateYoutubeOptionTitle": "T" }),
        json!({ "type": "http", "method": "POST", "url": "https://backend.blotato.com/v2/posts",
            "headers": { "blotato-api-key": "{{BLOTATO_API}}" },
            "body": { "post": { "accountId": "7",
                "content": { "text": "Hi", "platform": "youtube",
                    "mediaUrls": ["https://a.example/1"] },
                "target": { "targetType": "youtube", "title": "T", "privacyStatus": "public",
                    "shouldNotifySubscribers": true, "isMadeForKids": false,
                    "containsSyntheticMedia": false } } } }),
    );
}

#[test]
fn services_of_the_web() {
    check(
        "apify",
        1.0,
        json!({ "operation": "Run actor and get dataset", "timeout": {},
            "actorId": { "__rl": true, "value": "a/b" }, "customBody": "{\"n\": 1}" }),
        json!({ "type": "http", "method": "POST", "body": { "n": 1 },
            "url": "https://api.apify.com/v2/acts/a~b/run-sync-get-dataset-items",
            "headers": { "authorization": "Bearer {{APIFY_API}}" } }),
    );
    check(
        "tavily",
        1.0,
        json!({ "query": "q", "options": { "max_results": 3 } }),
        json!({ "type": "http", "method": "POST", "url": "https://api.tavily.com/search",
            "headers": { "authorization": "Bearer {{TAVILY_API}}" },
            "body": { "query": "q", "max_results": 3 } }),
    );
    check(
        "decodo",
        1.0,
        json!({ "url": "https://a.example", "headless": true, "markdown": true }),
        json!({ "type": "http", "method": "POST",
            "url": "https://scraper-api.decodo.com/v2/scrape",
            "headers": { "authorization": "Basic {{DECODO_API}}" },
            "body": { "target": "universal", "url": "https://a.example", "headless": "html",
                "markdown": true } }),
    );
    check(
        "perplexity",
        1.0,
        json!({ "messages": { "message": [{ "content": "Hi" }] } }),
        json!({ "type": "http", "method": "POST",
            "url": "https://api.perplexity.ai/chat/completions",
            "headers": { "authorization": "Bearer {{PERPLEXITY_API}}" },
            "body": { "model": "sonar", "messages": [{ "role": "user", "content": "Hi" }] } }),
    );
    check(
        "twilio",
        1.0,
        json!({ "from": "+1", "to": "+2", "toWhatsapp": true, "message": "Hi" }),
        json!({ "type": "http", "method": "POST",
            "url": "https://api.twilio.com/2010-04-01/Accounts/{{TWILIO_ACCOUNT_SID}}/Messages.json",
            "headers": { "authorization": "Basic {{TWILIO_API}}" },
            "form": { "From": "whatsapp:+1", "To": "whatsapp:+2", "Body": "Hi" } }),
    );
    check(
        "microsoftOutlook",
        2.0,
        json!({ "toRecipients": "a@example.com, b@example.com", "subject": "S",
            "bodyContent": "B" }),
        json!({ "type": "http", "method": "POST",
            "url": "https://graph.microsoft.com/v1.0/me/sendMail",
            "headers": { "authorization": "Bearer {{MICROSOFT_OUTLOOK_OAUTH2API}}" },
            "body": { "message": { "subject": "S",
                "body": { "contentType": "Text", "content": "B" },
                "toRecipients": [{ "emailAddress": { "address": "a@example.com" } },
                    { "emailAddress": { "address": "b@example.com" } }] } } }),
    );
}

#[test]
fn files_of_drive_go_to_the_bin_unless_the_file_says_otherwise() {
    let id = json!({ "__rl": true, "mode": "id", "value": "f" });
    let asked =
        |options: Value| json!({ "operation": "deleteFile", "fileId": id, "options": options });
    let binned = json!({ "type": "http", "method": "PATCH",
        "url": "https://www.googleapis.com/drive/v3/files/f",
        "headers": { "authorization": "Bearer {{GOOGLE_DRIVE_OAUTH2API}}" },
        "query": { "supportsAllDrives": "true" }, "body": { "trashed": true } });
    let gone = json!({ "type": "google_drive.delete", "file_id": "f" });
    check("googleDrive", 3.0, asked(json!({})), binned.clone());
    check("googleDrive", 3.0, asked(json!({ "deletePermanently": false })), binned.clone());
    check("googleDrive", 3.0, asked(json!({ "deletePermanently": true })), gone.clone());
    check("googleDrive", 1.0, json!({ "operation": "delete", "fileId": "f" }), gone);
    let computed = json!({ "deletePermanently": "={{ $json.x }}" });
    refused("googleDrive", 3.0, asked(computed), "for good is computed");
    let folder =
        json!({ "resource": "folder", "operation": "deleteFolder", "folderNoRootId": "f" });
    check("googleDrive", 3.0, folder, binned);
}

#[test]
fn nothing_is_shared_with_everyone_by_default() {
    let shared = |own: Value| {
        json!({ "operation": "share", "fileId": "f",
            "permissionsUi": { "permissionsValues": own } })
    };
    refused("googleDrive", 3.0, shared(json!({ "role": "reader" })), "type` is empty");
    check(
        "googleDrive",
        3.0,
        shared(json!({ "role": "reader", "type": "anyone" })),
        json!({ "type": "google_drive.share", "file_id": "f", "role": "reader", "to": "anyone" }),
    );
}

#[test]
fn conditions_on_one_column_are_all_kept() {
    let deleted = |conditions: Value| {
        json!({ "operation": "delete", "tableId": "t", "matchType": "allFilters",
            "filters": { "conditions": conditions } })
    };
    let range = json!([{ "keyName": "age", "condition": "gte", "keyValue": "18" },
        { "keyName": "age", "condition": "lt", "keyValue": "65" },
        { "keyName": "name", "condition": "eq", "keyValue": "Ada" }]);
    check(
        "supabase",
        1.0,
        deleted(range),
        json!({ "type": "supabase.delete", "project": "project", "table": "t",
            "filters": { "age": ["gte.18", "lt.65"], "name": "eq.Ada" } }),
    );
    let nameless = json!([{ "keyName": "a", "keyValue": "1" }, { "keyValue": "2" }]);
    refused("supabase", 1.0, deleted(nameless), "does not name");
    let place = json!({ "documentId": { "__rl": true, "value": "d" },
        "sheetName": { "__rl": true, "value": "S" } });
    let rows = |more: Value| {
        let mut all = place.as_object().unwrap().clone();
        all.extend(more.as_object().unwrap().clone());
        Value::Object(all)
    };
    let twice = json!({ "values": [{ "lookupColumn": "n", "lookupValue": "1" },
        { "lookupColumn": "n", "lookupValue": "2" }] });
    let either = json!({ "filtersUI": twice, "combineFilters": "OR" });
    refused("googleSheets", 4.5, rows(either), "one of several conditions");
    refused("googleSheets", 4.5, rows(json!({ "filtersUI": twice })), "on one column");
}

#[test]
fn only_a_whole_sheet_that_is_known_is_cleared() {
    let cleared = |sheet: Value, more: Value| {
        let mut all = json!({ "operation": "clear", "sheetName": sheet,
            "documentId": { "__rl": true, "value": "d" } });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let named = |name: &str| json!({ "__rl": true, "mode": "name", "value": name });
    let expected = |range: &str| {
        json!({ "type": "google_sheets.clear", "spreadsheet_id": "d",
            "range": range })
    };
    for part in ["specificRows", "specificColumns", "specificRange", "={{ $json.x }}"] {
        let part = cleared(named("S"), json!({ "clear": part }));
        refused("googleSheets", 4.5, part, "a part of the sheet");
    }
    let first = cleared(named("S"), json!({ "clear": "wholeSheet", "keepFirstRow": true }));
    refused("googleSheets", 4.5, first, "a part of the sheet");
    check("googleSheets", 4.5, cleared(named("2024"), json!({})), expected("'2024'"));
    check("googleSheets", 4.5, cleared(named("Ada's"), json!({})), expected("'Ada''s'"));
    let gid = json!({ "__rl": true, "mode": "list", "value": 7 });
    let found = check("googleSheets", 4.5, cleared(gid, json!({})), expected("'YOUR_SHEET'"));
    assert!(step(&found).notes.iter().any(|note| note.contains("`YOUR_SHEET`")));
    let older = json!({ "operation": "clear", "sheetId": "d", "range": "S!A2:F" });
    check("googleSheets", 1.0, older, expected("S!A2:F"));
}

#[test]
fn all_records_are_as_many_as_the_operation_reads() {
    let found = check(
        "googleDrive",
        3.0,
        json!({ "resource": "fileFolder", "returnAll": true, "queryString": "x",
            "searchMethod": "query", "limit": 50 }),
        json!({ "type": "google_drive.list", "query": "x", "limit": 10000 }),
    );
    assert!(step(&found).notes.iter().any(|note| note.contains("at most 10000")));
}
