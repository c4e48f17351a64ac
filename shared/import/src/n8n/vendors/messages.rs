//! Slack, Telegram, Discord and WhatsApp.

use serde_json::{Map, Value, json};

use super::reader::Reader;
use super::table::{Login, Vendor, bearer, none, row};
use crate::json::{fields, filled, is_true, items, text};

pub(super) const VENDORS: &[Vendor] = &[
    Vendor {
        kind: "slack",
        login: bearer("slackApi"),
        special: slack,
        rows: &[
            row(
                "message",
                "post",
                "slack.send_message",
                "{ts:ts message_timestamp:ts channel:channel message:message}",
                "channel=#channel text=text blocks=#blocks \
                 thread_ts=otherOptions.thread_ts.replyValues.thread_ts \
                 unfurl=otherOptions.unfurl_links",
            ),
            row(
                "message",
                "update",
                "slack.update_message",
                ".",
                "channel=#channel ts=ts text=text blocks=#blocks",
            ),
            row("message", "delete", "slack.delete_message", ".", "channel=#channel ts=timestamp"),
            row(
                "channel",
                "create",
                "POST https://slack.com/api/conversations.create",
                "data.channel",
                "body.name!=channelId|channelName body.is_private=channelVisibility",
            ),
            row("channel", "getAll", "slack.list_channels", "channels[]", "limit=#limit"),
            row(
                "channel",
                "history",
                "slack.read_messages",
                "messages[]",
                "channel=#channel limit=#limit from=filters.oldest to=filters.latest",
            ),
            row(
                "channel",
                "replies",
                "slack.read_thread",
                "messages[]",
                "channel=#channel ts=ts limit=#limit",
            ),
            row(
                "reaction",
                "add",
                "slack.add_reaction",
                "",
                "channel=#channel ts=timestamp emoji=name",
            ),
            row(
                "file",
                "upload",
                "slack.upload_file",
                ".",
                "file=#file channel=options.channelId filename=options.fileName \
                 comment=options.initialComment title=options.title",
            ),
            row(
                "user",
                "info",
                "GET https://slack.com/api/users.info",
                "data.user",
                "query.user!=user",
            ),
            row(
                "user",
                "getAll",
                "GET https://slack.com/api/users.list",
                "data.members[]",
                "query.limit=#limit",
            ),
        ],
    },
    Vendor {
        kind: "telegram",
        login: None,
        special: telegram,
        rows: &[
            row(
                "message",
                "sendMessage",
                "telegram.send_message",
                POSTED,
                "chat_id=chatId text=text parse_mode=additionalFields.parse_mode \
                 reply_to=additionalFields.reply_to_message_id \
                 silent=additionalFields.disable_notification preview=#preview \
                 reply_markup=#markup",
            ),
            row(
                "message",
                "sendPhoto",
                "telegram.send_photo",
                POSTED,
                "chat_id=chatId photo=#media caption=additionalFields.caption \
                 parse_mode=additionalFields.parse_mode \
                 reply_to=additionalFields.reply_to_message_id \
                 silent=additionalFields.disable_notification",
            ),
            row(
                "message",
                "sendDocument",
                "telegram.send_document",
                POSTED,
                "chat_id=chatId document=#media caption=additionalFields.caption \
                 parse_mode=additionalFields.parse_mode \
                 reply_to=additionalFields.reply_to_message_id \
                 silent=additionalFields.disable_notification",
            ),
            row(
                "message",
                "sendVideo",
                "POST https://api.telegram.org/bot{{TELEGRAM_TOKEN}}/sendVideo",
                "data",
                "multipart.chat_id!=chatId multipart.video!=#media \
                 multipart.caption=additionalFields.caption \
                 multipart.parse_mode=additionalFields.parse_mode",
            ),
            row(
                "message",
                "sendAudio",
                "POST https://api.telegram.org/bot{{TELEGRAM_TOKEN}}/sendAudio",
                "data",
                "multipart.chat_id!=chatId multipart.audio!=#media \
                 multipart.caption=additionalFields.caption \
                 multipart.parse_mode=additionalFields.parse_mode",
            ),
            row(
                "message",
                "sendAnimation",
                "POST https://api.telegram.org/bot{{TELEGRAM_TOKEN}}/sendAnimation",
                "data",
                "multipart.chat_id!=chatId multipart.animation!=#media \
                 multipart.caption=additionalFields.caption \
                 multipart.parse_mode=additionalFields.parse_mode",
            ),
            row(
                "message",
                "sendLocation",
                "POST https://api.telegram.org/bot{{TELEGRAM_TOKEN}}/sendLocation",
                "data",
                "body.chat_id!=chatId body.latitude!=latitude body.longitude!=longitude",
            ),
            row(
                "message",
                "editMessageText",
                "telegram.edit_message",
                ".",
                "chat_id=chatId message_id=messageId text=text \
                 parse_mode=additionalFields.parse_mode reply_markup=#markup",
            ),
            row(
                "message",
                "deleteMessage",
                "telegram.delete_message",
                "",
                "chat_id=chatId message_id=messageId",
            ),
            row(
                "message",
                "sendChatAction",
                "telegram.send_action",
                "",
                "chat_id=chatId action=action|'typing",
            ),
            row("file", "get", "telegram.get_file", "@file", "file_id=fileId"),
            row(
                "chat",
                "get",
                "GET https://api.telegram.org/bot{{TELEGRAM_TOKEN}}/getChat",
                "data",
                "query.chat_id!=chatId",
            ),
            row(
                "chat",
                "member",
                "GET https://api.telegram.org/bot{{TELEGRAM_TOKEN}}/getChatMember",
                "data",
                "query.chat_id!=chatId query.user_id!=userId",
            ),
            row(
                "callback",
                "answerQuery",
                "POST https://api.telegram.org/bot{{TELEGRAM_TOKEN}}/answerCallbackQuery",
                "data",
                "body.callback_query_id!=queryId body.text=additionalFields.text \
                 body.show_alert=additionalFields.show_alert body.url=additionalFields.url",
            ),
        ],
    },
    Vendor {
        kind: "discord",
        login: Some(Login { credential: "discordBotApi", place: "authorization", before: "Bot " }),
        special: discord,
        rows: &[
            row(
                "channel",
                "create",
                "POST https://discord.com/api/v10/guilds/{guildId}/channels",
                "data",
                "body.name!=name body.type=type body.parent_id=options.categoryId \
                 body.topic=options.topic",
            ),
            row(
                "channel",
                "getAll",
                "GET https://discord.com/api/v10/guilds/{guildId}/channels",
                "data[]",
                "",
            ),
            row(
                "channel",
                "get",
                "GET https://discord.com/api/v10/channels/{channelId}",
                "data",
                "",
            ),
            row(
                "channel",
                "deleteChannel",
                "DELETE https://discord.com/api/v10/channels/{channelId}",
                "data",
                "",
            ),
            row(
                "message",
                "send",
                "discord.send_message",
                "message",
                "channel_id=#channel content=content embeds=#embeds",
            ),
            row(
                "message",
                "get",
                "GET https://discord.com/api/v10/channels/{channelId}/messages/{messageId}",
                "data",
                "",
            ),
            row(
                "message",
                "getAll",
                "discord.read_messages",
                "messages[]",
                "channel_id=channelId limit=#limit",
            ),
            row(
                "message",
                "deleteMessage",
                "DELETE https://discord.com/api/v10/channels/{channelId}/messages/{messageId}",
                "",
                "",
            ),
            row(
                "webhook",
                "send",
                "discord.send_webhook",
                "message",
                "content=content|text login='DISCORD_WEBHOOK username=options.username \
                 avatar_url=options.avatar_url embeds=#embeds",
            )
            .note("the webhook's address is the secret `DISCORD_WEBHOOK`"),
        ],
    },
    Vendor {
        kind: "whatsApp",
        login: bearer("whatsAppApi"),
        special: whatsapp,
        rows: &[
            none("message", "sendTemplate"),
            row(
                "message",
                "send",
                "POST https://graph.facebook.com/v22.0/{phoneNumberId}/messages",
                "data",
                "body.messaging_product='whatsapp body.recipient_type='individual \
                 body.to!=recipientPhoneNumber body.type=messageType|'text body.text=#text \
                 body.image=#image body.video=#video body.audio=#audio body.document=#document",
            ),
            row(
                "media",
                "mediaUrlGet",
                "GET https://graph.facebook.com/v22.0/{mediaGetId}",
                "data",
                "",
            ),
            row(
                "media",
                "mediaDelete",
                "DELETE https://graph.facebook.com/v22.0/{mediaDeleteId}",
                "data",
                "",
            ),
        ],
    },
];

const POSTED: &str = "{result:message message_id:message_id}";

fn slack(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    if name == "blocks" {
        let given = reader.raw("blocksUi");
        return Ok(match given.map(|given| reader.flow.json_text(Some(given))) {
            Some(Ok(Value::Object(own))) => own.get("blocks").cloned().unwrap_or_default(),
            Some(Ok(list @ Value::Array(_))) => list,
            _ => Value::Null,
        });
    }
    let by_user = reader.word("select") == "user";
    let paths = if by_user { ["user", "user"] } else { ["channelId", "channel"] };
    let found = paths.map(|path| reader.value(path));
    Ok(found.into_iter().find(|value| !value.is_null() && value != "").unwrap_or_default())
}

fn telegram(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    match name {
        "preview" => Ok(match reader.is("additionalFields.disable_web_page_preview") {
            true => json!(false),
            false => Value::Null,
        }),
        "media" if reader.is("binaryData") => {
            reader.raw("binaryPropertyName");
            let file = reader.flow.here.items.file.as_ref();
            let file = file.ok_or("no file of a node before it is known")?;
            Ok(format!("<{file}>").into())
        }
        "media" => Ok(reader.value("file")),
        _ => Ok(markup(reader)),
    }
}

/// Buttons below a message.
fn markup(reader: &mut Reader<'_, '_, '_, '_>) -> Value {
    if reader.word("replyMarkup") != "inlineKeyboard" {
        return Value::Null;
    }
    let mut rows = Vec::new();
    for line in reader.list("inlineKeyboard.rows") {
        let buttons = items(fields(line.get("row")).get("buttons"));
        rows.push(buttons.iter().map(|one| button(reader, one)).collect::<Value>());
    }
    json!({ "inline_keyboard": rows })
}

fn button(reader: &mut Reader<'_, '_, '_, '_>, one: &Value) -> Value {
    let mut own = Map::new();
    let label = reader.flow.any(one.get("text").unwrap_or(&Value::Null));
    own.insert("text".to_owned(), label);
    for (name, value) in fields(one.get("additionalFields")) {
        if filled(Some(value)).is_some() {
            let value = reader.flow.any(value);
            own.insert(name.clone(), value);
        }
    }
    own.into()
}

fn discord(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    match name {
        "channel" if reader.word("sendTo") == "user" => {
            Err("a message to a person, whose channel must be opened first".to_owned())
        }
        "channel" => Ok(reader.value("channelId")),
        _ => {
            let mut made = Vec::new();
            for one in reader.list("embeds.values") {
                if text(one.get("inputMethod")) == "json" {
                    made.extend(reader.flow.json_text(one.get("json")).ok());
                } else {
                    made.push(embed(reader, one));
                }
            }
            Ok(if made.is_empty() { Value::Null } else { made.into() })
        }
    }
}

/// A card below a message; pictures are objects at Discord, and its colour is a number.
fn embed(reader: &mut Reader<'_, '_, '_, '_>, one: &Value) -> Value {
    let mut own = Map::new();
    for (name, given) in fields(Some(one)) {
        let value = match name.as_str() {
            "image" | "thumbnail" => json!({ "url": reader.flow.any(given) }),
            "author" => json!({ "name": reader.flow.any(given) }),
            "color" => match u64::from_str_radix(text(Some(given)).trim_start_matches('#'), 16) {
                Ok(color) => color.into(),
                Err(_) => continue,
            },
            "title" | "description" | "url" | "timestamp" => reader.flow.any(given),
            _ => continue,
        };
        own.insert(name.clone(), value);
    }
    own.into()
}

fn whatsapp(reader: &mut Reader<'_, '_, '_, '_>, name: &str) -> Result<Value, String> {
    let kind = match reader.word("messageType") {
        kind if kind.is_empty() => "text".to_owned(),
        kind => kind,
    };
    if kind != name {
        return match kind.as_str() {
            "text" | "image" | "video" | "audio" | "document" => Ok(Value::Null),
            other => Err(format!("a message of the type `{other}`")),
        };
    }
    if name == "text" {
        let preview = is_true(reader.raw("additionalFields.previewUrl"));
        return Ok(json!({ "body": reader.value("textBody"), "preview_url": preview }));
    }
    let (field, path) = match reader.word("mediaPath").as_str() {
        "useMediaId" => ("id", "mediaId"),
        "" | "useMediaLink" => ("link", "mediaLink"),
        _ => return Err("a file that must be uploaded first".to_owned()),
    };
    let mut own = Map::from_iter([(field.to_owned(), reader.value(path))]);
    for (field, path) in [
        ("caption", "additionalFields.mediaCaption"),
        ("filename", "additionalFields.mediaFilename"),
    ] {
        let value = reader.value(path);
        if !value.is_null() {
            own.insert(field.to_owned(), value);
        }
    }
    Ok(own.into())
}
