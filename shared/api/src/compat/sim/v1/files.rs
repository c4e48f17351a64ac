//! Files by upload: `POST /api/v1/files`. What it answers stands for the file in an input.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use flowgate_app::file::{FileRef, read_media_type};
use flowgate_app::{App, Error};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::{Caller, ErrorBody, Refusal, documented, with_wrong_method};
use crate::http::body;
use crate::http::refused::{Denied, Refused};
use crate::http::time::Time;
use crate::http::upload::{Others, charge, from_form};

pub(in crate::compat) fn routes() -> OpenApiRouter<Arc<App>> {
    documented().routes(routes!(upload).map(with_wrong_method))
}

/// A file that was uploaded.
#[derive(Serialize, ToSchema)]
#[schema(as = sim::v1::Uploaded)]
struct Uploaded<'a> {
    success: bool,
    #[schema(inline)]
    data: UploadedData<'a>,
}

#[derive(Serialize, ToSchema)]
struct UploadedData<'a> {
    file: UserFile<'a>,
    message: &'static str,
}

/// A file, as a value: an input of type `file[]` takes it as it is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = sim::UserFile)]
struct UserFile<'a> {
    #[schema(examples("file_01a20136dd0a70a6a0c905b0f32e819a"))]
    id: &'a str,
    name: &'a str,
    /// In bytes.
    size: u64,
    /// Its media type.
    r#type: &'a str,
    /// The same as `id`.
    key: &'a str,
    /// The path of its bytes, which needs the key.
    url: String,
    /// The id of the key; null for the operator.
    #[schema(required)]
    uploaded_by: Option<&'a str>,
    uploaded_at: Time,
}

impl<'a> UserFile<'a> {
    fn of(app: &App, caller: &'a Caller, file: &'a FileRef) -> Self {
        let id = file.id.as_str();
        Self {
            id,
            name: &file.name,
            size: file.size,
            r#type: &file.media_type,
            key: id,
            url: format!("{}/v1/files/{id}", app.settings.public_url),
            uploaded_by: caller.key_id(),
            uploaded_at: app.now().into(),
        }
    }
}

/// Upload a file
///
/// At most 50 MiB, as the part `file` of a form; other parts, such as `workspaceId`, are passed
/// over. A file that no run has used is deleted after 24 hours; any other with the last run that
/// has it. Needs the scope `run`.
#[utoipa::path(
    post,
    path = "/api/v1/files",
    operation_id = "sim_v1_upload_file",
    tag = "Sim",
    request_body(content = String, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The file.", body = Uploaded),
        Denied<ErrorBody>,
        Refused<ErrorBody, 400>,
        Refused<ErrorBody, 413>,
        Refused<ErrorBody, 415>,
        Refused<ErrorBody, 429>,
    )
)]
async fn upload(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    app.may_upload(&caller)?;
    let _memory = charge(&app, &caller)?;
    body::check_encoding(&headers)?;
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default();
    if read_media_type(content_type).as_deref() != Some("multipart/form-data") {
        return Err(Error::bad_field("", "the body must be a form: multipart/form-data").into());
    }
    let sent = from_form(&app, &caller, content_type, Others::Ignored, body);
    let file = app.uploading(sent).await?;
    let file = UserFile::of(&app, &caller, &file);
    let data = UploadedData { file, message: "File uploaded successfully" };
    Ok(Json(Uploaded { success: true, data }).into_response())
}
