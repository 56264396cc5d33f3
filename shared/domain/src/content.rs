//! Content of a message: words, media, and what another system wants kept beside it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Words of a person. Stored and sent as they are, never printed: `Debug` shows the length alone.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(pub String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} characters>", self.0.chars().count())
    }
}

/// A picture or the like that came or goes with a text. Stored as its address alone when its type is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "StoredMedia", into = "StoredMedia")]
pub struct Media {
    /// Where it is.
    pub url: String,
    /// Its media type, as the provider says.
    pub content_type: Option<String>,
}

impl From<String> for Media {
    fn from(url: String) -> Media {
        Media { url, content_type: None }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum StoredMedia {
    Url(String),
    Typed { url: String, content_type: String },
}

impl From<StoredMedia> for Media {
    fn from(stored: StoredMedia) -> Media {
        match stored {
            StoredMedia::Url(url) => Media { url, content_type: None },
            StoredMedia::Typed { url, content_type } => Media { url, content_type: Some(content_type) },
        }
    }
}

impl From<Media> for StoredMedia {
    fn from(media: Media) -> StoredMedia {
        match media {
            Media { url, content_type: None } => StoredMedia::Url(url),
            Media { url, content_type: Some(content_type) } => StoredMedia::Typed { url, content_type },
        }
    }
}

/// A JSON object another system gave us to keep. Never printed.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Metadata(pub serde_json::Map<String, serde_json::Value>);

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} fields>", self.0.len())
    }
}
