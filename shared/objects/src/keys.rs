//! Every key of the bucket, and the only place that knows how they are spelled.
//!
//! | what | key |
//! |---|---|
//! | attachment of a mail from us | `mail/{business}/out/{request}/{index}/{n}` |
//! | long body of a mail from us | `mail/{business}/out/{request}/{index}/body` |
//! | attachment of a mail to us | `mail/{business}/in/{digest}/{n}` |
//! | long body of a mail to us | `mail/{business}/in/{digest}/body` |
//! | mail to us as it came, before its business is known | `inbound/{provider}/{digest}` |
//! | a message that another system sent, as it was recorded | `recording/{business}/{request}/{index}` |
//!
//! Numbers are padded with zeros, so that the order of the keys is the order of the numbers. What belongs to one
//! business begins with its number, so that it can be found and removed without the table. A key follows from what is
//! known before the object is stored: the same work done twice stores one object.

use domain::id::{BusinessId, RequestId};

/// The `n`th attachment of the message at `index` of a request.
pub fn outbound(business: BusinessId, request: RequestId, index: usize, n: usize) -> String {
    format!("mail/{}/out/{request}/{index:03}/{n:02}", business.key())
}

/// The body of the message at `index` of a request.
pub fn outbound_body(business: BusinessId, request: RequestId, index: usize) -> String {
    format!("mail/{}/out/{request}/{index:03}/body", business.key())
}

/// The `n`th attachment of a mail that came in. `digest` is of letters and digits.
pub fn inbound(business: BusinessId, digest: &str, n: usize) -> String {
    format!("mail/{}/in/{digest}/{n:02}", business.key())
}

/// The body of a mail that came in. `digest` is of letters and digits.
pub fn inbound_body(business: BusinessId, digest: &str) -> String {
    format!("mail/{}/in/{digest}/body", business.key())
}

/// A mail as a provider delivered it. `provider` and `digest` are of letters and digits.
pub fn raw(provider: &str, digest: &str) -> String {
    format!("inbound/{provider}/{digest}")
}

/// A recorded message, the one at `index` of its request.
pub fn recording(business: BusinessId, request: RequestId, index: usize) -> String {
    format!("recording/{}/{request}/{index:03}", business.key())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: RequestId = RequestId(uuid::Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));

    fn map() -> [(&'static str, String); 6] {
        let seven = BusinessId::new(7).unwrap();
        [
            ("outbound", outbound(seven, REQUEST, 4, 1)),
            ("outbound_body", outbound_body(seven, REQUEST, 4)),
            ("inbound", inbound(seven, "d1ge57", 1)),
            ("inbound_body", inbound_body(seven, "d1ge57")),
            ("raw", raw("ses", "d1ge57")),
            ("recording", recording(seven, REQUEST, 4)),
        ]
    }

    #[test]
    fn the_map_of_the_bucket() {
        let map = map();
        for (what, key) in &map {
            println!("{what:14} {key}");
        }
        let keys: Vec<&str> = map.iter().map(|(_, key)| key.as_str()).collect();
        assert_eq!(
            keys,
            [
                "mail/0000000000000007/out/01234567-89ab-cdef-0123-456789abcdef/004/01",
                "mail/0000000000000007/out/01234567-89ab-cdef-0123-456789abcdef/004/body",
                "mail/0000000000000007/in/d1ge57/01",
                "mail/0000000000000007/in/d1ge57/body",
                "inbound/ses/d1ge57",
                "recording/0000000000000007/01234567-89ab-cdef-0123-456789abcdef/004",
            ]
        );
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_numbers() {
        let seven = BusinessId::new(7).unwrap();
        assert!(outbound(seven, REQUEST, 4, 9) < outbound(seven, REQUEST, 4, 10));
        assert!(outbound(seven, REQUEST, 9, 0) < outbound(seven, REQUEST, 10, 0));
        assert!(inbound(seven, "d", 9) < inbound(seven, "d", 10));
    }

    #[test]
    fn no_key_needs_an_escape_in_an_address() {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-');
        for (what, key) in map() {
            assert!(key.chars().all(plain), "{what} {key}");
        }
    }
}
