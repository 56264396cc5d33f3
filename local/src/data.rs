//! What outlives the runner: the directory of `--data`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Error;

/// The directory. One runner at a time holds it.
#[derive(Debug)]
pub struct Data {
    directory: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

/// The secrets that have to be the same after a restart.
#[derive(Default, Serialize, Deserialize)]
pub struct Keys {
    /// The key of whoever runs omega.
    #[serde(default)]
    pub platform_key: Option<String>,
    /// The key of the demo business. It is shown once, so it cannot be asked for again.
    #[serde(default)]
    pub api_key: Option<String>,
    /// When the inbox of the demo business was filled. No secret, but what happened in it is told from this time.
    #[serde(default)]
    pub inbox_at: Option<String>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Data {
    /// Opens the directory, and makes it if need be. Nobody but its owner can read what the runner keeps there, whoever
    /// made the directory and its files.
    ///
    /// # Errors
    /// When it cannot be made or closed to others, or another runner holds it.
    pub fn open(directory: &Path) -> Result<Data, Error> {
        let trouble = |error: &dyn std::fmt::Display| format!("{}: {error}", directory.display());
        fs::create_dir_all(directory).map_err(|error| trouble(&error))?;
        only_for_owner(directory).map_err(|error| trouble(&error))?;
        let lock = File::create(directory.join("lock")).map_err(|error| trouble(&error))?;
        lock.try_lock().map_err(|_| trouble(&"in use by another runner"))?;
        let data = Data { directory: directory.to_owned(), _lock: lock };
        data.close_to_others().map_err(|error| trouble(&error))?;
        Ok(data)
    }

    /// The directory may be one that has other things in it: only what the runner keeps is touched.
    fn close_to_others(&self) -> io::Result<()> {
        // SQLite makes its other files with the permissions of this one.
        OpenOptions::new().append(true).create(true).open(self.database())?;
        let kept = ["lock", "omega.db", "omega.db-wal", "omega.db-shm", "omega.db-journal", "keys.json"];
        for path in kept.map(|name| self.directory.join(name)).into_iter().chain([self.queues()]) {
            if path.exists() {
                only_for_owner(&path)?;
            }
        }
        fs::create_dir_all(self.objects())?;
        all_only_for_owner(&self.objects())
    }

    /// Where the table is.
    pub fn database(&self) -> PathBuf {
        self.directory.join("omega.db")
    }

    /// Where attachments and mail are.
    pub fn objects(&self) -> PathBuf {
        self.directory.join("objects")
    }

    /// The secrets of the last start.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn keys(&self) -> Result<Keys, Error> {
        Ok(self.read("keys.json")?.unwrap_or_default())
    }

    /// Keeps the secrets.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep_keys(&self, keys: &Keys) -> Result<(), Error> {
        Ok(write_private(&self.directory.join("keys.json"), &serde_json::to_vec_pretty(keys)?)?)
    }

    /// Where the queues are.
    pub fn queues(&self) -> PathBuf {
        self.directory.join("queues.jsonl")
    }

    fn read<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Error> {
        let path = self.directory.join(name);
        match fs::read(&path) {
            Ok(text) => match serde_json::from_slice(&text) {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(format!("{}: {error}", path.display()).into()),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", path.display()).into()),
        }
    }
}

/// Writes a file that only its owner can read: all of it or nothing, whenever the process dies.
///
/// # Errors
/// As the file system says.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(&new)?.write_all(content)?;
    fs::rename(new, path)
}

fn all_only_for_owner(directory: &Path) -> io::Result<()> {
    only_for_owner(directory)?;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            all_only_for_owner(&entry.path())?;
        } else {
            only_for_owner(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn only_for_owner(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = if path.is_dir() { 0o700 } else { 0o600 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn only_for_owner(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn an_existing_directory_is_closed_to_others_and_what_is_not_ours_is_left_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("data");
        fs::create_dir_all(directory.join("objects/bucket")).unwrap();
        let ours = ["omega.db", "omega.db-wal", "keys.json", "queues.jsonl", "objects/bucket/mail"];
        for name in ours.into_iter().chain(["notes.txt"]) {
            fs::write(directory.join(name), "{}").unwrap();
            fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        let _data = Data::open(&directory).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for name in ours {
            assert_eq!(mode(&directory.join(name)), 0o600, "{name}");
        }
        for folder in [directory.clone(), directory.join("objects"), directory.join("objects/bucket")] {
            assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        }
        assert_eq!(mode(&directory.join("notes.txt")), 0o644);
    }

    #[test]
    fn a_directory_has_one_runner_and_keeps_its_secrets_private() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("data");
        let data = Data::open(&directory).unwrap();
        assert!(Data::open(&directory).unwrap_err().to_string().contains("another runner"));
        data.keep_keys(&Keys { platform_key: Some("a".to_owned()), ..Keys::default() }).unwrap();
        #[cfg(unix)]
        {
            let mode = |path: &Path| {
                std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).unwrap().permissions()) & 0o777
            };
            assert_eq!(mode(&directory), 0o700);
            assert_eq!(mode(&directory.join("keys.json")), 0o600);
        }
        drop(data);
        assert_eq!(Data::open(&directory).unwrap().keys().unwrap().platform_key.as_deref(), Some("a"));
    }
}
