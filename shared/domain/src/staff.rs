//! Staff of a business.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::client::{Change, Personal};
use crate::error::Error;
use crate::fold::fold;
use crate::id::{BusinessId, LocationId, StaffId};
use crate::phone::Phone;
use crate::time::Timestamp;

/// A member of the staff. The serde shape is the stored shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Staff {
    /// Whose.
    pub business_id: BusinessId,
    /// Who.
    pub staff_id: StaffId,
    /// Full name.
    pub full_name: Personal,
    /// Gender, in the caller's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gender: Option<Personal>,
    /// Where the picture is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<Personal>,
    /// Mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Personal>,
    /// Phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Phone>,
    /// What they may do: owner, manager or staff.
    pub staff_role: Role,
    /// Where they work; empty is everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub location_ids: Vec<LocationId>,
    /// Whether they work here now. Only an active member has sessions and assignments.
    pub active: bool,
    /// When they were last deactivated. Sessions from before stay over, also after they come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deactivated_at: Option<Timestamp>,
    /// When all their sessions were last ended. Sessions from before stay over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_ended_at: Option<Timestamp>,
    /// When omega first heard of them.
    pub created_at: Timestamp,
    /// Last change.
    pub updated_at: Timestamp,
}

/// As much of a name as is part of a place in a list: a place travels in addresses.
const LONGEST_PLACE: usize = 100;

impl Staff {
    /// Whether a session that began at `began` is still good.
    pub fn keeps_session(&self, began: Timestamp) -> bool {
        let ends = [self.deactivated_at, self.sessions_ended_at];
        self.active && ends.into_iter().flatten().all(|end| end < began)
    }

    /// Whether they work where a conversation is. A member without locations works at each of them, and a conversation
    /// without a location is everybody's.
    pub fn works_at(&self, location: Option<LocationId>) -> bool {
        self.location_ids.is_empty() || location.is_none_or(|location| self.location_ids.contains(&location))
    }

    /// Whether they are an owner who works here now: a business that has one keeps one.
    pub fn is_active_owner(&self) -> bool {
        self.active && self.staff_role == Role::Owner
    }

    /// Whether somebody with the role `by` may turn the entry `old` into this one. Nobody creates or changes a member who
    /// stands above them, before the change or after it.
    pub fn may_come_from(&self, old: Option<&Staff>, by: Role) -> bool {
        by.reaches(self.staff_role) && old.is_none_or(|old| by.reaches(old.staff_role))
    }

    /// Where they stand in a list by name: by what their name is without case and accents, then by id.
    pub fn place(&self) -> String {
        let begins: String = fold(&self.full_name.0).chars().take(LONGEST_PLACE).collect();
        // Nothing sorts before this mark, so that a short name comes before a longer one that begins like it.
        format!("{begins}\u{0}{}", self.staff_id.key())
    }

    /// Whether a search finds them: by the beginning of any word of their name, and what follows it. `folded` is what
    /// was asked for, [`fold`]ed.
    pub fn is_found_by(&self, folded: &str) -> bool {
        let name = fold(&self.full_name.0);
        let words = name.match_indices(' ').map(|(gap, _)| gap + 1);
        std::iter::once(0)
            .chain(words)
            .any(|word| name.get(word..).is_some_and(|rest| rest.starts_with(folded)))
    }
}

/// The refusal of a change after which a business would have no active owner any more. `staff` is the one it has.
pub fn last_owner(staff: StaffId) -> Error {
    Error::Conflict {
        why: "it is the only active owner: make somebody else an owner first".to_owned(),
        current: serde_json::json!({"active_owner_ids": [staff]}),
    }
}

/// What a directory says of a member of the staff: fields that are not mentioned keep their value, `null` clears.
#[derive(Clone, Debug, PartialEq)]
pub struct StaffChanges {
    /// Full name.
    pub full_name: Personal,
    /// Gender.
    pub gender: Change<Personal>,
    /// Picture.
    pub image_url: Change<Personal>,
    /// Mail address.
    pub email: Change<Personal>,
    /// Phone number.
    pub phone: Change<Phone>,
    /// What they may do. A new member is `staff` unless it says more.
    pub staff_role: Change<Role>,
    /// Where they work.
    pub location_ids: Change<Vec<LocationId>>,
    /// Whether they work here now. `None` keeps it; a new member does. There is nothing that clearing it could mean.
    pub active: Option<bool>,
}

impl StaffChanges {
    /// The member after the update. Every update has an instant of its own, so that one which was made from an older
    /// state can be told.
    pub fn applied_to(
        &self,
        old: Option<&Staff>,
        business: BusinessId,
        staff: StaffId,
        now: Timestamp,
    ) -> Staff {
        let now = old.map_or(now, |old| now.max(old.updated_at.plus(Duration::from_millis(1))));
        let was_active = old.is_some_and(|old| old.active);
        let active = self.active.unwrap_or(old.is_none() || was_active);
        Staff {
            business_id: business,
            staff_id: staff,
            full_name: self.full_name.clone(),
            gender: self.gender.after(old.and_then(|old| old.gender.clone())),
            image_url: self.image_url.after(old.and_then(|old| old.image_url.clone())),
            email: self.email.after(old.and_then(|old| old.email.clone())),
            phone: self.phone.after(old.and_then(|old| old.phone.clone())),
            staff_role: self.staff_role.after(old.map(|old| old.staff_role)).unwrap_or(Role::Staff),
            location_ids: self
                .location_ids
                .after(old.map(|old| old.location_ids.clone()))
                .unwrap_or_default(),
            active,
            deactivated_at: if was_active && !active {
                Some(now)
            } else {
                old.and_then(|old| old.deactivated_at)
            },
            sessions_ended_at: old.and_then(|old| old.sessions_ended_at),
            created_at: old.map_or(now, |old| old.created_at),
            updated_at: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noon() -> Timestamp {
        Timestamp::parse("2026-01-31T12:00:00Z").unwrap()
    }

    fn changes(name: &str, active: Option<bool>) -> StaffChanges {
        StaffChanges {
            full_name: Personal(name.to_owned()),
            gender: Change::Keep,
            image_url: Change::Keep,
            email: Change::Keep,
            phone: Change::Keep,
            staff_role: Change::Keep,
            location_ids: Change::Keep,
            active,
        }
    }

    fn staff(changes: &StaffChanges, old: Option<&Staff>, seconds: u64) -> Staff {
        let (business, id) = (BusinessId::new(1).unwrap(), StaffId::new(12).unwrap());
        changes.applied_to(old, business, id, noon().plus(Duration::from_secs(seconds)))
    }

    #[test]
    fn who_goes_loses_their_sessions_for_good() {
        let new = staff(&changes("Ada", None), None, 0);
        assert!(new.active && new.keeps_session(noon()));
        let gone = staff(&changes("Ada", Some(false)), Some(&new), 10);
        assert_eq!(gone.deactivated_at, Some(noon().plus(Duration::from_secs(10))));
        let gone_again = staff(&changes("Ada", Some(false)), Some(&gone), 20);
        assert_eq!((gone_again.active, gone_again.deactivated_at), (false, gone.deactivated_at));
        let back = staff(&changes("Ada", Some(true)), Some(&gone_again), 30);
        assert!(!gone.keeps_session(noon().plus(Duration::from_secs(15))));
        assert!(!back.keeps_session(noon().plus(Duration::from_secs(5))));
        assert!(back.keeps_session(noon().plus(Duration::from_secs(40))));
        assert!(
            staff(&changes("Ada", Some(false)), None, 0).deactivated_at.is_none(),
            "they never were here"
        );
    }

    #[test]
    fn nobody_creates_raises_lowers_or_renames_a_member_above_their_own_role() {
        let told = |role: Option<Role>| StaffChanges {
            staff_role: role.map_or(Change::Keep, Change::Set),
            ..changes("Ada", None)
        };
        let with = |role| staff(&told(Some(role)), None, 0);
        let ranks = [(Role::Staff, 1), (Role::Manager, 2), (Role::Owner, 3), (Role::Service, 3)];
        for (by, own) in ranks {
            for (old, from) in &ranks[..3] {
                let before = with(*old);
                assert_eq!(before.may_come_from(None, by), own >= *from, "{by:?} creates {old:?}");
                let renamed = staff(&told(None), Some(&before), 1);
                assert_eq!(renamed.may_come_from(Some(&before), by), own >= *from, "{by:?} renames {old:?}");
                for (new, to) in &ranks[..3] {
                    let after = staff(&told(Some(*new)), Some(&before), 1);
                    let allowed = own >= *from && own >= *to;
                    assert_eq!(after.may_come_from(Some(&before), by), allowed, "{by:?}: {old:?} to {new:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_personal_is_printed() {
        let text = |text: &str| Change::Set(Personal(text.to_owned()));
        let told = StaffChanges {
            gender: text("secret"),
            image_url: text("secret"),
            email: text("secret"),
            phone: Change::Set(Phone::from_e164("+14155550123").unwrap()),
            ..changes("secret", None)
        };
        let printed = format!("{told:?} {:?}", staff(&told, None, 0));
        assert!(!printed.contains("secret") && !printed.contains("5550123"), "{printed}");
    }

    #[test]
    fn updates_of_one_millisecond_are_told_apart() {
        let first = staff(&changes("Ada", None), None, 0);
        let second = staff(&changes("Ada", None), Some(&first), 0);
        assert!(first.updated_at < second.updated_at);
    }

    #[test]
    fn a_search_begins_at_any_word_in_any_case_with_or_without_accents() {
        let ada = staff(&changes("Zoë  da Vinci", None), None, 0);
        for found in ["", "zo", "zoe da v", "da vinci", "vin"] {
            assert!(ada.is_found_by(&fold(found)), "{found}");
        }
        for other in ["oe", "inci", "vinci zoe", "zoe  x"] {
            assert!(!ada.is_found_by(&fold(other)), "{other}");
        }
    }

    #[test]
    fn a_list_by_name_knows_no_case_and_puts_the_shorter_name_first() {
        let place = |name: &str| staff(&changes(name, None), None, 0).place();
        assert!(place("ada") < place("Ada King") && place("Ada King") < place("Adam"));
        assert!(place("Éva") < place("Fay") && place("Ed") < place("Éva"));
        assert!(place(&"\u{FDFA}".repeat(200)).len() < 500);
    }
}
