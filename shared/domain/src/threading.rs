//! How a mail is found to belong to a conversation: the address that is answered to, and the ids in its headers.

use crate::id::{BusinessId, ClientId, Id, MessageId};

/// What the seal of a reply address is for.
pub const REPLY: u8 = 2;
/// What the mark of a `Message-ID` is for.
pub const MESSAGE: u8 = 3;
/// What a reply address begins with.
const PREFIX: &str = "r+";

/// Whose conversation an answer belongs to, as a reply address says. Sealed before it leaves.
pub fn reply_payload(business: BusinessId, client: ClientId) -> Vec<u8> {
    // Seven bytes each: an id has 53 bits, and a mailbox has 64 characters.
    let seven = |id: u64| id.to_be_bytes()[1..].to_vec();
    [seven(business.get()), seven(client.get())].concat()
}

/// Takes back what [`reply_payload`] gave.
pub fn read_reply(payload: &[u8]) -> Option<(BusinessId, ClientId)> {
    let (business, client) = payload.split_first_chunk::<7>()?;
    let client: &[u8; 7] = client.try_into().ok()?;
    Some((Id::new(number(business))?, Id::new(number(client))?))
}

fn number(seven: &[u8; 7]) -> u64 {
    seven.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The mailbox that an answer goes to.
pub fn reply_address(sealed: &str, domain: &str) -> String {
    format!("{PREFIX}{sealed}@{domain}")
}

/// The sealed part of a reply address of `domain`; `None` for any other address.
pub fn sealed_in<'a>(address: &'a str, domain: &str) -> Option<&'a str> {
    let (local, host) = address.trim().rsplit_once('@')?;
    if !host.eq_ignore_ascii_case(domain) {
        return None;
    }
    local.get(..PREFIX.len()).filter(|prefix| prefix.eq_ignore_ascii_case(PREFIX))?;
    local.get(PREFIX.len()..)
}

/// What the mark of the `Message-ID` of one of our mails is made of.
pub fn message_payload(business: BusinessId, message: MessageId) -> Vec<u8> {
    [business.get().to_be_bytes(), message.get().to_be_bytes()].concat()
}

/// The `Message-ID` of one of our mails, without angle brackets: always the same, and not to be guessed.
pub fn message_id(business: BusinessId, message: MessageId, mark: &str, domain: &str) -> String {
    format!("{business}.{message}.{mark}@{domain}")
}

/// The business, the message and the mark in a `Message-ID` that may be one of ours.
pub fn read_message_id(id: &str) -> Option<(BusinessId, MessageId, &str)> {
    let (local, _) = id.rsplit_once('@')?;
    let mut parts = local.splitn(3, '.');
    let business = Id::new(parts.next()?.parse().ok()?)?;
    let message = Id::new(parts.next()?.parse().ok()?)?;
    Some((business, message, parts.next()?))
}

/// SES's own id in a `Message-ID` that it put in the place of ours.
pub fn ses_id(id: &str) -> Option<&str> {
    let (local, host) = id.rsplit_once('@')?;
    (host == "email.amazonses.com" || host.ends_with(".amazonses.com")).then_some(local)
}

/// The chain of references of an answer to a mail: its own chain and its id. The oldest and the newest stay when there
/// are too many.
pub fn chain(references: &[String], answered: &str) -> Vec<String> {
    let mut chain: Vec<String> = references.iter().filter(|id| *id != answered).cloned().collect();
    chain.push(answered.to_owned());
    if chain.len() > crate::mail::MOST_REFERENCES {
        chain.drain(1..=chain.len() - crate::mail::MOST_REFERENCES);
    }
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_reply_address_is_found_in_any_case_and_at_our_domain_only() {
        assert_eq!(sealed_in("R+ABC@Mail.Example.com", "mail.example.com"), Some("ABC"));
        assert_eq!(sealed_in("r+abc@other.example.com", "mail.example.com"), None);
        assert_eq!(sealed_in("ada@mail.example.com", "mail.example.com"), None);
        assert_eq!(sealed_in("é", "mail.example.com"), None);
    }

    #[test]
    fn an_id_of_ours_is_told_from_that_of_ses() {
        assert_eq!(ses_id("0100-abc-000000@email.amazonses.com"), Some("0100-abc-000000"));
        assert_eq!(ses_id("0102-abc@eu-west-1.amazonses.com"), Some("0102-abc"));
        assert_eq!(ses_id("0102-abc@amazonses.com.evil.example"), None);
        assert!(read_message_id("7.8.mark@example.com").is_some());
        assert!(read_message_id("CAF=x@mail.gmail.com").is_none());
    }

    proptest! {
        #[test]
        fn a_reply_address_leads_back_and_fits_a_mailbox(business in 1u64..1 << 53, client in 1u64..1 << 53) {
            let (business, client) = (Id::new(business).unwrap(), Id::new(client).unwrap());
            prop_assert_eq!(read_reply(&reply_payload(business, client)), Some((business, client)));
        }

        #[test]
        fn a_chain_keeps_its_ends(ids in prop::collection::vec("[a-z]{1,9}@x", 0..60)) {
            let chain = chain(&ids, "answered@x");
            prop_assert!(chain.len() <= crate::mail::MOST_REFERENCES);
            prop_assert_eq!(chain.last().unwrap(), "answered@x");
            if let Some(first) = ids.first() {
                prop_assert_eq!(&chain[0], first);
            }
        }

        #[test]
        fn no_header_is_a_defect(text in "\\PC{0,60}") {
            let _ = (read_message_id(&text), ses_id(&text), sealed_in(&text, "x"));
        }
    }
}
