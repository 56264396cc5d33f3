//! Secrets that omega gives out: API keys and session tokens. What is stored of one is its hash.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::lower_hex;

/// Bytes of the public id, and of what nobody can guess.
const ID: usize = 8;
const SECRET: usize = 32;

/// A secret that was just made. It is shown once: `Debug` shows its id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The public part, by which it is listed and revoked: 16 hexadecimal digits.
    pub id: String,
    /// The whole, as its holder shows it: prefix, id, and 256 random bits.
    pub text: String,
}

impl Secret {
    /// A new one. `prefix` tells people, and programs that look for leaked secrets, what it is.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate(prefix: &str) -> Result<Secret, NoRandomness> {
        let mut random = [0u8; ID + SECRET];
        getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
        let (id, secret) = random.split_at(ID);
        let id = lower_hex(id);
        let text = format!("{prefix}_{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        Ok(Secret { id, text })
    }

    /// What is stored of it: see [`hash`].
    pub fn hash(&self) -> String {
        hash(&self.text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What is stored of a secret: the hash of its [`digest`]. A secret has 256 random bits, so a plain hash cannot be searched,
/// and looking it up by its hash compares nothing of it byte by byte.
pub fn hash(secret: &str) -> String {
    hash_of_digest(&digest(secret))
}

/// SHA-256 of a secret, in hexadecimal: what some callers send in place of it. As good as the secret, and therefore not
/// what is stored.
pub fn digest(secret: &str) -> String {
    lower_hex(&Sha256::digest(secret.as_bytes()))
}

/// What is stored of the secret that has this [`digest`], in lower-case hexadecimal.
pub fn hash_of_digest(digest: &str) -> String {
    lower_hex(&Sha256::digest(digest.as_bytes()))
}

/// The system has no randomness to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRandomness;

impl fmt::Display for NoRandomness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("there is no randomness to be had")
    }
}

impl std::error::Error for NoRandomness {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_secret_names_what_it_is_and_carries_256_bits() {
        let secret = Secret::generate("omega").unwrap();
        let [prefix, id, rest] = secret.text.splitn(3, '_').collect::<Vec<_>>()[..] else { panic!() };
        assert_eq!((prefix, id), ("omega", secret.id.as_str()));
        assert_eq!(URL_SAFE_NO_PAD.decode(rest).unwrap().len(), 32);
        assert_eq!(id.len(), 16);
    }

    #[test]
    fn no_two_are_the_same() {
        let made: BTreeSet<String> = (0..1000).map(|_| Secret::generate("omega").unwrap().text).collect();
        assert_eq!(made.len(), 1000);
    }

    #[test]
    fn what_is_stored_is_the_hash_of_the_digest_and_opens_nothing_itself() {
        let digest = digest("abc");
        assert_eq!(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(hash("abc"), hash_of_digest(&digest));
        assert_ne!(hash_of_digest(&hash("abc")), hash("abc"));
    }

    #[test]
    fn what_is_printed_of_it_is_its_id() {
        let secret = Secret::generate("omega").unwrap();
        let printed = format!("{secret:?}");
        assert!(printed.contains(&secret.id) && !printed.contains(&secret.text[24..]));
    }
}
