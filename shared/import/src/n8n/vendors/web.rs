//! Services of the web: scrapers, searches, mail of Microsoft, text messages.

use serde_json::{Value, json};

use super::super::files::operand;
use super::reader::Reader;
use super::table::{Login, Vendor, bearer, none, plain, row};
use crate::json::{filled, text};

pub(super) const VENDORS: &[Vendor] = &[
    Vendor {
        kind: "apify",
        login: bearer("apifyApi"),
        special: apify,
        rows: &[
            row(
                "Actors",
                "Run actor",
                "POST https://api.apify.com/v2/acts/{#actor}/runs",
                "data.data",
                RUN,
            )
            .note(PREFILLED),
            row(
                "Actors",
                "Run actor and get dataset",
                "POST https://api.apify.com/v2/acts/{#actor}/run-sync-get-dataset-items",
                "data[]",
                RUN,
            )
            .note(SYNC),
            row(
                "Datasets",
                "Get items",
                "GET https://api.apify.com/v2/datasets/{datasetId}/items",
                "data[]",
                "query.offset=#offset query.limit=#most",
            ),
            none("Actor runs", "Get runs"),
            row(
                "Actor runs",
                "Get run",
                "GET https://api.apify.com/v2/actor-runs/{runId}",
                "data.data",
                "",
            ),
        ],
    },
    Vendor {
        kind: "tavily",
        login: bearer("tavilyApi"),
        special: plain,
        rows: &[
            row(
                "search",
                "query",
                "POST https://api.tavily.com/search",
                "data",
                "body.query!=query body.search_depth=options.search_depth \
                 body.topic=options.topic body.days=options.days \
                 body.time_range=options.time_range body.max_results=options.max_results \
                 body.include_answer=options.include_answer \
                 body.include_raw_content=options.include_raw_content \
                 body.include_images=options.include_images \
                 body.include_domains=options.include_domains \
                 body.exclude_domains=options.exclude_domains",
            ),
            row(
                "extract",
                "extract",
                "POST https://api.tavily.com/extract",
                "data",
                "body.urls!=urls body.extract_depth=options.extract_depth \
                 body.include_images=options.include_images",
            ),
        ],
    },
    Vendor {
        kind: "firecrawl",
        login: bearer("firecrawlApi"),
        special: firecrawl,
        rows: &[
            none("Default", "search"),
            row(
                "Default",
                "scrape",
                "POST https://api.firecrawl.dev/v2/scrape",
                "data",
                "body.url!=url body.parsers=parsers body.formats=#formats",
            ),
            row(
                "Default",
                "map",
                "POST https://api.firecrawl.dev/v2/map",
                "data",
                "body.url!=url body.sitemap=sitemap body.includeSubdomains=includeSubdomains \
                 body.limit=limit",
            ),
        ],
    },
    Vendor {
        kind: "perplexity",
        login: bearer("perplexityApi"),
        special: perplexity,
        rows: &[row(
            "chat",
            "complete",
            "POST https://api.perplexity.ai/chat/completions",
            "data",
            "body.model=model|'sonar body.messages=#messages \
                 body.max_tokens=options.maxTokens body.temperature=options.temperature \
                 body.top_p=options.topP body.top_k=options.topK \
                 body.search_recency_filter=options.searchRecency \
                 body.return_images=options.returnImages \
                 body.return_related_questions=options.returnRelatedQuestions \
                 body.frequency_penalty=options.frequencyPenalty \
                 body.presence_penalty=options.presencePenalty",
        )],
    },
    Vendor {
        kind: "twilio",
        login: Some(Login { credential: "twilioApi", place: "authorization", before: "Basic " }),
        special: twilio,
        rows: &[row(
            "sms",
            "send",
            "POST \
                 https://api.twilio.com/2010-04-01/Accounts/{{TWILIO_ACCOUNT_SID}}/Messages.json",
            "data",
            "form.From!=#from form.To!=#to form.Body!=message \
                 form.StatusCallback=options.statusCallback",
        )
        .note(TWILIO)],
    },
    Vendor {
        kind: "serpApi",
        login: Some(Login { credential: "serpApi", place: "?api_key", before: "" }),
        special: plain,
        rows: &[
            row(
                "search",
                "google",
                "GET https://serpapi.com/search.json",
                "data",
                "query.engine='google query.q!=q query.location=location \
                 query.hl=additionalFields.hl query.gl=additionalFields.gl \
                 query.num=additionalFields.num query.start=additionalFields.start \
                 query.google_domain=additionalFields.google_domain",
            ),
            row(
                "search",
                "google_news",
                "GET https://serpapi.com/search.json",
                "data",
                "query.engine='google_news query.q!=q query.hl=additionalFields.hl \
                 query.gl=additionalFields.gl",
            ),
            row(
                "search",
                "google_maps",
                "GET https://serpapi.com/search.json",
                "data",
                "query.engine='google_maps query.q!=q query.ll=ll query.hl=additionalFields.hl",
            ),
        ],
    },
    Vendor {
        kind: "decodo",
        login: Some(Login { credential: "decodoApi", place: "authorization", before: "Basic " }),
        special: decodo,
        rows: &[
            row(
                "scrape",
                "universal",
                "POST https://scraper-api.decodo.com/v2/scrape",
                "{data:data results:data.results}",
                "body.target='universal body.url!=url body.geo=geo body.headless=#headless \
                 body.markdown=markdown body.locale=locale",
            ),
            row(
                "scrape",
                "google_search",
                "POST https://scraper-api.decodo.com/v2/scrape",
                "{data:data results:data.results}",
                "body.target='google_search body.query!=query body.parse=#parse body.geo=geo \
                 body.locale=locale body.limit=results_limit body.headless=#headless \
                 body.markdown=markdown",
            ),
            row(
                "scrape",
                "amazon",
                "POST https://scraper-api.decodo.com/v2/scrape",
                "{data:data results:data.results}",
                "body.target='amazon body.url!=url body.parse=#parse body.geo=geo \
                 body.headless=#headless body.markdown=markdown",
            ),
            row(
                "scrape",
                "youtube_transcript",
                "POST https://scraper-api.decodo.com/v2/scrape",
                "{data:data results:data.results}",
                "body.target='youtube_transcript body.query!=video_id \
                 body.language_code=language_code",
            ),
        ],
    },
    Vendor {
        kind: "microsoftOutlook",
        login: bearer("microsoftOutlookOAuth2Api"),
        special: outlook,
        rows: &[
            row(
                "message",
                "send",
                "POST https://graph.microsoft.com/v1.0/me/sendMail",
                "",
                "body.message.subject=subject|additionalFields.subject \
                 body.message.body.contentType=additionalFields.bodyContentType|'Text \
                 body.message.body.content=bodyContent|additionalFields.bodyContent \
                 body.message.toRecipients!=#to body.message.ccRecipients=#cc \
                 body.message.bccRecipients=#bcc",
            ),
            row(
                "message",
                "get",
                "GET https://graph.microsoft.com/v1.0/me/messages/{messageId}",
                "data",
                "",
            ),
            row(
                "message",
                "delete",
                "DELETE https://graph.microsoft.com/v1.0/me/messages/{messageId}",
                "",
                "",
            ),
            row(
                "draft",
                "create",
                "POST https://graph.microsoft.com/v1.0/me/messages",
                "data",
                "body.subject=subject \
                 body.body.contentType=additionalFields.bodyContentType|'Text \
                 body.body.content=bodyContent body.toRecipients=#to",
            ),
        ],
    },
    Vendor {
        kind: "brightData",
        login: bearer("brightdataApi"),
        special: brightdata,
        rows: &[
            row(
                "webUnlocker",
                "request",
                "POST https://api.brightdata.com/request",
                "data",
                "body.zone!=zone body.url!=url body.format=format|'raw body.method=method|'GET \
                 body.country=country body.data_format=data_format",
            ),
            row(
                "webScrapper",
                "scrapeByUrl",
                "POST https://api.brightdata.com/datasets/v3/scrape",
                "data",
                "query.dataset_id!=dataset_id query.format='json \
                 query.include_errors=include_errors body=#urls",
            ),
            row(
                "webScrapper",
                "triggerCollectionByUrl",
                "POST https://api.brightdata.com/datasets/v3/trigger",
                "data",
                "query.dataset_id!=dataset_id query.include_errors=include_errors body=#urls",
            ),
            row(
                "webScrapper",
                "monitorProgressSnapshot",
                "GET https://api.brightdata.com/datasets/v3/progress/{snapshot_id}",
                "data",
                "",
            ),
            row(
                "webScrapper",
                "downloadSnapshot",
                "GET https://api.brightdata.com/datasets/v3/snapshot/{snapshot_id}",
                "data",
                "query.format=format|'json",
            ),
        ],
    },
];

const RUN: &str = "query.timeout=#timeout query.memory=memory query.build=build body=#input";
const TWILIO: &str =
    "the account is the secret `TWILIO_ACCOUNT_SID`; the login is `sid:token` in base64";
const SYNC: &str = "an actor's run may take five minutes, and its own example input is not added";
const PREFILLED: &str = "an actor's own example input is not added to that of the file";

fn apify(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    reader.raw("actorSource");
    match name {
        "actor" => Ok(match reader.value("actorId") {
            Value::String(id) if !id.starts_with('<') => id.replace('/', "~").into(),
            id => id,
        }),
        "input" => {
            let given = reader.raw("customBody");
            Ok(match reader.flow.json_text(given) {
                Ok(Value::String(text)) if text.trim().is_empty() => json!({}),
                Ok(input) => input,
                Err(text) => super::super::kinds::parsed(reader.flow, &text),
            })
        }
        "offset" | "timeout" => number(reader, name),
        _ => number(reader, "limit"),
    }
}

/// A number; an empty object stands for none.
fn number(reader: &mut Reader<'_, '_, '_, '_>, path: &str) -> Result<Value, String> {
    let value = reader.value(path);
    Ok(if value.is_object() { Value::Null } else { value })
}

fn firecrawl(reader: &mut Reader<'_, '_, '_, '_>, _: &str) -> Result<Value, String> {
    let list = reader.list("scrapeOptions.options.formats.format");
    reader.raw("scrapeOptions");
    let names = list.iter().map(|one| filled(one.get("type")).unwrap_or("markdown").to_owned());
    let names: Vec<String> = names.collect();
    Ok(if names.is_empty() { Value::Null } else { json!(names) })
}

fn perplexity(reader: &mut Reader<'_, '_, '_, '_>, _: &str) -> Result<Value, String> {
    if reader.is("simplify") {
        return Err("an answer in n8n's short form".to_owned());
    }
    let mut made = Vec::new();
    for one in reader.list("messages.message") {
        let role = filled(one.get("role")).unwrap_or("user").to_owned();
        let said = reader.flow.any(one.get("content").unwrap_or(&Value::Null));
        made.push(json!({ "role": role, "content": said }));
    }
    match made.is_empty() {
        true => Err("it says nothing".to_owned()),
        false => Ok(made.into()),
    }
}

fn twilio(reader: &mut Reader<'_, '_, '_, '_>, path: &str) -> Result<Value, String> {
    let given = reader.raw(path);
    let mut number = crate::text::Text::default();
    if reader.is("toWhatsapp") {
        number = crate::text::Text::literal("whatsapp:");
    }
    let given = reader.flow.text(given);
    if given.is_empty() {
        return Ok(Value::Null);
    }
    number.append(given);
    Ok(reader.flow.draft.text(&number))
}

fn decodo(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    // The scraper of the site has its own form of an answer, which n8n's node asks for.
    Ok(match name {
        "headless" if reader.is("headless") => "html".into(),
        "headless" => Value::Null,
        _ => match reader.raw("parse") {
            None => json!(true),
            Some(given) => given.clone(),
        },
    })
}

fn outlook(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    let paths: &[&str] = match name {
        "to" => &["toRecipients", "additionalFields.toRecipients"],
        "cc" => &["additionalFields.ccRecipients", "additionalFields.ccRecipients"],
        _ => &["additionalFields.bccRecipients", "additionalFields.bccRecipients"],
    };
    let mut found = paths.iter().filter_map(|path| reader.raw(path));
    let Some(given) = found.find(|given| filled(Some(given)).is_some()) else {
        return Ok(Value::Null);
    };
    let literal = text(Some(given));
    if !literal.starts_with('=') {
        let list = literal.split(',').map(str::trim).filter(|one| !one.is_empty());
        return Ok(list.map(|one| json!({ "emailAddress": { "address": one } })).collect());
    }
    let list = operand(Some(given));
    Ok(reader.computed(&format!(
        "String({list}).split(',').map(x => ({{ emailAddress: {{ address: x.trim() }} }}))"
    )))
}

fn brightdata(reader: &mut Reader<'_, '_, '_, '_>, _: &str) -> Result<Value, String> {
    let given = reader.raw("urls");
    Ok(match reader.flow.json_text(given) {
        Ok(urls) => urls,
        Err(text) => super::super::kinds::parsed(reader.flow, &text),
    })
}
