//! What the table says of the numbers that a business may text and call: whether somebody wrote from one, and how often it
//! was texted and called within the hour. The rule is `domain::destination`; docs/adr/0040.
//!
//! That somebody wrote is an attribute of the item that lets the address lead to a client. The count has an item of its
//! own for each address and clock hour, so that a new hour begins at zero without a look, and nothing that the directory
//! changes makes it start anew. The address stands in its key as a keyed hash, and the table removes it.

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::address::Address;
use domain::destination::{MOST_AN_HOUR, Reach, Unreachable};
use domain::{BusinessId, Result, Timestamp};

use crate::expression::Write;
use crate::item::{Item, n, s};
use crate::{Store, keys};

/// When the first text came from an address.
const WROTE: &str = "wrote_at";
const HOUR: i64 = 3_600;

impl Write {
    /// Keeps that a text came from an address, when it is the first one.
    pub(crate) fn wrote(self, at: Timestamp) -> Self {
        self.set_once(WROTE, s(at.to_string()))
    }

    /// Only when a text came from the address, where that is what opens it to the business.
    pub(crate) fn when_open(self, reach: Reach) -> Self {
        match reach {
            Reach::Allowed => self,
            Reach::IfWritten(_) => self.when_present(WROTE),
        }
    }
}

/// Whether the item of an address says that a text came from it.
pub(crate) fn has_written(item: &Item) -> bool {
    item.contains_key(WROTE)
}

/// Why an address is not open whose item does not meet [`Write::when_open`].
pub(crate) fn closed(reach: Reach) -> Unreachable {
    match reach {
        Reach::Allowed => Unreachable::Abroad(None),
        Reach::IfWritten(country) => Unreachable::Abroad(country),
    }
}

impl Store {
    /// A part of a transaction that counts one text or call to an address, and fails when it had as many within this hour
    /// as it may have. `None` for a mailbox.
    pub(crate) fn tx_count_in_hour(
        &self,
        business: BusinessId,
        address: &Address,
        now: Timestamp,
    ) -> Result<Option<TransactWriteItem>> {
        if address.email().is_some() {
            return Ok(None);
        }
        let hour = now.as_seconds().div_euclid(HOUR);
        let write = Write::new()
            .stamp("TextedInHour")
            .set("ttl", n((hour + 2) * HOUR))
            .add("count", 1)
            .when_absent_or("count", "<", n(MOST_AN_HOUR));
        let key = keys::texted_in_hour(business, &self.address_hash(address)?, hour);
        self.tx_update(key, write).map(Some)
    }

    /// A part of a transaction that fails when an address is not open to the business. `None` when that needs no look.
    pub(crate) fn tx_reach_check(
        &self,
        business: BusinessId,
        address: &Address,
        reach: Reach,
    ) -> Result<Option<TransactWriteItem>> {
        match reach {
            Reach::Allowed => Ok(None),
            Reach::IfWritten(_) => {
                self.tx_check(keys::address(business, address), Write::new().when_open(reach)).map(Some)
            }
        }
    }
}
