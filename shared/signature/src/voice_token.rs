//! The token by which a browser makes and takes calls at Twilio: a JWT with Twilio's claims, signed with the secret of an
//! API key. The account's auth token has no part in it.

use std::fmt;

use serde_json::json;

use crate::jwt;

/// How long a token is good, in seconds. Twilio takes a day at most.
pub const LIFETIME: i64 = 3600;

/// An API key of a Twilio account, and the app that answers what is asked for with its tokens. `Debug` shows nothing of
/// it.
#[derive(Clone)]
pub struct Keys {
    account_sid: String,
    key_sid: String,
    key_secret: String,
    app_sid: String,
}

impl Keys {
    /// The account (`AC…`), a standard API key of it (`SK…` and its secret), and a TwiML app (`AP…`). `None` when one of
    /// them is empty.
    pub fn new(account_sid: String, key_sid: String, key_secret: String, app_sid: String) -> Option<Keys> {
        let all = [&account_sid, &key_sid, &key_secret, &app_sid];
        all.iter().all(|part| !part.is_empty()).then_some(Keys { account_sid, key_sid, key_secret, app_sid })
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}

/// A token for `identity`, good for an hour from `now`, in seconds since 1970: its holder may place calls through the
/// app and is called by that name. `unique` is what no other token of the same second has.
pub fn sign(keys: &Keys, identity: &str, now: i64, unique: &str) -> String {
    let header = json!({"typ": "JWT", "alg": "HS256", "cty": "twilio-fpa;v=1"});
    let claims = json!({
        "jti": format!("{}-{now}{unique}", keys.key_sid),
        "iss": keys.key_sid,
        "sub": keys.account_sid,
        "nbf": now,
        "exp": now + LIFETIME,
        "grants": {
            "identity": identity,
            "voice": {"incoming": {"allow": true}, "outgoing": {"application_sid": keys.app_sid}},
        },
    });
    jwt::sign(&header, &claims, keys.key_secret.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwt::tests::parts;

    const NOW: i64 = 1_769_860_800;

    fn keys() -> Keys {
        Keys::new("AC1".to_owned(), "SK1".to_owned(), "the secret of the key".to_owned(), "AP1".to_owned())
            .unwrap()
    }

    #[test]
    fn a_token_says_what_twilio_asks_for_and_nothing_else() {
        let (header, claims, _) = parts(&sign(&keys(), "b1001_s12", NOW, "a1b2"));
        assert_eq!(header, json!({"typ": "JWT", "alg": "HS256", "cty": "twilio-fpa;v=1"}));
        let expected = json!({
            "jti": "SK1-1769860800a1b2", "iss": "SK1", "sub": "AC1", "nbf": NOW, "exp": NOW + 3600,
            "grants": {"identity": "b1001_s12",
                       "voice": {"incoming": {"allow": true}, "outgoing": {"application_sid": "AP1"}}},
        });
        assert_eq!(claims, expected);
    }

    #[test]
    fn a_token_is_signed_with_the_secret_of_the_key() {
        let token = sign(&keys(), "b1001_s12", NOW, "a1b2");
        let (signed, _) = token.rsplit_once('.').unwrap();
        assert_eq!(parts(&token).2, jwt::code(b"the secret of the key", signed));
    }

    #[test]
    fn keys_without_one_of_their_parts_are_none() {
        for empty in 0..4 {
            let part = |n: usize| if n == empty { String::new() } else { "x".to_owned() };
            assert!(Keys::new(part(0), part(1), part(2), part(3)).is_none());
        }
    }

    #[test]
    fn debug_hides_the_keys() {
        assert_eq!(format!("{:?}", keys()), "Keys { .. }");
    }
}
