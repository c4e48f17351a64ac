//! LinkedIn, X, Facebook and Reddit.

use serde_json::{Map, Value, json};

use super::reader::Reader;
use super::table::{Vendor, bearer, row};
use crate::json::{filled, text};
use crate::text::Text;

pub(super) const VENDORS: &[Vendor] = &[
    Vendor {
        kind: "linkedIn",
        login: bearer("linkedInOAuth2Api"),
        special: linkedin,
        rows: &[row(
            "post",
            "create",
            "POST https://api.linkedin.com/v2/ugcPosts",
            "data",
            "body.author=#author body.lifecycleState='PUBLISHED body.specificContent=#content \
             body.visibility=#visibility headers.X-Restli-Protocol-Version='2.0.0",
        )],
    },
    Vendor {
        kind: "twitter",
        login: bearer("twitterOAuth2Api"),
        special: twitter,
        rows: &[
            row(
                "tweet",
                "create",
                "POST https://api.x.com/2/tweets",
                "data.data",
                "body.text!=text body.media=#media body.reply=#reply",
            ),
            row(
                "tweet",
                "search",
                "GET https://api.x.com/2/tweets/search/recent",
                "data.data[]",
                "query.query!=searchText query.max_results=#limit",
            ),
            row(
                "tweet",
                "delete",
                "DELETE https://api.x.com/2/tweets/{tweetDeleteId}",
                "data.data",
                "",
            ),
            row(
                "user",
                "searchUser",
                "GET https://api.x.com/2/users/by/username/{user}",
                "data.data",
                "",
            ),
        ],
    },
    Vendor {
        kind: "facebookGraphApi",
        login: bearer("facebookGraphApi"),
        special: facebook,
        rows: &[
            row(
                "graph",
                "GET",
                "GET https://{hostUrl|'graph.facebook.com}{/graphApiVersion}{/node}{/edge}",
                "data",
                "query=#query",
            ),
            row(
                "graph",
                "POST",
                "POST https://{hostUrl|'graph.facebook.com}{/graphApiVersion}{/node}{/edge}",
                "data",
                "query=#query multipart.file=#sent",
            ),
            row(
                "graph",
                "DELETE",
                "DELETE https://{hostUrl|'graph.facebook.com}{/graphApiVersion}{/node}{/edge}",
                "data",
                "query=#query",
            ),
        ],
    },
    Vendor {
        kind: "reddit",
        login: bearer("redditOAuth2Api"),
        special: reddit,
        rows: &[
            row(
                "post",
                "create",
                "POST https://oauth.reddit.com/api/submit",
                "data.json.data",
                "form.title!=title form.sr!=subreddit form.kind=kind|'self form.text=text \
                 form.url=url form.api_type='json",
            ),
            row(
                "post",
                "get",
                "GET https://oauth.reddit.com/r/{subreddit}/comments/{postId}.json",
                "data[0].data.children[0].data",
                "",
            ),
            row(
                "post",
                "getAll",
                "GET https://oauth.reddit.com/r/{subreddit}{/filters.category}.json",
                CHILDREN,
                "query.limit=#limit",
            ),
            row(
                "post",
                "search",
                "GET https://oauth.reddit.com/r/{subreddit}/search.json",
                CHILDREN,
                "query.q!=keyword query.sort=additionalFields.sort query.limit=#limit \
                 query.restrict_sr='true",
            ),
            row(
                "post",
                "searchAll",
                "GET https://oauth.reddit.com/search.json",
                CHILDREN,
                "query.q!=keyword query.sort=additionalFields.sort query.limit=#limit",
            ),
            row("post", "delete", "POST https://oauth.reddit.com/api/del", "", "form.id=#post"),
            row(
                "subreddit",
                "get",
                "GET https://oauth.reddit.com/r/{subreddit}/about.json",
                "data.data",
                "",
            )
            .note("what is read of a subreddit is its description"),
        ],
    },
];

const CHILDREN: &str = "=>[]data.data.children.map(c => c.data)";

fn linkedin(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    let is_person = reader.word("postAs") != "organization";
    match name {
        "author" => {
            let path = if is_person { "person" } else { "organization" };
            let mut author = Text::literal(format!("urn:li:{path}:"));
            let given = reader.raw(path).filter(|given| filled(Some(given)).is_some());
            match given {
                Some(given) => author.append(reader.flow.text(Some(given))),
                None => {
                    author.append(Text::literal("YOUR_ID"));
                    reader
                        .flow
                        .approximated("the file names no author: put yours in for `YOUR_ID`");
                }
            }
            Ok(reader.flow.draft.any(&author))
        }
        "visibility" => {
            let who = reader.value("additionalFields.visibility");
            let who = if who.is_null() || !is_person { json!("PUBLIC") } else { who };
            Ok(json!({ "com.linkedin.ugc.MemberNetworkVisibility": who }))
        }
        _ => shared(reader),
    }
}

/// What a post says, and the page that it points at.
fn shared(reader: &mut Reader<'_, '_, '_, '_>) -> Result<Value, String> {
    let kind = match reader.word("shareMediaCategory") {
        kind if kind.is_empty() => "NONE".to_owned(),
        kind => kind,
    };
    let mut content = json!({
        "shareCommentary": { "text": reader.value("text") },
        "shareMediaCategory": kind.clone(),
    });
    match kind.as_str() {
        "NONE" => {}
        "ARTICLE" => {
            let page = reader.value("additionalFields.originalUrl");
            let mut media = json!({ "status": "READY", "originalUrl": page });
            for field in ["title", "description"] {
                let value = reader.value(&format!("additionalFields.{field}"));
                if !value.is_null() {
                    media[field] = json!({ "text": value });
                }
            }
            content["media"] = json!([media]);
        }
        _ => return Err("a picture that must be uploaded first".to_owned()),
    }
    Ok(json!({ "com.linkedin.ugc.ShareContent": content }))
}

fn twitter(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    Ok(match name {
        "media" => match reader.value("additionalFields.attachments") {
            Value::Null => Value::Null,
            id => json!({ "media_ids": [id] }),
        },
        _ => match reader.value("additionalFields.inReplyToStatusId") {
            Value::Null => Value::Null,
            id => json!({ "in_reply_to_tweet_id": id }),
        },
    })
}

fn facebook(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    if name == "sent" {
        if !reader.is("sendBinaryData") {
            return Ok(Value::Null);
        }
        reader.raw("binaryPropertyName");
        let file = reader.flow.here.items.file.as_ref();
        return Ok(format!("<{}>", file.ok_or("no file of a node before it is known")?).into());
    }
    reader.raw("httpRequestMethod");
    let mut query = Map::new();
    let names: Vec<String> =
        reader.list("options.fields.field").iter().map(|one| text(one.get("name"))).collect();
    if names.iter().any(|name| name.starts_with('=')) {
        return Err("fields whose names are computed".to_owned());
    }
    if !names.is_empty() {
        let names = reader.flow.draft.text(&Text::literal(names.join(",")));
        query.insert("fields".to_owned(), names);
    }
    for one in reader.list("options.queryParameters.parameter") {
        let name = text(one.get("name"));
        let value = super::super::http::guarded(
            reader.flow,
            &name,
            one.get("value").unwrap_or(&Value::Null),
        );
        query.insert(name, value);
    }
    if let Some(given) = reader.raw("options.queryParametersJson") {
        let made = reader.flow.json_text(Some(given)).ok();
        let made = made.as_ref().and_then(Value::as_object);
        query.extend(made.ok_or("a query that is computed as a whole")?.clone());
    }
    Ok(if query.is_empty() { Value::Null } else { query.into() })
}

fn reddit(reader: &mut Reader<'_, '_, '_, '_>, _: &str) -> Result<Value, String> {
    let mut id = Text::literal("t3_");
    id.append(reader.text("postId"));
    Ok(reader.flow.draft.any(&id))
}
