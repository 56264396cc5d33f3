//! Basic credentials, for providers that do not sign what they send: Postmark's webhooks, SendGrid's inbound parse.
//!
//! The provider is given an address of the form `https://user:password@host/path` and turns its first part into the
//! header.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Invalid;

/// Checks the value of an `Authorization` header against the `user:password` that the provider was given.
///
/// Credentials without a user or without a password are never right, so a setting that was left out lets nobody in.
///
/// # Errors
/// When the header does not carry exactly these credentials.
pub fn verify(authorization: &str, expected: &str) -> Result<(), Invalid> {
    let (user, password) = expected.split_once(':').ok_or(Invalid)?;
    if user.trim().is_empty() || password.trim().is_empty() {
        return Err(Invalid);
    }
    let given = STANDARD.decode(credentials(authorization).ok_or(Invalid)?).map_err(|_| Invalid)?;
    // over hashes, for a comparison of texts would tell their length
    let equal = Sha256::digest(&given).ct_eq(&Sha256::digest(expected.as_bytes()));
    if bool::from(equal) { Ok(()) } else { Err(Invalid) }
}

/// The header value that carries `credentials`, a `user:password`. For stand-ins of providers and for tests.
pub fn sign(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

/// What follows the name of the scheme, which may be written in any case.
fn credentials(authorization: &str) -> Option<&str> {
    let (scheme, rest) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("basic").then(|| rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EXPECTED: &str = "postmark:pa:ss wörd";

    #[test]
    fn the_right_credentials_in_any_spelling_of_the_scheme() {
        let header = sign(EXPECTED);
        assert_eq!(verify(&header, EXPECTED), Ok(()));
        assert_eq!(verify(&header.replace("Basic", "bAsIc"), EXPECTED), Ok(()));
        assert_eq!(verify(&header.replace("Basic ", " basic  "), EXPECTED), Ok(()));
        // the example of RFC 7617
        assert_eq!(verify("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin:open sesame"), Ok(()));
    }

    #[test]
    fn anything_else_is_refused() {
        let code = STANDARD.encode(EXPECTED);
        for header in [
            String::new(),
            "Basic".to_owned(),
            "Basic ".to_owned(),
            code.clone(),
            format!("Bearer {code}"),
            format!("Basic {code}="),
            format!("Basic {EXPECTED}"),
            sign("postmark:pa:ss wörd "),
            sign("postmark:pa:ss"),
            sign("Postmark:pa:ss wörd"),
            sign(""),
        ] {
            assert_eq!(verify(&header, EXPECTED), Err(Invalid), "{header}");
        }
    }

    #[test]
    fn credentials_that_were_left_out_let_nobody_in() {
        for expected in ["", ":", " : ", "user", "user:", ":password"] {
            assert_eq!(verify(&sign(expected), expected), Err(Invalid), "{expected}");
        }
    }

    proptest! {
        #[test]
        fn no_header_is_a_defect(header in "\\PC{0,60}") {
            prop_assert_eq!(verify(&header, EXPECTED), Err(Invalid));
        }
    }
}
