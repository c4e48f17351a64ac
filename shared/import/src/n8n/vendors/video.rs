//! YouTube, and Blotato, which posts to other platforms.

use serde_json::{Map, Value, json};

use super::super::files::operand;
use super::reader::Reader;
use super::table::{Vendor, bearer, header, plain, row};
use crate::json::{fields, text};

pub(super) const VENDORS: &[Vendor] = &[
    Vendor {
        kind: "youTube",
        login: bearer("youTubeOAuth2Api"),
        special: youtube,
        rows: &[
            row(
                "channel",
                "get",
                "GET https://www.googleapis.com/youtube/v3/channels",
                "data.items[0]",
                "query.part=#channel query.id!=channelId",
            ),
            row(
                "channel",
                "getAll",
                "GET https://www.googleapis.com/youtube/v3/channels",
                "data.items[]",
                "query.part=#channel query.forUsername=filters.forUsername query.id=filters.id \
                 query.maxResults=#limit",
            ),
            row(
                "video",
                "getAll",
                "GET https://www.googleapis.com/youtube/v3/search",
                "data.items[]",
                "query.part='snippet query.type='video query.q=filters.q \
                 query.channelId=filters.channelId query.regionCode=filters.regionCode \
                 query.publishedAfter=#after query.publishedBefore=#before \
                 query.videoCategoryId=filters.videoCategoryId query.order=options.order \
                 query.safeSearch=options.safeSearch query.maxResults=#limit",
            ),
            row(
                "video",
                "get",
                "GET https://www.googleapis.com/youtube/v3/videos",
                "data.items[0]",
                "query.part=#video query.id!=videoId",
            ),
            row(
                "video",
                "delete",
                "DELETE https://www.googleapis.com/youtube/v3/videos",
                "",
                "query.id!=videoId",
            ),
            row(
                "video",
                "rate",
                "POST https://www.googleapis.com/youtube/v3/videos/rate",
                "",
                "query.id!=videoId query.rating!=rating",
            ),
            row(
                "playlist",
                "getAll",
                "GET https://www.googleapis.com/youtube/v3/playlists",
                "data.items[]",
                "query.part=#playlist query.mine=#mine query.channelId=filters.channelId \
                 query.id=filters.id query.maxResults=#limit",
            ),
            row(
                "playlist",
                "create",
                "POST https://www.googleapis.com/youtube/v3/playlists",
                "data",
                "query.part='snippet,status body.snippet.title!=title \
                 body.snippet.description=options.description \
                 body.status.privacyStatus=options.privacyStatus",
            ),
            row(
                "playlist",
                "delete",
                "DELETE https://www.googleapis.com/youtube/v3/playlists",
                "",
                "query.id!=playlistId",
            ),
            row(
                "playlistItem",
                "add",
                "POST https://www.googleapis.com/youtube/v3/playlistItems",
                "data",
                "query.part='snippet,contentDetails body.snippet.playlistId!=playlistId \
                 body.snippet.resourceId.kind='youtube#video \
                 body.snippet.resourceId.videoId!=videoId",
            ),
            row(
                "playlistItem",
                "getAll",
                "GET https://www.googleapis.com/youtube/v3/playlistItems",
                "data.items[]",
                "query.part=#entry query.playlistId!=playlistId query.maxResults=#limit",
            ),
            row(
                "playlistItem",
                "delete",
                "DELETE https://www.googleapis.com/youtube/v3/playlistItems",
                "",
                "query.id!=playlistItemId",
            ),
        ],
    },
    Vendor {
        kind: "blotato",
        login: header("blotatoApi", "blotato-api-key"),
        special: blotato,
        rows: &[
            row(
                "post",
                "create",
                "POST https://backend.blotato.com/v2/posts",
                "data",
                "body.post.accountId=accountId|'YOUR_ACCOUNT_ID body.post.content=#content \
                 body.post.target=#target body.scheduledTime=options.scheduledTime",
            ),
            row(
                "post",
                "get",
                "GET https://backend.blotato.com/v2/posts/{postSubmissionId}",
                "data",
                "",
            ),
            row(
                "media",
                "upload",
                "POST https://backend.blotato.com/v2/media",
                "data",
                "body.url!=#media",
            ),
            row(
                "video",
                "get",
                "GET https://backend.blotato.com/v2/videos/creations/{videoId}",
                "data",
                "",
            ),
        ],
    },
];

fn youtube(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    let all = match name {
        "channel" => {
            "brandingSettings,contentDetails,contentOwnerDetails,id,localizations,snippet,\
            statistics,status,topicDetails"
        }
        "video" => {
            "contentDetails,id,liveStreamingDetails,localizations,player,recordingDetails,\
            snippet,statistics,status,topicDetails"
        }
        "playlist" => "contentDetails,id,localizations,player,snippet,status",
        "entry" => "contentDetails,id,snippet,status",
        "mine" => {
            let own = fields(reader.raw("filters"));
            return Ok(if own.is_empty() { "true".into() } else { Value::Null });
        }
        "after" | "before" => {
            let path =
                if name == "after" { "filters.publishedAfter" } else { "filters.publishedBefore" };
            let Some(given) = reader.raw(path) else { return Ok(Value::Null) };
            let time = operand(Some(given));
            return Ok(reader.computed(&format!("new Date({time}).toISOString()")));
        }
        _ => return plain(reader, name),
    };
    let parts: Vec<String> = reader.list("part").iter().map(|part| text(Some(part))).collect();
    let is_all = parts.is_empty() || parts.iter().any(|part| part == "*");
    Ok(if is_all { all.into() } else { parts.join(",").into() })
}

fn blotato(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    let platform = match reader.word("platform") {
        platform if platform.is_empty() => "instagram".to_owned(),
        platform => platform,
    };
    match name {
        "media" if reader.is("useBinaryData") => Err("a file that is sent as bytes".to_owned()),
        "media" => Ok(reader.value("mediaUrl")),
        "content" => {
            let urls = match reader.raw("postContentMediaUrls") {
                None => json!([]),
                Some(given) => split(reader, given),
            };
            let said = reader.value("postContentText");
            let said = if said.is_null() { "".into() } else { said };
            Ok(json!({ "text": said, "platform": platform, "mediaUrls": urls }))
        }
        _ => target(reader, &platform),
    }
}

/// A text with commas as a list.
fn split(reader: &mut Reader<'_, '_, '_, '_>, given: &Value) -> Value {
    let literal = text(Some(given));
    if !literal.starts_with('=') {
        return literal.split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
    }
    let list = operand(Some(given));
    reader.computed(&format!("String({list}).split(',').map(x => x.trim()).filter(x => x)"))
}

/// A field of a post's target, the parameter, and what stands where the file has none.
type Target = (&'static str, &'static str, &'static str);

fn targets(platform: &str) -> Option<&'static [Target]> {
    Some(match platform {
        "facebook" => &[
            ("pageId", "facebookPageId", "YOUR_PAGE_ID"),
            ("mediaType", "options.facebookMediaType", ""),
            ("link", "options.facebookLink", ""),
        ],
        "instagram" => &[
            ("mediaType", "options.instagramMediaType", ""),
            ("altText", "options.instagramAltText", ""),
        ],
        "linkedin" => &[("pageId", "options.linkedinPageId", "")],
        "pinterest" => &[
            ("boardId", "pinterestBoardId", "YOUR_BOARD_ID"),
            ("title", "postCreatePinterestOptionTitle", ""),
            ("altText", "options.pinterestAltText", ""),
            ("link", "options.pinterestLink", ""),
        ],
        "threads" => &[("replyControl", "options.threadsReplyControl", "")],
        "tiktok" => TIKTOK,
        "twitter" | "bluesky" => &[],
        "youtube" => &[
            ("title", "postCreateYoutubeOptionTitle", ""),
            ("privacyStatus", "postCreateYoutubeOptionPrivacyStatus", "public"),
            ("shouldNotifySubscribers", "postCreateYoutubeOptionShouldNotifySubscribers", "true"),
            ("isMadeForKids", "postCreateYoutubeOptionMadeForKids", "false"),
            ("containsSyntheticMedia", "postCreateYoutubeOptionContainsSyntheticMedia", "false"),
        ],
        _ => return None,
    })
}

const TIKTOK: &[Target] = &[
    ("privacyLevel", "postCreateTiktokOptionPrivacyLevel", "PUBLIC_TO_EVERYONE"),
    ("disabledComments", "postCreateTiktokOptionDisabledComments", "false"),
    ("disabledDuet", "postCreateTiktokOptionDisabledDuet", "false"),
    ("disabledStitch", "postCreateTiktokOptionDisabledStitch", "false"),
    ("isBrandedContent", "postCreateTiktokOptionIsBrandedContent", "false"),
    ("isYourBrand", "postCreateTiktokOptionIsYourBrand", "false"),
    ("isAiGenerated", "postCreateTiktokOptionIsAiGenerated", "false"),
    ("autoAddMusic", "postCreateTiktokOptionAutoAddMusic", "false"),
    ("isDraft", "postCreateTiktokOptionIsDraft", "false"),
];

/// Where a post goes: what each platform needs beside the account.
fn target(reader: &mut Reader<'_, '_, '_, '_>, platform: &str) -> Result<Value, String> {
    let names = targets(platform).ok_or_else(|| format!("a post to `{platform}`"))?;
    let mut own = Map::from_iter([("targetType".to_owned(), platform.into())]);
    for (field, path, default) in names {
        let mut value = reader.value(path);
        if value.is_null() || value == "" {
            value = serde_json::from_str(default).unwrap_or_else(|_| json!(default));
        }
        if default.starts_with("YOUR_") && value == *default {
            let note = format!("the file names no `{field}`: put yours in for `{default}`");
            reader.flow.approximated(note);
        }
        if value != "" {
            own.insert((*field).to_owned(), value);
        }
    }
    Ok(own.into())
}
