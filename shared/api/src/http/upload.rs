//! The bytes of a file, as they come: bare, or in a form.

mod multipart;

use axum::body::Body;
use flowgate_app::access::Caller;
use flowgate_app::file::FileRef;
use flowgate_app::files::Upload;
use flowgate_app::memory::{Charge, Holder};
use flowgate_app::{App, Error, Result};
use futures_util::StreamExt;

use self::multipart::OneFile;
pub(crate) use self::multipart::Others;
use super::body;

/// What an upload takes, whatever its size: a part of it in the store's buffer, and on its way.
const UPLOAD_BYTES: usize = 16 << 20;

pub(crate) fn charge(app: &App, caller: &Caller) -> Result<Charge> {
    Ok(app.memory.charge(&Holder::of_key(caller.key_id()), UPLOAD_BYTES)?)
}

pub(crate) async fn receive(mut upload: Upload, body: Body) -> Result<FileRef> {
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        upload.write(&part.map_err(body::not_read)?).await?;
    }
    upload.finish().await
}

/// The one file of a form.
pub(crate) async fn from_form(
    app: &App,
    caller: &Caller,
    content_type: &str,
    others: Others,
    body: Body,
) -> Result<FileRef> {
    let broken = |message: &str| Error::bad_field("", message);
    let mut form = OneFile::of(content_type, others).map_err(broken)?;
    let mut upload: Option<Upload> = None;
    let mut parts = body.into_data_stream();
    while let Some(part) = parts.next().await {
        let bytes = form.push(&part.map_err(body::not_read)?).map_err(broken)?;
        if upload.is_none()
            && let Some(head) = form.head()
        {
            let (name, media_type) = (&head.filename, head.content_type.as_deref());
            upload = Some(app.begin_upload(caller, name, media_type).await?);
        }
        if let Some(upload) = &mut upload {
            upload.write(&bytes).await?;
        }
    }
    form.finish().map_err(broken)?;
    match upload {
        Some(upload) => upload.finish().await,
        None => Err(broken("the form has no file")),
    }
}
