//! Tokens of sessions, for callers who look into theirs to see when it ends: JWTs.
//!
//! Nobody checks their signatures. A token is looked up as a whole, by its hash, as any other secret of ours, so that it
//! can be revoked; and it cannot be guessed, because the key that it is signed with is random and forgotten at once.

use serde_json::json;

use crate::jwt;
use crate::lower_hex;
use crate::secret::{NoRandomness, Secret};

/// Bytes of the id, and of the key.
const ID: usize = 8;
const KEY: usize = 32;

/// A token for `subject`, good for `lifetime` seconds from `now`, in seconds since 1970. Its id is its `jti`.
///
/// # Errors
/// The system has no randomness to give.
pub fn issue(subject: &str, scope: &str, now: i64, lifetime: u64) -> Result<Secret, NoRandomness> {
    let mut random = [0u8; ID + KEY];
    getrandom::fill(&mut random).map_err(|_| NoRandomness)?;
    let (id, key) = random.split_at(ID);
    let id = lower_hex(id);
    let header = json!({"alg": "HS256", "typ": "JWT"});
    let end = now.saturating_add_unsigned(lifetime);
    let claims = json!({"sub": subject, "scp": scope, "iat": now, "exp": end, "jti": id});
    Ok(Secret { text: jwt::sign(&header, &claims, key), id })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::tests::parts;

    #[test]
    fn a_token_says_whose_it_is_and_until_when() {
        let token = issue("0011223344556677", "api_user", 1_769_860_800, 3600).unwrap();
        let (header, claims, code) = parts(&token.text);
        assert_eq!(header, json!({"alg": "HS256", "typ": "JWT"}));
        let expected = json!({
            "sub": "0011223344556677", "scp": "api_user", "iat": 1_769_860_800, "exp": 1_769_864_400,
            "jti": token.id,
        });
        assert_eq!(claims, expected);
        assert!(token.id.len() == 16 && token.id.bytes().all(|digit| digit.is_ascii_hexdigit()));
        assert_eq!(code.len(), 32);
    }

    #[test]
    fn no_two_are_signed_alike() {
        let codes: std::collections::BTreeSet<Vec<u8>> =
            (0..100).map(|_| parts(&issue("key", "api_user", 0, 1).unwrap().text).2).collect();
        assert_eq!(codes.len(), 100);
    }
}
