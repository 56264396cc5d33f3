//! Who speaks in a request: a session for its own member, a program for a member whom it names.

use domain::StaffId;
use domain::channel::UserType;
use store::Store;

use crate::read::{JsonBody, Object, Problem, id, integer};
use crate::schemas::words::USER_TYPE;
use crate::{ApiError, Tenant};

/// Who may be named as the one who writes, found out before the body is read so that all problems are told together.
#[derive(Clone, Copy, Debug)]
pub struct Speaker {
    /// The member of the session.
    own: Option<StaffId>,
    /// The member whom a program names, when there is no such active member.
    unknown: Option<StaffId>,
}

const OWN: &str = "a session speaks for its own member";

impl Speaker {
    /// Looks up whom the body names in `staff_id`. A session needs no look: it speaks for itself.
    ///
    /// # Errors
    /// When the table cannot be reached.
    pub async fn of(tenant: &Tenant, store: &Store, body: &JsonBody) -> Result<Speaker, ApiError> {
        let own = tenant.staff_id();
        let named = body.raw("staff_id").and_then(|value| id(value).ok());
        let unknown = match named {
            Some(staff) if own.is_none() && !store.works_here(tenant.id(), staff).await? => named,
            _ => None,
        };
        Ok(Speaker { own, unknown })
    }

    /// Who records what another system carried: programs may repeat whatever that system says. Nobody is looked up.
    pub fn recording(tenant: &Tenant) -> Speaker {
        Speaker { own: tenant.staff_id(), unknown: None }
    }

    /// The member who writes: of a session its own, of a program the one it names.
    pub fn staff_id(&self, object: &Object<'_>) -> Option<StaffId> {
        let named = object.optional("staff_id", id);
        if named.is_some() && named == self.unknown {
            object.refuse("staff_id", Problem::value("there is no active member of the staff with this id"));
        }
        self.checked(object, named).or(self.own)
    }

    /// The member who wrote, as another system says it. A session may name its own member, or nobody by leaving it out
    /// or by 0.
    pub fn recorded_staff_id(&self, object: &Object<'_>) -> Option<StaffId> {
        let named: Option<StaffId> = object.optional("staff_id", id);
        if named.is_some_and(|staff| staff.get() == 0) {
            return named;
        }
        self.checked(object, named)
    }

    fn checked(&self, object: &Object<'_>, named: Option<StaffId>) -> Option<StaffId> {
        if self.own.is_some() && named.is_some() && named != self.own {
            object.refuse("staff_id", Problem::value(OWN));
        }
        named
    }

    /// Who sent it, in the numbers of another system. A session may repeat the number of its own member.
    pub fn sent_by(&self, object: &Object<'_>) -> Option<u64> {
        let named = object.optional("sent_by", integer);
        if let (Some(own), Some(named)) = (self.own, named)
            && named != own.get()
            && named != 0
        {
            object.refuse("sent_by", Problem::value(OWN));
        }
        named
    }

    /// What kind of sender it is. A session is staff, and neither a client nor a system.
    pub fn sender_type(&self, object: &Object<'_>) -> Option<UserType> {
        let named = object.optional("sender_type", USER_TYPE);
        if self.own.is_some() && named.is_some_and(|named| named != UserType::Staff) {
            object.refuse("sender_type", Problem::value(OWN));
        }
        named.or(self.own.map(|_| UserType::Staff))
    }
}
