//! Twilio's request signature, the `X-Twilio-Signature` header.
//!
//! Twilio signs the address it requested followed by the form parameters, with HMAC-SHA1 keyed by the account's
//! auth token; a JSON body is covered through its hash in the address. Source: Twilio's documentation, "Webhooks
//! security" and "Validating signatures from Twilio", and the behaviour of its server-side SDKs where that is
//! silent (ports, repeated parameters).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

pub use crate::Invalid;

/// The auth tokens that are valid now for one Twilio account.
///
/// Two while a token is being rotated: Twilio signs with the primary, and changes which that is at a moment of
/// its own. An empty token is never a key, so a setting that was left out makes every check fail. `Debug` shows
/// nothing of them.
#[derive(Clone)]
pub struct AuthTokens {
    primary: String,
    secondary: Option<String>,
}

impl AuthTokens {
    /// The account's primary token and, during a rotation, its secondary one.
    pub fn new(primary: impl Into<String>, secondary: Option<String>) -> Self {
        Self { primary: primary.into(), secondary }
    }

    fn usable(&self) -> impl Iterator<Item = &str> {
        [Some(&self.primary), self.secondary.as_ref()]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .filter(|token| !token.trim().is_empty())
    }
}

impl fmt::Debug for AuthTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthTokens").finish_non_exhaustive()
    }
}

/// Checks a form post: messages, status callbacks, calls.
///
/// `url` is the full public address that Twilio was given (scheme, host, path, query), byte for byte, never the
/// internal one behind a gateway; a fragment is ignored, since it is never sent. `raw_body` is the body before
/// any decoding, `signature` the value of the header.
///
/// The address is tried with and without its port, as Twilio's SDKs do: the signer is not consistent about it.
///
/// A valid signature proves that the holder of the token sent this body. It does not say for which account:
/// compare `AccountSid` with the account whose token this is.
pub fn verify_form(tokens: &AuthTokens, url: &str, raw_body: &[u8], signature: &str) -> Result<(), Invalid> {
    verify(tokens, url, &form_text(raw_body), signature)
}

/// Checks a JSON post. Its address carries the body's SHA-256 as the query parameter `bodySHA256` (lower-case
/// hexadecimal) and only the address is signed, so both must hold. See [`verify_form`] for the arguments.
pub fn verify_json(tokens: &AuthTokens, url: &str, raw_body: &[u8], signature: &str) -> Result<(), Invalid> {
    let claimed = query_value(url, "bodySHA256").ok_or(Invalid)?;
    let actual = crate::lower_hex(&Sha256::digest(raw_body));
    if !bool::from(actual.as_bytes().ct_eq(claimed.as_bytes())) {
        return Err(Invalid);
    }
    verify(tokens, url, &[], signature)
}

/// Checks a request without a body: the address alone is signed. See [`verify_form`] for the arguments.
pub fn verify_get(tokens: &AuthTokens, url: &str, signature: &str) -> Result<(), Invalid> {
    verify(tokens, url, &[], signature)
}

/// The signature that Twilio would send with a form post to exactly this address; with an empty body, that of a
/// GET or (the address carrying `bodySHA256`) of a JSON post. For the local stand-in of Twilio and for tests.
pub fn sign_form(token: &str, url: &str, raw_body: &[u8]) -> String {
    let address = without_fragment(url);
    let mac = keyed(token).map(|mac| finish(mac, address, &form_text(raw_body)));
    STANDARD.encode(mac.unwrap_or_default())
}

type HmacSha1 = Hmac<Sha1>;

fn verify(tokens: &AuthTokens, url: &str, parameters: &[u8], signature: &str) -> Result<(), Invalid> {
    let given = STANDARD.decode(signature).map_err(|_| Invalid)?;
    let addresses = address_spellings(without_fragment(url));

    // every token and spelling is tried whatever the outcome of the others, so that timing tells nothing
    let mut valid = Choice::from(0);
    for mac in tokens.usable().filter_map(keyed) {
        for address in &addresses {
            valid |= finish(mac.clone(), address, parameters).ct_eq(&given);
        }
    }
    if bool::from(valid) { Ok(()) } else { Err(Invalid) }
}

/// HMAC takes a key of any length, so this is never `None`; the type of the function says otherwise.
fn keyed(token: &str) -> Option<HmacSha1> {
    HmacSha1::new_from_slice(token.as_bytes()).ok()
}

fn finish(mut mac: HmacSha1, address: &str, parameters: &[u8]) -> Vec<u8> {
    mac.update(address.as_bytes());
    mac.update(parameters);
    mac.finalize().into_bytes().to_vec()
}

/// The signed form of the parameters: names in byte order, each followed by its value, nothing between. Of a
/// repeated name the distinct values count, sorted, each after the name again. An empty value leaves the bare
/// name.
///
/// Values stay bytes. Turning what is not UTF-8 into replacement characters would give one signature to many
/// different bodies; refusing it would drop a request that Twilio did sign.
fn form_text(raw_body: &[u8]) -> Vec<u8> {
    let mut parameters: BTreeMap<Vec<u8>, BTreeSet<Vec<u8>>> = BTreeMap::new();
    for pair in raw_body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = form_decode(halves.next().unwrap_or_default());
        let value = form_decode(halves.next().unwrap_or_default());
        parameters.entry(name).or_default().insert(value);
    }

    let mut text = Vec::with_capacity(raw_body.len());
    for (name, values) in &parameters {
        for value in values {
            text.extend_from_slice(name);
            text.extend_from_slice(value);
        }
    }
    text
}

/// Undoes `application/x-www-form-urlencoded`. A percent sign without two digits after it stands for itself.
fn form_decode(encoded: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = match tail {
            [high, low, ..] if byte == b'%' => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        match (byte, escaped) {
            (_, Some((high, low))) => {
                decoded.push(high << 4 | low);
                rest = &tail[2..];
            }
            (b'+', None) => {
                decoded.push(b' ');
                rest = tail;
            }
            (other, None) => {
                decoded.push(other);
                rest = tail;
            }
        }
    }
    decoded
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(address, _)| address)
}

/// First value of a query parameter, as written: the one we look for needs no decoding.
fn query_value<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = without_fragment(url).split_once('?')?;
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// The address without a port and with one: its own, or its scheme's usual one. All other bytes stay.
fn address_spellings(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return vec![url.to_owned()];
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    // the last colon, unless it is inside the brackets of an IPv6 address or part of `user:password@`
    let port_at = authority.rfind(':').filter(|at| !authority[*at..].contains([']', '@']));
    let (host, port) = match port_at {
        Some(at) => (&authority[..at], Some(&authority[at + 1..])),
        None => (authority, usual_port(scheme)),
    };

    let mut spellings = vec![format!("{scheme}://{host}{path}")];
    spellings.extend(port.map(|port| format!("{scheme}://{host}:{port}{path}")));
    spellings
}

fn usual_port(scheme: &str) -> Option<&'static str> {
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Some("443"),
        "http" => Some("80"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use form_urlencoded::Serializer;

    const TOKEN: &str = "12345";
    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    const CALL: [(&str, &str); 5] = [
        ("To", "+18005551212"),
        ("CallSid", "CA1234567890ABCDE"),
        ("Caller", "+14158675309"),
        ("From", "+14158675309"),
        ("Digits", "1234"),
    ];

    fn tokens() -> AuthTokens {
        AuthTokens::new(TOKEN, None)
    }

    fn body(pairs: &[(&str, &str)]) -> Vec<u8> {
        Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
    }

    #[test]
    fn the_published_example() {
        assert_eq!(verify_form(&tokens(), URL, &body(&CALL), SIGNATURE), Ok(()));
        assert_eq!(sign_form(TOKEN, URL, &body(&CALL)), SIGNATURE);
    }

    #[test]
    fn with_and_without_port() {
        let table = [
            ("https://mycompany.com:1234/myapp.php?foo=1&bar=2", SIGNATURE),
            ("https://mycompany.com:443/myapp.php?foo=1&bar=2", SIGNATURE),
            (URL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
            ("http://mycompany.com/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
            ("http://mycompany.com:80/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4="),
            ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        ];
        for (url, signature) in table {
            assert_eq!(verify_form(&tokens(), url, &body(&CALL), signature), Ok(()), "{url}");
        }
        // another port than the one that was signed
        let signed = sign_form(TOKEN, "https://mycompany.com:8443/", b"");
        assert_eq!(verify_get(&tokens(), "https://mycompany.com/", &signed), Err(Invalid));
    }

    #[test]
    fn address_spellings_touch_only_the_port() {
        let table: [(&str, &[&str]); 7] = [
            ("https://a.test", &["https://a.test", "https://a.test:443"]),
            ("https://a.test?x=1:2", &["https://a.test?x=1:2", "https://a.test:443?x=1:2"]),
            ("https://a.test/p:9/", &["https://a.test/p:9/", "https://a.test:443/p:9/"]),
            ("HTTP://A.test:8080/%2f", &["HTTP://A.test/%2f", "HTTP://A.test:8080/%2f"]),
            ("https://u:p@a.test/", &["https://u:p@a.test/", "https://u:p@a.test:443/"]),
            ("https://[::1]/", &["https://[::1]/", "https://[::1]:443/"]),
            ("https://[::1]:8443/", &["https://[::1]/", "https://[::1]:8443/"]),
        ];
        for (url, expected) in table {
            assert_eq!(address_spellings(url), expected);
        }
        assert_eq!(address_spellings("nonsense"), ["nonsense"]);
    }

    #[test]
    fn repeated_parameters_count_once_per_value() {
        let pairs = [
            ("Sid", "CA123"),
            ("SidAccount", "AC123"),
            ("Digits", "5678"),
            ("Digits", "1234"),
            ("Digits", "1234"),
        ];
        assert_eq!(verify_form(&tokens(), URL, &body(&pairs), "IK+Dwps556ElfBT0I3Rgjkr1wJU="), Ok(()));
    }

    #[test]
    fn an_empty_value_leaves_its_name() {
        let pairs = [&CALL[..], &[("Body", "")]].concat();
        let expected = "6oT2GOm5KeUqfXDwvhq5UcH5LF0=";
        assert_eq!(verify_form(&tokens(), URL, &body(&pairs), expected), Ok(()));
        assert_eq!(form_text(b"Body&A=1&&"), b"A1Body");
    }

    #[test]
    fn json_bodies() {
        let json = br#"{"property": "value", "boolean": true}"#;
        let hash = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";
        let url = format!("{URL}&bodySHA256={hash}");
        let signature = "a9nBmqA0ju/hNViExpshrM61xv4=";
        assert_eq!(verify_json(&tokens(), &url, json, signature), Ok(()));
        assert_eq!(sign_form(TOKEN, &url, b""), signature);

        assert_eq!(verify_json(&tokens(), &url, b"{}", signature), Err(Invalid));
        assert_eq!(verify_json(&tokens(), &url.to_uppercase(), json, signature), Err(Invalid));
        // a validly signed address that vouches for no body
        let bare = sign_form(TOKEN, URL, b"");
        assert_eq!(verify_get(&tokens(), URL, &bare), Ok(()));
        assert_eq!(verify_json(&tokens(), URL, json, &bare), Err(Invalid));
    }

    #[test]
    fn a_fragment_is_not_part_of_the_address() {
        let url = format!("{URL}#rc=2&rp=all");
        assert_eq!(verify_form(&tokens(), &url, &body(&CALL), SIGNATURE), Ok(()));
        assert_eq!(sign_form(TOKEN, &url, &body(&CALL)), SIGNATURE);
    }

    #[test]
    fn any_change_is_noticed() {
        let changed = [&CALL[..4], &[("Digits", "1235")]].concat();
        let renamed = [&CALL[..4], &[("digits", "1234")]].concat();
        let added = [&CALL[..], &[("Z", "")]].concat();
        for pairs in [&changed, &renamed, &added, &CALL[..4].to_vec()] {
            assert_eq!(verify_form(&tokens(), URL, &body(pairs), SIGNATURE), Err(Invalid));
        }
        for url in [
            "https://mycompany.com/myapp.php?bar=2&foo=1",
            "https://mycompany.com/myapp.php/?foo=1&bar=2",
            "http://mycompany.com/myapp.php?foo=1&bar=2",
            "https://mycompany.com/prod/myapp.php?foo=1&bar=2",
            "",
        ] {
            assert_eq!(verify_form(&tokens(), url, &body(&CALL), SIGNATURE), Err(Invalid), "{url}");
        }
        for signature in ["", "=", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "rSOYDt4T1cUTdK1PDd93/VVr8B8=", "é", "RSOY"]
        {
            assert_eq!(verify_form(&tokens(), URL, &body(&CALL), signature), Err(Invalid), "{signature}");
        }
    }

    #[test]
    fn either_token_during_a_rotation() {
        let rotating = AuthTokens::new("new", Some(TOKEN.to_owned()));
        assert_eq!(verify_form(&rotating, URL, &body(&CALL), SIGNATURE), Ok(()));
        let signed = sign_form("new", URL, &body(&CALL));
        assert_eq!(verify_form(&rotating, URL, &body(&CALL), &signed), Ok(()));
        assert_eq!(verify_form(&tokens(), URL, &body(&CALL), &signed), Err(Invalid));
    }

    #[test]
    fn an_empty_token_validates_nothing() {
        for empty in ["", " "] {
            let signed = sign_form(empty, URL, b"a=1");
            for tokens in [AuthTokens::new(empty, None), AuthTokens::new(empty, Some(empty.to_owned()))] {
                assert_eq!(verify_form(&tokens, URL, b"a=1", &signed), Err(Invalid));
                assert_eq!(verify_get(&tokens, URL, &sign_form(empty, URL, b"")), Err(Invalid));
            }
            // and does not switch off the other one
            let tokens = AuthTokens::new(empty, Some(TOKEN.to_owned()));
            assert_eq!(verify_form(&tokens, URL, &body(&CALL), SIGNATURE), Ok(()));
        }
    }

    #[test]
    fn values_are_decoded_to_the_bytes_they_stand_for() {
        assert_eq!(form_decode(b"a+b%20c%2B%26%C3%a9"), "a b c+&é".as_bytes());
        assert_eq!(form_decode(b"100%"), b"100%");
        assert_eq!(form_decode(b"%zz%4%41%+1"), b"%zz%4A% 1");
        assert_eq!(form_text(b"b=1&a%3D=x=y"), b"a=x=yb1");
        // not UTF-8: distinct bodies stay distinct
        assert_ne!(form_text(b"Body=%FF"), form_text(b"Body=%FE"));
    }

    #[test]
    fn agrees_with_the_usual_form_decoder_on_text() {
        let raw = body(&[("Body", "Grüße & 100% + 日本 😀\r\n"), ("From", "+15005550006")]);
        let decoded: Vec<_> = form_urlencoded::parse(&raw).into_owned().collect();
        let expected: String = decoded.iter().map(|(name, value)| format!("{name}{value}")).collect();
        assert_eq!(form_text(&raw), expected.as_bytes());
    }

    #[test]
    fn debug_hides_the_tokens() {
        let shown = format!("{:?}", AuthTokens::new("s3cret", Some("0ther".to_owned())));
        assert_eq!(shown, "AuthTokens { .. }");
    }
}
