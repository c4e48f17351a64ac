//! Files: `POST /v1/files`, and their bytes.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flowgate_app::error::Error;
use flowgate_app::file::{self, FileLink, FileRecord, FileRef};
use flowgate_app::files::Announced;
use flowgate_app::memory::{Charge, Holder};
use flowgate_app::{App, Result};
use futures_util::{StreamExt, stream};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::Caller;
use crate::http::body;
use crate::http::fields::Fields;
use crate::http::problem::{Problem, Refusal};
use crate::http::refused::{Denied, Refused};
use crate::http::request::{QueryPairs, Segments};
use crate::http::time::Time;
use crate::http::upload::{Others, charge, from_form, receive};

/// What is read of a file before it is sent on.
const PIECE: u64 = 1 << 20;
const MAX_ANNOUNCEMENT: usize = 64 << 10;

/// A file, as a value: an input of type `file` takes it as it is.
#[derive(Serialize, ToSchema)]
struct File {
    #[serde(rename = "$file")]
    #[schema(examples("file_01a20136dd0a70a6a0c905b0f32e819a"))]
    id: String,
    name: String,
    #[schema(examples("image/png"))]
    r#type: String,
    /// In bytes.
    size: u64,
    /// In hex.
    sha256: String,
}

/// A file whose bytes are still to come.
#[derive(Serialize, ToSchema)]
struct AnnouncedFile {
    file: File,
    upload: UploadRequest,
}

/// The request that sends the bytes. Where its URL is one of this API, it needs the key, too.
#[derive(Serialize, ToSchema)]
struct UploadRequest {
    method: &'static str,
    url: String,
    /// All of them are needed.
    headers: std::collections::BTreeMap<String, String>,
    expires_at: Time,
}

/// What is announced of a file whose bytes come later.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used: the fields are read one by one")]
struct NewFile {
    name: String,
    #[schema(nullable = false)]
    r#type: Option<String>,
    /// In bytes, at most 52428800.
    size: u64,
    /// In hex.
    sha256: String,
}

impl From<FileRef> for File {
    fn from(file: FileRef) -> Self {
        let FileRef { id, name, media_type, size, sha256 } = file;
        Self { id: id.to_string(), name, r#type: media_type, size, sha256 }
    }
}

/// Upload a file
///
/// At most 50 MiB: the bytes as the body, with their type as `Content-Type` and their name as
/// `name`; or the one part of a form (`multipart/form-data`). As `application/json` without `name`,
/// the body announces a file whose bytes come later, by the request in the answer: so larger files
/// get round the limits of a gateway. A file that no run has used is deleted after 24 hours; any
/// other with the last run that has it. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/v1/files",
    operation_id = "upload_file",
    tag = "Files",
    params(("name" = Option<String>, Query, description = "The name of the file.")),
    request_body(
        description = "The bytes, a form with them, or what is announced of them.",
        content(
            (NewFile = "application/json"),
            (String = "application/octet-stream"),
            (String = "multipart/form-data")
        )
    ),
    responses(
        (status = 201, description = "The file.", body = File),
        (status = 202, description = "The file, once its bytes have come.", body = AnnouncedFile),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
        Refused<Problem, 429>,
    )
)]
pub(super) async fn upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    query: QueryPairs,
    headers: HeaderMap,
    body: Body,
) -> std::result::Result<Response, Refusal> {
    app.may_upload(&caller)?;
    let _memory = charge(&app, &caller)?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(file::read_media_type);
    body::check_encoding(&headers)?;
    let sent = async {
        match (media_type.as_deref(), query.get("name")) {
            (Some("multipart/form-data"), _) => {
                let file = from_form(
                    &app,
                    &caller,
                    content_type.unwrap_or_default(),
                    Others::Refused,
                    body,
                )
                .await?;
                Ok(created(&app, file))
            }
            (Some("application/json"), None) => announce(&app, &caller, body).await,
            (_, name) => {
                let name = name.unwrap_or("file");
                let upload = app.begin_upload(&caller, name, content_type).await?;
                Ok(created(&app, receive(upload, body).await?))
            }
        }
    };
    let sent: Result<Response> = app.uploading(sent).await;
    Ok(sent?)
}

/// Send the bytes of an announced file
///
/// Of the size and with the hash that were announced. Needs the scope `run`, and the key that
/// announced it.
#[utoipa::path(
    put,
    path = "/v1/files/{file_id}",
    operation_id = "send_file",
    tag = "Files",
    params(("file_id" = String, Path, description = "The file's id.")),
    request_body(description = "The bytes.", content((String = "application/octet-stream"))),
    responses(
        (status = 200, description = "The file.", body = File),
        Denied<Problem>,
        Refused<Problem, 400>,
        Refused<Problem, 404>,
        Refused<Problem, 413>,
        Refused<Problem, 415>,
    )
)]
pub(super) async fn send(
    State(app): State<Arc<App>>,
    Segments(file_id): Segments<String>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> std::result::Result<Response, Refusal> {
    app.may_upload(&caller)?;
    let _memory = charge(&app, &caller)?;
    body::check_encoding(&headers)?;
    let sent = async {
        let upload = app.receive_upload(&caller, &file_id).await?;
        receive(upload, body).await
    };
    let file: Result<FileRef> = app.uploading(sent).await;
    Ok(Json(File::from(file?)).into_response())
}

/// Read a file
///
/// Its bytes, or a redirect to them (302, good for 15 minutes, without the key). The key's own
/// upload, or a file of a run that the key may read. Needs the scope `read`.
#[utoipa::path(
    get,
    path = "/v1/files/{file_id}",
    operation_id = "read_file",
    tag = "Files",
    params(("file_id" = String, Path, description = "The file's id.")),
    responses(
        (
            status = 200,
            description = "The bytes, to be saved.",
            content((String = "application/octet-stream"))
        ),
        (status = 302, description = "`Location` has the URL of the bytes."),
        Denied<Problem>,
        Refused<Problem, 404>,
    )
)]
pub(super) async fn read(
    State(app): State<Arc<App>>,
    Segments(file_id): Segments<String>,
    caller: Caller,
) -> std::result::Result<Response, Refusal> {
    let record = app.file_for(&caller, &file_id).await?;
    if let Some(link) = app.file_link(&record).await? {
        return Ok(redirect(&link)?);
    }
    let charge = app.memory.charge(&holder(&caller), usize::try_from(PIECE).unwrap_or(0))?;
    let first = piece(&app, &record.file, 0).await?;
    Ok(content(app, record.file, first, charge))
}

fn holder(caller: &Caller) -> Holder {
    Holder::of_key(caller.key_id())
}

fn created(app: &App, file: FileRef) -> Response {
    let location = format!("{}/v1/files/{}", app.settings.public_url, file.id);
    let mut response = (StatusCode::CREATED, Json(File::from(file))).into_response();
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

async fn announce(app: &App, caller: &Caller, body: Body) -> Result<Response> {
    let body = axum::body::to_bytes(body, MAX_ANNOUNCEMENT).await.map_err(|_| {
        let message = "JSON announces a file, and has at most 64 KiB; with `name` in the query, it \
                       is a file";
        Error::TooLarge(message.to_owned())
    })?;
    let mut fields = Fields::of_body(body::parse(&body)?)?;
    let name = fields.require("name", Fields::take_string);
    let media_type = fields.take_string("type");
    let size = fields.require("size", Fields::take_integer);
    if size.is_some_and(|size| size > file::MAX_FILE) {
        fields.problem("size", format!("must be at most {}", file::MAX_FILE));
    }
    let sha256 = fields.require("sha256", Fields::take_string);
    fields.finish()?;
    let (Some(name), Some(size), Some(sha256)) = (name, size, sha256) else {
        return Err(Error::bad_field("", "a field is missing"));
    };
    let announced = Announced { name, media_type, size, sha256 };
    let (record, link) = app.announce_upload(caller, &announced).await?;
    let upload = match link {
        Some(link) => UploadRequest::from(link),
        None => own_request(app, &record),
    };
    let answer = AnnouncedFile { file: record.file.into(), upload };
    Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
}

impl From<FileLink> for UploadRequest {
    fn from(link: FileLink) -> Self {
        let headers = link.headers.into_iter().collect();
        Self { method: "PUT", url: link.url, headers, expires_at: link.expires_at.into() }
    }
}

fn own_request(app: &App, record: &FileRecord) -> UploadRequest {
    UploadRequest {
        method: "PUT",
        url: format!("{}/v1/files/{}", app.settings.public_url, record.file.id),
        headers: [(CONTENT_TYPE.to_string(), file::ANY_TYPE.to_owned())].into(),
        expires_at: (record.created_at + file::UPLOAD_KEPT).into(),
    }
}

fn redirect(link: &FileLink) -> Result<Response> {
    let location = HeaderValue::try_from(&link.url).map_err(anyhow::Error::from)?;
    let headers = [(LOCATION, location), (CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::FOUND, headers).into_response())
}

async fn piece(app: &App, file: &FileRef, from: u64) -> Result<Bytes> {
    if file.size == 0 {
        return Ok(Bytes::new());
    }
    let range = from..file.size.min(from + PIECE);
    Ok(app.file_bytes(&file.id, range).await?.into())
}

/// The bytes, piece by piece. No browser shows them as a page of this origin, or runs them.
fn content(app: Arc<App>, file: FileRef, first: Bytes, charge: Charge) -> Response {
    let size = file.size;
    let (name, media_type) = (file::attachment(&file.name), file.media_type.clone());
    let rest = (app, file, first.len() as u64, charge);
    let rest = stream::unfold(rest, |(app, file, at, charge)| async move {
        if at >= file.size {
            return None;
        }
        // It broke off: the client sees fewer bytes than the length.
        let next = piece(&app, &file, at).await.map_err(std::io::Error::other);
        let end = next.as_ref().map_or(file.size, |bytes| at + bytes.len() as u64);
        Some((next, (app, file, end, charge)))
    });
    let body = Body::from_stream(stream::iter([Ok(first)]).chain(rest));
    let header = |text: String| HeaderValue::try_from(text).ok();
    let mut response = Response::new(body);
    for (name, value) in [
        (CONTENT_TYPE, header(media_type)),
        (CONTENT_DISPOSITION, header(name)),
        (CONTENT_LENGTH, header(size.to_string())),
        (X_CONTENT_TYPE_OPTIONS, header("nosniff".to_owned())),
        (CONTENT_SECURITY_POLICY, header("sandbox; default-src 'none'".to_owned())),
        (CACHE_CONTROL, header("private, no-store".to_owned())),
    ] {
        if let Some(value) = value {
            response.headers_mut().insert(name, value);
        }
    }
    response
}
