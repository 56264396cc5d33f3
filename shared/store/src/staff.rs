//! Staff, and what happens to the conversations of those who go.

use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::access::{Acting, Role};
use domain::actor::Actor;
use domain::conversation::{Cause, Conversation};
use domain::inbox::{Assignment, ConversationFilter};
use domain::shards::Shards;
use domain::staff::{Staff, StaffChanges, last_owner};
use domain::{BusinessId, Error, Result, StaffId, Timestamp};
use futures_util::future::{try_join, try_join_all};

use crate::expression::Write;
use crate::handling::{Asked, Seen};
use crate::inbox::Window;
use crate::item::{decode, encode, s, value};
use crate::keys::attribute::GSI1;
use crate::keys::span;
use crate::messages::Placing;
use crate::{Store, keys};

/// The most conversations that are taken from a member of the staff by the call that deactivates them.
const MOST_AT_ONCE: usize = 200;
/// The most that the sweeper takes in one run, so that others get their turn.
const MOST_IN_A_RUN: usize = 1_000;
/// Conversations that are read at a time.
const PAGE: usize = 100;
/// Conversations that are written at the same time.
const ABREAST: usize = 8;
/// How long an assignment may take from its write until the index shows it.
const SETTLED: Duration = Duration::from_secs(60);
/// When the sweeper looks again: less than a minute, so that it is due when the next run begins.
const AGAIN: Duration = Duration::from_secs(50);

/// The attributes of an item of a member of the staff that are the directory's: the fields of [`Staff`], as stored.
const STAFF_FIELDS: [&str; 14] = [
    "business_id",
    "staff_id",
    "full_name",
    "gender",
    "image_url",
    "email",
    "phone",
    "staff_role",
    "location_ids",
    "active",
    "deactivated_at",
    "sessions_ended_at",
    "created_at",
    "updated_at",
];

impl Store {
    /// A member of the staff.
    pub async fn staff_member(&self, business: BusinessId, staff: StaffId) -> Result<Option<Staff>> {
        self.get(keys::staff(business, staff), true).await?.map(decode).transpose()
    }

    /// Whether a member is there and active, as it was read within the last five seconds. Who was not there is looked up
    /// anew each time, so that a member can be named as soon as the directory has it.
    pub async fn works_here(&self, business: BusinessId, staff: StaffId) -> Result<bool> {
        let now = self.clock().now();
        if self.members.get(&(business, staff), now).is_some() {
            return Ok(true);
        }
        let is_active = self.staff_member(business, staff).await?.is_some_and(|member| member.active);
        if is_active {
            self.members.put((business, staff), now, ());
        }
        Ok(is_active)
    }

    /// Members of the staff by id: one read for a hundred. Those that are not there are left out.
    pub async fn staff_members(&self, business: BusinessId, staff: &[StaffId]) -> Result<Vec<Staff>> {
        let mut found = Vec::with_capacity(staff.len());
        for hundred in staff.chunks(100) {
            let keys = hundred.iter().map(|staff| keys::staff(business, *staff)).collect();
            for item in self.batch_get(keys).await? {
                found.push(decode(item)?);
            }
        }
        Ok(found)
    }

    /// Everybody who works or worked for a business, by name: one strongly consistent query. A business has a few
    /// thousand of them at most, and a query reads a thousand or two at a time.
    pub async fn staff_by_name(&self, business: BusinessId) -> Result<Vec<Staff>> {
        let items = self.query_all(keys::business(business).pk, span::STAFF).await?;
        let mut staff = items.into_iter().map(decode).collect::<Result<Vec<Staff>>>()?;
        staff.sort_by_cached_key(Staff::place);
        Ok(staff)
    }

    /// Creates or changes a member of the staff as the directory says. Who goes is due in the same write, so that the
    /// sweeper takes the conversations from them that this call does not get to.
    ///
    /// The role of a member who asks is read anew, and the write is refused when it changed: a role lasts longer than the
    /// seconds for which a process believes a session.
    ///
    /// # Errors
    /// `Forbidden` when `by` may not make this change. `Conflict` when no active owner would be left.
    pub async fn upsert_staff(
        &self,
        business: BusinessId,
        staff: StaffId,
        changes: &StaffChanges,
        by: Acting,
    ) -> Result<Staff> {
        let mut placing = Placing::begin();
        loop {
            let (old, acting) =
                try_join(self.staff_member(business, staff), self.acting_member(business, by)).await?;
            let role = match (by.staff, &acting) {
                (None, _) => by.role,
                (Some(_), Some(member)) => member.staff_role,
                (Some(_), None) => return Err(Error::Forbidden),
            };
            let new = changes.applied_to(old.as_ref(), business, staff, self.clock().now());
            if !new.may_come_from(old.as_ref(), role) {
                return Err(Error::Forbidden);
            }
            // A member who changes their own entry is checked by the condition on that entry.
            let mut still: Vec<Staff> =
                acting.into_iter().filter(|member| member.staff_id != staff).collect();
            let owner_goes = old.as_ref().is_some_and(Staff::is_active_owner) && !new.is_active_owner();
            if owner_goes && !still.iter().any(Staff::is_active_owner) {
                still.push(self.another_owner(business, staff).await?);
            }
            if self.write_entry(&new, old.as_ref(), &still).await? {
                if old.is_some_and(|old| old.active) && !new.active {
                    // They are gone, whatever becomes of this.
                    let _ = self.take_all_from(&new, MOST_AT_ONCE).await;
                }
                return Ok(new);
            }
            placing.again().await?;
        }
    }

    /// The member who asks for a change, if they still work here; `None` for a program.
    async fn acting_member(&self, business: BusinessId, by: Acting) -> Result<Option<Staff>> {
        let Some(staff) = by.staff else { return Ok(None) };
        Ok(self.staff_member(business, staff).await?.filter(|member| member.active))
    }

    /// An active owner besides `staff`.
    ///
    /// # Errors
    /// `Conflict` when there is none.
    async fn another_owner(&self, business: BusinessId, staff: StaffId) -> Result<Staff> {
        let everybody = self.staff_by_name(business).await?;
        let owner = everybody.into_iter().find(|other| other.staff_id != staff && other.is_active_owner());
        owner.ok_or_else(|| last_owner(staff))
    }

    /// Writes a directory entry if the stored one is `old`, and if every member in `still` is active and has the role
    /// they are shown with. `false` when something changed meanwhile.
    async fn write_entry(&self, new: &Staff, old: Option<&Staff>, still: &[Staff]) -> Result<bool> {
        let (key, write) = (keys::staff(new.business_id, new.staff_id), entry(new, old)?);
        if still.is_empty() {
            return Ok(self.update(key, write).await?.is_ok());
        }
        let mut parts = vec![self.tx_update(key, write)?];
        for member in still {
            parts.push(self.tx_check_member(member.business_id, member.staff_id, member.staff_role)?);
        }
        Ok(self.transact(parts).await?.is_ok())
    }

    /// A part of a transaction: the member is active and has this role.
    pub(crate) fn tx_check_member(
        &self,
        business: BusinessId,
        staff: StaffId,
        role: Role,
    ) -> Result<TransactWriteItem> {
        let same = Write::new().when("active", "=", value(&true)?).when("staff_role", "=", value(&role)?);
        self.tx_check(keys::staff(business, staff), same)
    }

    /// Ends every session of a member of the staff that has begun. `false` when there is no such member.
    ///
    /// # Errors
    /// `Forbidden` when `by` may not end sessions of this member.
    pub async fn end_sessions(&self, business: BusinessId, staff: StaffId, by: Acting) -> Result<bool> {
        let mut placing = Placing::begin();
        loop {
            let Some(old) = self.staff_member(business, staff).await? else { return Ok(false) };
            if !by.may_end_session_of(Some(staff), old.staff_role) {
                return Err(Error::Forbidden);
            }
            // A change of the directory's that was made from before this one is refused, and made again.
            let now = self.clock().now().max(old.updated_at.plus(Duration::from_millis(1)));
            let new = Staff { sessions_ended_at: Some(now), updated_at: now, ..old.clone() };
            if self.update(keys::staff(business, staff), entry(&new, Some(&old))?).await?.is_ok() {
                return Ok(true);
            }
            placing.again().await?;
        }
    }

    /// Takes conversations from a member of the staff who was deactivated, until there are none.
    pub async fn release_assignments(&self, due: &Staff) -> Result<()> {
        let stored = self.staff_member(due.business_id, due.staff_id).await?;
        let Some(staff) = stored.filter(|staff| !staff.active) else {
            // They are back, and the write that brought them back took them out of the index.
            return Ok(());
        };
        let Some(gone) = staff.deactivated_at else { return Ok(()) };
        let found = self.take_all_from(&staff, MOST_IN_A_RUN).await?;
        let now = self.clock().now();
        let write = if found == 0 && now.since(gone) >= SETTLED {
            Write::new().remove(GSI1.1).remove(GSI1.2)
        } else {
            Write::new().set(GSI1.2, s(due_place(&staff, now.plus(AGAIN))))
        };
        let same = write.when_present(GSI1.1).when("deactivated_at", "=", value(&gone)?);
        // Another run was faster, or they came back meanwhile.
        self.update(keys::staff(staff.business_id, staff.staff_id), same).await?.map_or(Ok(()), |_| Ok(()))
    }

    /// Takes up to `most` conversations from a member of the staff who is gone. Returns how many the index showed.
    async fn take_all_from(&self, gone: &Staff, most: usize) -> Result<usize> {
        let (business, staff) = (gone.business_id, gone.staff_id);
        let shards = self.business(business).await?.map(|business| business.inbox_shards).unwrap_or_default();
        let filter = ConversationFilter { assignment: Assignment::To(staff), ..Default::default() };
        let (mut found, mut after) = (0, None::<String>);
        while found < most {
            let window = Window { after: after.as_deref(), most: PAGE.min(most - found) };
            let page = self.conversations(business, shards, &filter, window).await?;
            // Whoever is gone is given nothing. As they are still gone after the page was read, what is on it was theirs
            // before, and what they are given after coming back is another version.
            let still = self.staff_member(business, staff).await?;
            if still.is_none_or(|still| still.active || still.deactivated_at != gone.deactivated_at) {
                break;
            }
            found += page.rows.len();
            let heads: Vec<Conversation> =
                page.rows.into_iter().filter_map(|view| view.conversation).collect();
            for abreast in heads.chunks(ABREAST) {
                try_join_all(abreast.iter().map(|head| self.take_back(gone, head, shards))).await?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(found)
    }

    /// Takes a conversation from a member of the staff, unless it changed since it was read.
    async fn take_back(&self, gone: &Staff, head: &Conversation, shards: Shards) -> Result<()> {
        let asked = Asked {
            business: gone.business_id,
            conversation: head.client_id,
            shards,
            seen: Some(Seen::Version(head.version)),
            actor: Actor::System,
            cause: Cause::StaffDeactivated,
        };
        self.take_from(&asked, gone.staff_id).await.map(drop)
    }
}

/// The write of a directory entry, refused when the one it was made from is not the stored one.
fn entry(new: &Staff, old: Option<&Staff>) -> Result<Write> {
    let item = encode(keys::staff(new.business_id, new.staff_id), "Staff", new)?;
    let mut write = Write::new().stamp("Staff");
    // Field by field, so that somebody who is due stays due; a field without a value goes.
    for field in STAFF_FIELDS {
        write = write.put(field, item.get(field).cloned());
    }
    let was_active = old.is_some_and(|old| old.active);
    write = match (was_active, new.active) {
        (true, false) => write
            .set(GSI1.1, s(keys::due(keys::due_shard(new.staff_id.get()))))
            .set(GSI1.2, s(due_place(new, new.updated_at))),
        (false, true) => write.remove(GSI1.1).remove(GSI1.2),
        (true, true) | (false, false) => write,
    };
    Ok(match old {
        Some(old) => write.when("updated_at", "=", value(&old.updated_at)?),
        None => write.if_new(),
    })
}

/// The place of somebody who is gone in the due index.
fn due_place(staff: &Staff, at: Timestamp) -> String {
    keys::due_number(at, staff.business_id, staff.staff_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::client::Personal;
    use domain::phone::Phone;

    #[test]
    fn every_field_of_an_entry_is_written() {
        let noon = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let text = || Some(Personal("x".to_owned()));
        let full = Staff {
            business_id: BusinessId::new(1).unwrap(),
            staff_id: StaffId::new(12).unwrap(),
            full_name: Personal("x".to_owned()),
            gender: text(),
            image_url: text(),
            email: text(),
            phone: Some(Phone::from_e164("+14155550101").unwrap()),
            staff_role: Role::Owner,
            location_ids: vec![domain::LocationId::new(3).unwrap()],
            active: false,
            deactivated_at: Some(noon),
            sessions_ended_at: Some(noon),
            created_at: noon,
            updated_at: noon,
        };
        let item: crate::item::Item = serde_dynamo::to_item(&full).unwrap();
        let mut fields: Vec<&str> = item.keys().map(String::as_str).collect();
        let mut written = STAFF_FIELDS;
        fields.sort_unstable();
        written.sort_unstable();
        assert_eq!(fields, written);
    }
}
