//! WordPress, GitHub, Jira, Trello and ClickUp.

use serde_json::{Map, Value, json};

use super::reader::Reader;
use super::table::{Vendor, bearer, header, plain, row};
use crate::json::{fields, filled, items, text};

pub(super) const VENDORS: &[Vendor] = &[
    Vendor {
        kind: "wordpress",
        login: None,
        special: plain,
        rows: &[
            row(
                "post",
                "create",
                "wordpress.create_post",
                "post",
                "host='example.com title=title content=additionalFields.content \
                 status=additionalFields.status slug=additionalFields.slug \
                 categories=additionalFields.categories tags=additionalFields.tags",
            )
            .note(SITE),
            row(
                "post",
                "update",
                "wordpress.update_post",
                "post",
                "host='example.com post_id=postId title=updateFields.title \
                 content=updateFields.content status=updateFields.status slug=updateFields.slug \
                 categories=updateFields.categories tags=updateFields.tags",
            )
            .note(SITE),
            row("post", "get", "wordpress.get_post", "post", "host='example.com post_id=postId")
                .note(SITE),
            row(
                "post",
                "getAll",
                "wordpress.list_posts",
                "posts[]",
                "host='example.com limit=#limit search=options.search status=options.status",
            )
            .note(SITE),
        ],
    },
    Vendor {
        kind: "github",
        login: bearer("githubApi"),
        special: github,
        rows: &[
            row(
                "issue",
                "create",
                "github.create_issue",
                "issue",
                "owner=owner repo=repository title=title body=body labels=#labels \
                 assignees=#assignees",
            ),
            row(
                "issue",
                "get",
                "github.get_issue",
                "issue",
                "owner=owner repo=repository issue_number=issueNumber",
            ),
            row(
                "issue",
                "edit",
                "github.update_issue",
                "issue",
                "owner=owner repo=repository issue_number=issueNumber title=editFields.title \
                 body=editFields.body state=editFields.state",
            ),
            row(
                "issue",
                "createComment",
                "github.comment",
                ".",
                "owner=owner repo=repository issue_number=issueNumber body=body",
            ),
            row(
                "repository",
                "getIssues",
                "github.list_issues",
                "issues[]",
                "owner=owner repo=repository state=getRepositoryIssuesFilters.state \
                 labels=getRepositoryIssuesFilters.labels limit=#limit",
            ),
            row(
                "repository",
                "get",
                "GET https://api.github.com/repos/{owner}/{repository}",
                "data",
                "",
            ),
            row(
                "file",
                "create",
                "github.put_content",
                ".",
                "owner=owner repo=repository path=filePath text=#text message=commitMessage \
                 branch=additionalParameters.branch.branch",
            ),
            row(
                "file",
                "edit",
                "github.put_content",
                ".",
                "owner=owner repo=repository path=filePath text=#text message=commitMessage \
                 branch=additionalParameters.branch.branch",
            ),
            row(
                "file",
                "get",
                "GET https://api.github.com/repos/{owner}/{repository}/contents/{filePath}",
                "@data",
                "query.ref=additionalParameters.reference \
                 headers.accept='application/vnd.github.raw+json as='file",
            ),
            row(
                "file",
                "getJson",
                "github.get_content",
                "content",
                "owner=owner repo=repository path=filePath ref=additionalParameters.reference",
            ),
            row(
                "file",
                "list",
                "github.get_content",
                "content[]",
                "owner=owner repo=repository path=filePath ref=additionalParameters.reference",
            ),
            row(
                "release",
                "getAll",
                "GET https://api.github.com/repos/{owner}/{repository}/releases",
                "data[]",
                "query.per_page=#limit",
            ),
            row(
                "user",
                "getRepositories",
                "GET https://api.github.com/users/{owner}/repos",
                "data[]",
                "query.per_page=#limit",
            ),
        ],
    },
    Vendor {
        kind: "jira",
        login: None,
        special: jira,
        rows: &[
            row(
                "issue",
                "create",
                "jira.create_issue",
                "{key:key id:id self:link}",
                "site='your-site project=project issue_type=#type summary=summary \
                 details=additionalFields.description fields=#fields",
            )
            .note(JIRA),
            row("issue", "get", "jira.get_issue", "issue", "site='your-site issue=issueKey")
                .note(JIRA),
            row(
                "issue",
                "getAll",
                "jira.search",
                "issues[]",
                "site='your-site jql=options.jql limit=#limit",
            )
            .note(JIRA),
            row(
                "issue",
                "update",
                "jira.update_issue",
                ".",
                "site='your-site issue=issueKey summary=updateFields.summary \
                 details=updateFields.description fields=#fields",
            )
            .note(JIRA),
            row(
                "issue",
                "transition",
                "jira.transition",
                ".",
                "site='your-site issue=issueKey transition_id=updateFields.statusId",
            )
            .note(JIRA),
            row(
                "issueComment",
                "add",
                "jira.comment",
                ".",
                "site='your-site issue=issueKey text=comment",
            )
            .note(JIRA),
        ],
    },
    Vendor {
        kind: "trello",
        login: None,
        special: plain,
        rows: &[
            row(
                "card",
                "create",
                "POST https://api.trello.com/1/cards",
                "data",
                "query.key='{{TRELLO_KEY}} query.token='{{TRELLO_TOKEN}} query.idList!=listId \
                 query.name!=name query.desc=description query.due=additionalFields.due \
                 query.idLabels=additionalFields.idLabels \
                 query.idMembers=additionalFields.idMembers query.pos=additionalFields.pos",
            )
            .note(TRELLO),
            row("card", "get", "GET https://api.trello.com/1/cards/{id}", "data", KEYS)
                .note(TRELLO),
            row(
                "card",
                "update",
                "PUT https://api.trello.com/1/cards/{id}",
                "data",
                "query.key='{{TRELLO_KEY}} query.token='{{TRELLO_TOKEN}} \
                 query.name=updateFields.name query.desc=updateFields.desc \
                 query.idList=updateFields.idList query.closed=updateFields.closed \
                 query.due=updateFields.due",
            )
            .note(TRELLO),
            row("card", "delete", "DELETE https://api.trello.com/1/cards/{id}", "", KEYS)
                .note(TRELLO),
            row(
                "cardComment",
                "create",
                "POST https://api.trello.com/1/cards/{cardId}/actions/comments",
                "data",
                "query.key='{{TRELLO_KEY}} query.token='{{TRELLO_TOKEN}} query.text!=text",
            )
            .note(TRELLO),
            row("board", "get", "GET https://api.trello.com/1/boards/{id}", "data", KEYS)
                .note(TRELLO),
            row("list", "getAll", "GET https://api.trello.com/1/boards/{id}/lists", "data[]", KEYS)
                .note(TRELLO),
            row(
                "list",
                "getCards",
                "GET https://api.trello.com/1/lists/{id}/cards",
                "data[]",
                KEYS,
            )
            .note(TRELLO),
        ],
    },
    Vendor {
        kind: "clickUp",
        login: header("clickUpApi", "authorization"),
        special: plain,
        rows: &[
            row(
                "task",
                "create",
                "POST https://api.clickup.com/api/v2/list/{list}/task",
                "data",
                "body.name!=name body.description=additionalFields.content \
                 body.status=additionalFields.status body.priority=additionalFields.priority \
                 body.assignees=additionalFields.assignees body.tags=additionalFields.tags",
            ),
            row("task", "get", "GET https://api.clickup.com/api/v2/task/{id}", "data", ""),
            row(
                "task",
                "update",
                "PUT https://api.clickup.com/api/v2/task/{id}",
                "data",
                "body.name=updateFields.name body.description=updateFields.content \
                 body.status=updateFields.status body.priority=updateFields.priority",
            ),
            row("task", "delete", "DELETE https://api.clickup.com/api/v2/task/{id}", "", ""),
            row(
                "task",
                "setCustomField",
                "POST https://api.clickup.com/api/v2/task/{task}/field/{field}",
                "data",
                "body.value!=value",
            ),
        ],
    },
];

const SITE: &str = "`host` is to be filled in: the site's name";
const JIRA: &str = "`site` is to be filled in: the name before .atlassian.net";
const TRELLO: &str =
    "its login is two secrets, `TRELLO_KEY` and `TRELLO_TOKEN`, which are to be set";
const KEYS: &str = "query.key='{{TRELLO_KEY}} query.token='{{TRELLO_TOKEN}}";

fn github(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    let (path, field) = match name {
        "labels" => ("labels", "label"),
        "assignees" => ("assignees", "assignee"),
        _ if reader.is("binaryData") => return Err("a file that is written from bytes".to_owned()),
        _ => return Ok(reader.value("fileContent")),
    };
    let mut made = Vec::new();
    for one in reader.list(path) {
        made.push(reader.flow.any(one.get(field).unwrap_or(&Value::Null)));
    }
    Ok(if made.is_empty() { Value::Null } else { made.into() })
}

fn jira(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    if name == "type" {
        let given = reader.raw("issueType");
        let title = filled(given.and_then(|given| given.get("cachedResultName")));
        return Ok(title.map_or_else(|| reader.value("issueType"), Value::from));
    }
    let mut made = Map::new();
    for list in ["additionalFields", "updateFields"] {
        for (field, wrap) in [
            ("assignee", "accountId"),
            ("priority", "id"),
            ("reporter", "accountId"),
            ("parentIssueKey", "key"),
        ] {
            let value = reader.value(&format!("{list}.{field}"));
            if !value.is_null() && value != "" {
                let field = if field == "parentIssueKey" { "parent" } else { field };
                made.insert(field.to_owned(), json!({ wrap: value }));
            }
        }
        let labels = reader.value(&format!("{list}.labels"));
        if labels.is_array() {
            made.insert("labels".to_owned(), labels);
        }
        for one in
            items(fields(reader.raw(&format!("{list}.customFieldsUi"))).get("customFieldsValues"))
        {
            let id = fields(one.get("fieldId")).get("value").or(one.get("fieldId"));
            let value = reader.flow.any(one.get("fieldValue").unwrap_or(&Value::Null));
            made.insert(text(id), value);
        }
    }
    Ok(if made.is_empty() { Value::Null } else { made.into() })
}
