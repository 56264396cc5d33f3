//! What outlives the runner: the directory of `--data`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

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
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys")
    }
}

impl Data {
    /// Opens the directory, and makes it if need be.
    ///
    /// # Errors
    /// When it cannot be made, or another runner holds it.
    pub fn open(directory: &Path) -> Result<Data, Error> {
        let trouble = |error: &dyn std::fmt::Display| format!("{}: {error}", directory.display());
        if !directory.exists() {
            fs::create_dir_all(directory).map_err(|error| trouble(&error))?;
            only_for_us(directory).map_err(|error| trouble(&error))?;
        }
        let lock = File::create(directory.join("lock")).map_err(|error| trouble(&error))?;
        lock.try_lock().map_err(|_| trouble(&"in use by another runner"))?;
        Ok(Data { directory: directory.to_owned(), _lock: lock })
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

    /// The queues as they were.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn queues(&self) -> Result<Option<Value>, Error> {
        self.read("queues.json")
    }

    /// Keeps the queues.
    ///
    /// # Errors
    /// When they cannot be written.
    pub fn keep_queues(&self, queues: &Value) -> Result<(), Error> {
        Ok(write_private(&self.directory.join("queues.json"), &serde_json::to_vec(queues)?)?)
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

#[cfg(unix)]
fn only_for_us(directory: &Path) -> io::Result<()> {
    fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700))
}

#[cfg(not(unix))]
fn only_for_us(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_runner_and_keeps_its_secrets_private() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("data");
        let data = Data::open(&directory).unwrap();
        assert!(Data::open(&directory).unwrap_err().to_string().contains("another runner"));
        data.keep_keys(&Keys { platform_key: Some("a".to_owned()), api_key: None }).unwrap();
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
