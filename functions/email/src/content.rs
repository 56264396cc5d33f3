//! Bodies and attachments on their way into object storage: before anything is queued, all of it is there.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::content::Text;
use domain::mail::{Attachment, Mail};
use domain::{Error, Result};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use objects::Objects;

/// Objects of one call that are stored at the same time.
const CONCURRENT: usize = 8;

/// One object to store.
#[derive(Debug)]
pub(crate) struct Upload {
    pub key: String,
    pub content: Vec<u8>,
    pub content_type: String,
}

/// Stores all of them.
pub(crate) async fn store(objects: &Objects, uploads: Vec<Upload>) -> Result<()> {
    let put =
        |upload: Upload| async move { objects.put(&upload.key, upload.content, &upload.content_type).await };
    stream::iter(uploads).map(put).buffer_unordered(CONCURRENT).try_collect().await
}

/// What base64 stands for; line breaks in it are no mistake.
pub(crate) fn decoded(content: &str) -> Option<Vec<u8>> {
    match STANDARD.decode(content) {
        Ok(bytes) => Some(bytes),
        Err(_) if content.contains(['\r', '\n']) => {
            let joined: String = content.split(['\r', '\n']).collect();
            STANDARD.decode(joined).ok()
        }
        Err(_) => None,
    }
}

/// The upload of an attachment's content, which from then on is where it says.
pub(crate) fn attached(attachment: &mut Attachment, content: Vec<u8>, key: String) -> Upload {
    attachment.size = Some(content.len() as u64);
    attachment.object = Some(key.clone());
    let content_type = attachment.content_type.clone();
    Upload {
        key,
        content,
        content_type: content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
    }
}

/// A body that is too long for the table goes to object storage, and its beginning stays.
///
/// # Errors
/// Never, but for a defect.
pub(crate) fn outsourced(body: &mut Text, mail: &mut Mail, key: String) -> Result<Option<Upload>> {
    let Some(whole) = mail.move_long_body(body, key.clone()) else { return Ok(None) };
    let content = serde_json::to_vec(&whole).map_err(|error| Error::Internal(error.into()))?;
    Ok(Some(Upload { key, content, content_type: "application/json".to_owned() }))
}
