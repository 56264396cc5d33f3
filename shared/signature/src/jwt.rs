//! JWTs, as we give them out: three parts, HS256.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// A token of these claims.
pub(crate) fn sign(header: &Value, claims: &Value, key: &[u8]) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encode(header), encode(claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(code(key, &signed)))
}

/// The third part, for the first two.
pub(crate) fn code(key: &[u8], signed: &str) -> Vec<u8> {
    // HMAC takes a key of any length, so there is always one; without a code nobody takes the token.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(signed.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Header, claims and code of a token.
    pub(crate) fn parts(token: &str) -> (Value, Value, Vec<u8>) {
        let parts: Vec<Vec<u8>> =
            token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap()).collect();
        assert_eq!(parts.len(), 3);
        let json = |bytes: &[u8]| serde_json::from_slice(bytes).unwrap();
        (json(&parts[0]), json(&parts[1]), parts[2].clone())
    }

    #[test]
    fn a_code_is_the_one_of_the_example_that_everybody_shows() {
        let code = code(b"key", "The quick brown fox jumps over the lazy dog");
        let expected = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
        assert_eq!(crate::lower_hex(&code), expected);
    }
}
