//! What an unsubscribe link says. It is sealed before it leaves, so that nobody can make one.

use crate::id::{BusinessId, MessageId};

/// What the seal of such a link is for.
pub const PURPOSE: u8 = 1;

/// Bytes of a keyed hash.
const HASH: usize = 32;

/// Who unsubscribes from what. Enough to do it without reading anything, also when client and message are long forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// From whose campaigns.
    pub business: BusinessId,
    /// The message that had the link.
    pub message: MessageId,
    /// The keyed hash of the address, in hexadecimal.
    pub address_hash: String,
}

impl Unsubscribe {
    /// As it is sealed: business and message in eight bytes each, and the hash in 32. `None` when the hash is none.
    pub fn write(&self) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(16 + HASH);
        bytes.extend(self.business.get().to_be_bytes());
        bytes.extend(self.message.get().to_be_bytes());
        if self.address_hash.len() != 2 * HASH || !self.address_hash.is_ascii() {
            return None;
        }
        for at in (0..2 * HASH).step_by(2) {
            bytes.push(u8::from_str_radix(self.address_hash.get(at..at + 2)?, 16).ok()?);
        }
        Some(bytes)
    }

    /// Takes back what [`Unsubscribe::write`] gave.
    pub fn read(bytes: &[u8]) -> Option<Unsubscribe> {
        let (business, rest) = bytes.split_first_chunk::<8>()?;
        let (message, hash) = rest.split_first_chunk::<8>()?;
        if hash.len() != HASH {
            return None;
        }
        Some(Unsubscribe {
            business: BusinessId::new(u64::from_be_bytes(*business))?,
            message: MessageId::new(u64::from_be_bytes(*message))?,
            address_hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_link_is_read_as_it_was_written(business in 1u64..1 << 53, message in 1u64..1 << 53, hash in prop::array::uniform32(any::<u8>())) {
            let link = Unsubscribe {
                business: BusinessId::new(business).unwrap(),
                message: MessageId::new(message).unwrap(),
                address_hash: hash.iter().map(|byte| format!("{byte:02x}")).collect(),
            };
            prop_assert_eq!(Unsubscribe::read(&link.write().unwrap()), Some(link));
        }

        #[test]
        fn no_bytes_are_a_defect(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(link) = Unsubscribe::read(&bytes) {
                prop_assert_eq!(link.write().unwrap(), bytes);
            }
        }
    }
}
