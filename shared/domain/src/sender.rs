//! From which number of a business a text to a client leaves.

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::business::{Business, Unfit};
use crate::id::LocationId;
use crate::phone::Phone;

/// Why a text leaves from its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FromReason {
    /// The caller named the number.
    Named,
    /// The client's last text went to it.
    LastWrittenTo,
    /// The last text to the client left from it.
    LastUsed,
    /// It is a number of the client's location.
    Location,
    /// It is the default number of the business.
    Default,
    /// It is the default number, and the business has no other number to send from.
    Only,
}

/// A number that a text may leave from, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The number.
    pub address: Address,
    /// Why this one.
    pub reason: FromReason,
}

/// The facts about a client that decide from where a text to them leaves.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Habits {
    /// The number of ours that the client last wrote to.
    pub written_to: Option<Address>,
    /// The number of ours that the last text to the client left from.
    pub texted_from: Option<Address>,
    /// The client's location.
    pub location_id: Option<LocationId>,
}

/// The number that every text leaves from whose sender nobody named, when there is no choice: the default number is the
/// only one that the business may send from.
pub fn only_number(business: &Business) -> Option<&Phone> {
    let mut fit = business.phone_numbers.iter().map(|number| &number.phone);
    let default = business.from_phone.as_ref()?;
    let all_default = fit.all(|phone| phone == default || business.may_send_from(phone).is_err());
    (all_default && business.may_send_from(default).is_ok()).then_some(default)
}

/// The numbers that a text to `to` may leave from when the caller names none, the preferred one first: the number the
/// client last wrote to, the number last used with the client, the numbers of the client's location, the default.
///
/// # Errors
/// When there is none: why the default number can't be used.
pub fn senders(business: &Business, to: &Address, habits: &Habits) -> Result<Vec<Sender>, Unfit> {
    let fits = |phone: &Phone| match to {
        Address::Phone(to) => business.may_send_from(phone).and_then(|()| business.may_text(phone, to)),
        _ => business.may_send_from(phone),
    };
    if let Some(only) = only_number(business) {
        fits(only)?;
        return Ok(vec![Sender { address: Address::Phone(only.clone()), reason: FromReason::Only }]);
    }
    let of_location = business
        .phone_numbers
        .iter()
        .filter(|number| number.location_id.is_some() && number.location_id == habits.location_id)
        .map(|number| (Address::Phone(number.phone.clone()), FromReason::Location));
    let wanted = habits
        .written_to
        .iter()
        .map(|address| (address.clone(), FromReason::LastWrittenTo))
        .chain(habits.texted_from.iter().map(|address| (address.clone(), FromReason::LastUsed)))
        .chain(of_location)
        .chain(business.from_phone.iter().map(|phone| (Address::Phone(phone.clone()), FromReason::Default)));
    let mut senders: Vec<Sender> = Vec::new();
    for (address, reason) in wanted {
        let fit = matches!(&address, Address::Phone(phone) if fits(phone).is_ok());
        if fit && !senders.iter().any(|sender| sender.address == address) {
            senders.push(Sender { address, reason });
        }
    }
    if senders.is_empty() {
        return Err(match &business.from_phone {
            Some(default) => fits(default).err().unwrap_or(Unfit::NoDefault),
            None => Unfit::NoDefault,
        });
    }
    Ok(senders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::business::{BusinessNumber, NumberState, Registration};
    use crate::id::BusinessId;
    use crate::time::Timestamp;

    const A: &str = "+14155550100";
    const B: &str = "+14155550101";
    const C: &str = "+14155550102";

    fn phone(number: &str) -> Phone {
        Phone::from_e164(number).unwrap()
    }

    fn address(number: &str) -> Address {
        Address::Phone(phone(number))
    }

    fn business(numbers: &[&str]) -> Business {
        let number = |number: &&str| BusinessNumber {
            phone: phone(number),
            location_id: None,
            state: NumberState::Ready,
            registration: None,
        };
        Business {
            business_id: BusinessId::new(1).unwrap(),
            business_name: None,
            country: Default::default(),
            time_zone: None,
            from_email: None,
            from_phone: numbers.first().map(|number| phone(number)),
            phone_numbers: numbers.iter().map(number).collect(),
            subdomain: None,
            twilio_account_sid: None,
            inbox_shards: Default::default(),
            requests_per_minute: Default::default(),
            business_requests_per_minute: None,
            allowed_origins: Vec::new(),
            allowed_destinations: Vec::new(),
            setup: Default::default(),
            setup_version: 0,
            created_at: Timestamp::from_millis(0),
        }
    }

    fn chosen(business: &Business, habits: &Habits) -> Vec<(String, FromReason)> {
        let found = senders(business, &address("+14155550199"), habits).unwrap();
        found.into_iter().map(|sender| (sender.address.as_str().to_owned(), sender.reason)).collect()
    }

    #[test]
    fn where_the_client_wrote_comes_before_where_we_texted_from_location_and_default() {
        use FromReason::*;
        let mut studio = business(&[A, B, C, "+14155550103"]);
        studio.phone_numbers[3].location_id = LocationId::new(3);
        let all = Habits {
            written_to: Some(address(B)),
            texted_from: Some(address(C)),
            location_id: LocationId::new(3),
        };
        let order = [(B, LastWrittenTo), (C, LastUsed), ("+14155550103", Location), (A, Default)];
        assert_eq!(chosen(&studio, &all), order.map(|(number, reason)| (number.to_owned(), reason)));
        let none = Habits::default();
        assert_eq!(chosen(&studio, &none), [(A.to_owned(), Default)]);
        let same = Habits { written_to: Some(address(A)), texted_from: Some(address(A)), location_id: None };
        assert_eq!(chosen(&studio, &same), [(A.to_owned(), LastWrittenTo)]);
    }

    #[test]
    fn number_that_is_gone_being_set_up_or_unregistered_is_not_chosen() {
        let mut studio = business(&[A, B, C]);
        studio.phone_numbers[1].state = NumberState::Pending;
        studio.phone_numbers[2].registration = Some(Registration::Rejected);
        for number in [B, C, "+14155550109"] {
            let habits = Habits { written_to: Some(address(number)), ..Habits::default() };
            assert_eq!(chosen(&studio, &habits), [(A.to_owned(), FromReason::Default)], "{number}");
        }
    }

    #[test]
    fn business_with_one_fit_number_has_no_choice() {
        let mut studio = business(&[A, B]);
        assert_eq!(only_number(&studio), None);
        studio.phone_numbers[1].state = NumberState::Missing;
        assert_eq!(only_number(&studio), Some(&phone(A)));
        assert_eq!(chosen(&studio, &Habits::default()), [(A.to_owned(), FromReason::Only)]);
        studio.from_phone = Some(phone(B));
        assert_eq!(only_number(&studio), None);
        let refused = senders(&studio, &address(C), &Habits::default());
        assert_eq!(refused, Err(Unfit::BeingSetUp));
        studio.from_phone = None;
        assert_eq!(senders(&studio, &address(C), &Habits::default()), Err(Unfit::NoDefault));
    }
}
