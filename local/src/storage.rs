//! Object storage that stands on the wire: S3 as the SDK speaks it, addresses with a signature in them included, and
//! files in a folder behind it.
//!
//! [`Storage::router`] is served with [`crate::wire::serve`], behind [`crate::wire::Wire::layer`] if something is to go
//! wrong. Only path-style addresses work, and only with [`ACCESS_KEY`] and [`SECRET_KEY`]. Signatures are checked, with
//! the machine's clock: those of the SDK and those in addresses. Beside the wire a test can list, read and write.
//!
//! An object is a file of the same name in the folder of its bucket, and its headers are in files beside that folder,
//! whose names have the key in them. Keys of more than 150 bytes are therefore too long, and one key cannot be the
//! folder of another. A deleted object leaves its headers there.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tower::ServiceExt as _;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use crate::Error;

/// The only access key. No secret: what it protects is on this machine.
pub const ACCESS_KEY: &str = "local";
/// Its secret key.
pub const SECRET_KEY: &str = "local";

/// One bucket. Clones share it.
#[derive(Clone, Debug)]
pub struct Storage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Where the buckets and the headers are.
    folder: PathBuf,
    bucket: String,
    /// Numbers files that are being written.
    writes: AtomicU64,
    /// Removes the folder in the end, where nothing is to be kept.
    _temporary: Option<TempDir>,
}

impl Storage {
    /// A bucket in a folder that is kept. Both are made if they are not there.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn open(folder: &Path, bucket: &str) -> Result<Storage, Error> {
        Storage::of(folder.to_owned(), bucket, None)
    }

    /// A bucket in a folder that is gone with the last clone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn temporary(bucket: &str) -> Result<Storage, Error> {
        let folder = TempDir::with_prefix("omega-objects-")?;
        Storage::of(folder.path().to_owned(), bucket, Some(folder))
    }

    fn of(folder: PathBuf, bucket: &str, temporary: Option<TempDir>) -> Result<Storage, Error> {
        std::fs::create_dir_all(folder.join(bucket))?;
        let (bucket, writes) = (bucket.to_owned(), AtomicU64::new(0));
        Ok(Storage(Arc::new(Inner { folder, bucket, writes, _temporary: temporary })))
    }

    /// The name of the bucket.
    pub fn bucket(&self) -> &str {
        &self.0.bucket
    }

    /// S3 on the wire.
    ///
    /// # Errors
    /// When the folder is gone.
    pub fn router(&self) -> Result<Router, Error> {
        let files = FileSystem::new(&self.0.folder)
            .map_err(|error| format!("{}: {error:?}", self.0.folder.display()))?;
        let mut builder = S3ServiceBuilder::new(files);
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = builder.build();
        // The folder stays as long as somebody serves it.
        let storage = self.clone();
        Ok(Router::new().fallback(move |request| answer(service.clone(), storage.clone(), request)))
    }

    /// All keys, in order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn keys(&self) -> Result<Vec<String>, Error> {
        let mut keys = Vec::new();
        collect(&self.home(), "", &mut keys)?;
        keys.sort();
        Ok(keys)
    }

    /// An object. `None` if there is none of that key.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        match std::fs::read(self.path(key)?) {
            Ok(content) => Ok(Some(content)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores an object as a service of the provider does: not over the wire, which is the backend's.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, key: &str, content: &[u8]) -> Result<(), Error> {
        let path = self.path(key)?;
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        // Nobody sees half an object. The name is of the kind that is cleared away at the next start.
        let number = self.0.writes.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.0.folder.join(format!(".tmp.w{number}.internal.part"));
        std::fs::write(&unfinished, content)?;
        Ok(std::fs::rename(&unfinished, &path)?)
    }

    fn home(&self) -> PathBuf {
        self.0.folder.join(&self.0.bucket)
    }

    /// Where the object of a key is. A key does not lead out of the bucket.
    fn path(&self, key: &str) -> Result<PathBuf, Error> {
        let plain = Path::new(key).components().all(|part| matches!(part, Component::Normal(_)));
        if key.is_empty() || key.ends_with('/') || !plain {
            return Err(format!("{key:?} is not a key").into());
        }
        Ok(self.home().join(key))
    }
}

/// Answers one request. Its log is left out: it would have every header of the request in it.
async fn answer(service: S3Service, storage: Storage, request: Request) -> Response {
    let answered = service.oneshot(request).with_subscriber(NoSubscriber::default()).await;
    // Only now: until here the folder has to be there.
    drop(storage);
    match answered {
        Ok(response) => response.map(Body::new).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn collect(folder: &Path, prefix: &str, keys: &mut Vec<String>) -> Result<(), Error> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let key = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{key}/"), keys)?;
        } else {
            keys.push(key);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
