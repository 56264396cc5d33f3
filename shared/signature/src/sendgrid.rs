//! SendGrid's signature over its event webhook.
//!
//! SendGrid signs the time it wrote into one header followed by the body, with ECDSA on P-256 over SHA-256; the
//! signature is in another header. The body is signed as it was sent, to the CR LF at its end: one that was parsed and
//! written again does not verify. Source: Twilio's documentation, "Getting Started with the Event Webhook Security
//! Features".

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{Invalid, is_recent};

/// The header with the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-email-event-webhook-signature";
/// The header with the time.
pub const TIMESTAMP_HEADER: &str = "x-twilio-email-event-webhook-timestamp";

/// How old a request may be, in seconds. Each try is signed anew.
const WINDOW: u64 = 10 * 60;

/// What stands before the point of a P-256 public key in its DER form: sequence, the two object identifiers, bit
/// string. It is the same for every such key, so a key with another beginning is another kind of key.
const P256_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Checks a request: `public_key` as SendGrid's settings show it, the values of the two headers, and the body before
/// any decoding.
///
/// # Errors
/// When the holder of the key did not sign this, or not within the last minutes.
pub fn verify(
    public_key: &str,
    timestamp: &str,
    signature: &str,
    raw_body: &[u8],
    now: i64,
) -> Result<(), Invalid> {
    if !is_recent(timestamp, now, WINDOW) {
        return Err(Invalid);
    }
    let key = STANDARD.decode(public_key.trim()).map_err(|_| Invalid)?;
    let point = key.strip_prefix(&P256_PREFIX).ok_or(Invalid)?;
    let signature = STANDARD.decode(signature).map_err(|_| Invalid)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(&signed_text(timestamp, raw_body), &signature)
        .map_err(|_| Invalid)
}

/// A key pair, as a stand-in of SendGrid has one.
pub struct Keys {
    /// The private key, PKCS#8.
    pub private: Vec<u8>,
    /// The public key, as SendGrid's settings show it.
    pub public: String,
}

/// A new key pair. For the stand-in of SendGrid and for tests. `None` when the system has no randomness to give.
pub fn generate() -> Option<Keys> {
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).ok()?;
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).ok()?;
    let public = pair.public_key().as_der().ok()?;
    Some(Keys { private: pkcs8.as_ref().to_vec(), public: STANDARD.encode(public.as_ref()) })
}

/// The signature that SendGrid would send with this time and body. `None` when `private` is no P-256 key in PKCS#8.
/// For the stand-in of SendGrid and for tests.
pub fn sign(private: &[u8], timestamp: &str, raw_body: &[u8]) -> Option<String> {
    let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, private).ok()?;
    let signature = pair.sign(&SystemRandom::new(), &signed_text(timestamp, raw_body)).ok()?;
    Some(STANDARD.encode(signature))
}

fn signed_text(timestamp: &str, raw_body: &[u8]) -> Vec<u8> {
    [timestamp.as_bytes(), raw_body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==";
    const TIMESTAMP: &str = "1600112502";
    const NOW: i64 = 1_600_112_502;
    const SIGNATURE: &str =
        "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=";
    const BODY: &[u8] = b"[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n";

    #[test]
    fn the_published_example() {
        assert_eq!(BODY.len(), 327);
        assert_eq!(verify(KEY, TIMESTAMP, SIGNATURE, BODY, NOW), Ok(()));
    }

    #[test]
    fn a_body_that_was_written_again_is_refused() {
        let without_end = &BODY[..BODY.len() - 2];
        let value: serde_json::Value = serde_json::from_slice(BODY).unwrap();
        let pretty = serde_json::to_vec_pretty(&value).unwrap();
        for body in [without_end, &pretty, b""] {
            assert_eq!(verify(KEY, TIMESTAMP, SIGNATURE, body, NOW), Err(Invalid));
        }
    }

    #[test]
    fn any_change_is_noticed() {
        let other = generate().unwrap();
        let table = [
            (other.public.as_str(), TIMESTAMP, SIGNATURE),
            (KEY, "1600112503", SIGNATURE),
            (KEY, "+1600112502", SIGNATURE),
            (KEY, "", SIGNATURE),
            (KEY, TIMESTAMP, ""),
            (KEY, TIMESTAMP, &SIGNATURE[4..]),
            ("", TIMESTAMP, SIGNATURE),
            (&KEY[4..], TIMESTAMP, SIGNATURE),
            ("not base64", TIMESTAMP, SIGNATURE),
        ];
        for (key, timestamp, signature) in table {
            let outcome = verify(key, timestamp, signature, BODY, NOW);
            assert_eq!(outcome, Err(Invalid), "{key} {timestamp} {signature}");
        }
    }

    #[test]
    fn a_request_is_good_for_ten_minutes() {
        for (now, expected) in
            [(NOW + 600, Ok(())), (NOW - 600, Ok(())), (NOW + 601, Err(Invalid)), (NOW - 601, Err(Invalid))]
        {
            assert_eq!(verify(KEY, TIMESTAMP, SIGNATURE, BODY, now), expected, "{now}");
        }
    }

    #[test]
    fn a_generated_key_signs_what_its_public_half_verifies() {
        let keys = generate().unwrap();
        let signature = sign(&keys.private, TIMESTAMP, BODY).unwrap();
        assert_eq!(verify(&keys.public, TIMESTAMP, &signature, BODY, NOW), Ok(()));
        assert_eq!(verify(KEY, TIMESTAMP, &signature, BODY, NOW), Err(Invalid));
        assert_eq!(sign(b"no key", TIMESTAMP, BODY), None);
    }

    proptest! {
        #[test]
        fn no_key_and_no_signature_is_a_defect(
            key in "[A-Za-z0-9+/=]{0,130}",
            point in prop::collection::vec(any::<u8>(), 0..80),
            signature in "[A-Za-z0-9+/=]{0,100}",
        ) {
            prop_assert_eq!(verify(&key, TIMESTAMP, SIGNATURE, BODY, NOW), Err(Invalid));
            let key = STANDARD.encode([&P256_PREFIX[..], &point].concat());
            prop_assert_eq!(verify(&key, TIMESTAMP, SIGNATURE, BODY, NOW), Err(Invalid));
            prop_assert_eq!(verify(KEY, TIMESTAMP, &signature, BODY, NOW), Err(Invalid));
        }
    }
}
