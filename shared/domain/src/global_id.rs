//! A thing of a business, as one opaque text: for interfaces whose ids are texts that name no business.
//!
//! Hexadecimal: the business in 8 digits, or as many more as it needs, then the thing in 16. It grants nothing: whose the
//! thing is comes from the caller's credential, and the id of another business is read as that of nobody.

use crate::id::{BusinessId, Id};

/// Digits of the business, at least.
const BUSINESS: usize = 8;
/// Digits of the thing.
const THING: usize = 16;

/// The text for a thing of a business.
pub fn encode<K>(business: BusinessId, id: Id<K>) -> String {
    format!("{:08x}{:016x}", business.get(), id.get())
}

/// The thing that a text names, when it is one of `business`. Any text may come in.
pub fn decode<K>(business: BusinessId, text: &str) -> Option<Id<K>> {
    let at = text.len().checked_sub(THING).filter(|at| *at >= BUSINESS && text.is_ascii())?;
    let id = Id::new(u64::from_str_radix(&text[at..], 16).ok()?)?;
    // One thing has one text: no signs, capitals or zeros too many.
    (encode(business, id) == text).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ClientId, MAX};
    use proptest::prelude::*;

    fn business(id: u64) -> BusinessId {
        BusinessId::new(id).unwrap()
    }

    #[test]
    fn it_has_24_digits_for_any_business_that_is_likely() {
        let text = encode(business(1001), ClientId::new(7).unwrap());
        assert_eq!(text, "000003e90000000000000007");
    }

    #[test]
    fn one_thing_has_one_text() {
        let seven = ClientId::new(7);
        assert_eq!(decode(business(1001), "000003e90000000000000007"), seven);
        for other in [
            "",
            "7",
            "000003E90000000000000007",
            "0000003e90000000000000007",
            "000003e9+000000000000007",
            "ééé",
        ] {
            assert_eq!(decode::<crate::id::kind::Client>(business(1001), other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_by_its_business_alone(
            (owner, other) in (0..=MAX, 0..=MAX), client in 0..=MAX
        ) {
            let id = ClientId::new(client).unwrap();
            let text = encode(business(owner), id);
            prop_assert_eq!(decode(business(owner), &text), Some(id));
            if owner != other {
                prop_assert_eq!(decode::<crate::id::kind::Client>(business(other), &text), None);
            }
        }

        #[test]
        fn no_text_is_too_strange_to_be_read(text in ".*") {
            let _ = decode::<crate::id::kind::Client>(business(1), &text);
        }
    }
}
