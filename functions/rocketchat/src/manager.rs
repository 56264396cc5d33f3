//! Who takes care of a contact: the assignee of the conversation with them.

use domain::conversation::Cause;
use domain::{ClientId, Error, StaffId};
use store::Store;
use store::handling::{Asked, Handled};
use web::{Correlation, Tenant};

use crate::refused::{Answer, Refused};

/// Gives the conversation with a client to a member of the staff, or to nobody. A client without a conversation gets one
/// to be given to somebody.
pub(crate) async fn put(
    store: &Store,
    tenant: &Tenant,
    client: ClientId,
    manager: Option<StaffId>,
    Correlation(request_id): &Correlation,
) -> Answer<()> {
    if manager.is_some() {
        store.ensure_conversation(tenant.id(), client, tenant.shards()).await?;
    }
    let asked = Asked {
        business: tenant.id(),
        conversation: client,
        shards: tenant.shards(),
        seen: None,
        actor: tenant.actor(),
        cause: Cause::Request { request_id: request_id.clone() },
    };
    match store.assign(&asked, manager).await? {
        Handled::Changed(_) | Handled::Same(_) => Ok(()),
        // There is none to take away.
        Handled::NoConversation if manager.is_none() => Ok(()),
        Handled::NoStaff | Handled::Elsewhere => Err(Refused::plain("error-contact-manager-not-found")),
        Handled::NoConversation | Handled::Stale(_) => {
            Err(Error::Unavailable("the client is being changed".into()).into())
        }
    }
}
