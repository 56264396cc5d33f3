//! A client as NexHealth shows a patient.

use std::collections::{BTreeMap, HashSet};

use domain::address::Address;
use domain::client::{Client, Personal};
use domain::{BusinessId, ClientId, Timestamp};
use serde::Serialize;
use store::Store;
use store::tombstones::Tombstone;
use web::Tenant;
use web::schemas::client::Gone;

/// What the ids are that the business's own user system gives out.
const OWN_USERS: &str = "wl_user";

/// The phones whose owners opted out of the business's texts.
pub(crate) struct OptedOut(HashSet<String>);

impl OptedOut {
    /// Reads which phones of some clients opted out: one read for each hundred.
    pub async fn among(
        store: &Store,
        tenant: &Tenant,
        clients: impl Iterator<Item = &Client>,
    ) -> domain::Result<OptedOut> {
        let phones: Vec<Address> =
            clients.filter_map(|client| client.phone.clone()).map(Address::Phone).collect();
        Ok(OptedOut(store.opted_out(tenant.id(), phones).await?))
    }

    fn has(&self, client: &Client) -> bool {
        let phone = client.phone.clone().map(Address::Phone);
        phone.is_some_and(|phone| self.0.contains(phone.key().as_ref()))
    }
}

/// One patient. What is not known is `null`.
#[derive(Debug, Serialize)]
pub(crate) struct Patient {
    id: ClientId,
    email: Option<Personal>,
    first_name: Option<Personal>,
    middle_name: Option<Personal>,
    last_name: Option<Personal>,
    name: Option<Personal>,
    created_at: Timestamp,
    updated_at: Timestamp,
    institution_id: BusinessId,
    foreign_id: Option<String>,
    foreign_id_type: Option<&'static str>,
    bio: BTreeMap<String, Option<Personal>>,
    inactive: bool,
    /// Nothing is synchronised from anywhere.
    last_sync_time: Option<Timestamp>,
    /// Nobody pays for somebody else.
    guarantor_id: Option<ClientId>,
    unsubscribe_sms: bool,
    /// Of somebody who is gone only.
    #[serde(flatten)]
    gone: Option<Gone>,
}

impl Patient {
    /// A client. `opted_out` was read for them.
    pub fn new(client: &Client, opted_out: &OptedOut) -> Patient {
        let [first_name, middle_name, last_name] = client.name_parts();
        let own_fields = client.custom_fields.iter().map(|(name, value)| (name.clone(), Some(value.clone())));
        let mut bio: BTreeMap<String, Option<Personal>> = own_fields.collect();
        let phone = client.phone.as_ref().map(|phone| Personal(phone.as_str().to_owned()));
        bio.insert("phone_number".to_owned(), phone.or_else(|| client.phone_as_given.clone()));
        let foreign_id = client.wl_user_id.map(|id| id.to_string());
        Patient {
            id: client.client_id,
            email: client.email.clone(),
            first_name,
            middle_name,
            last_name,
            name: client.display_name().map(Personal),
            created_at: client.created_at,
            updated_at: client.updated_at,
            institution_id: client.business_id,
            foreign_id_type: foreign_id.as_ref().map(|_| OWN_USERS),
            foreign_id,
            bio,
            inactive: client.inactive,
            last_sync_time: None,
            guarantor_id: None,
            unsubscribe_sms: opted_out.has(client),
            gone: None,
        }
    }

    /// A client who is gone. When they came is not known any more, and a time is required there.
    pub fn gone(business: BusinessId, tombstone: &Tombstone) -> Patient {
        Patient {
            id: tombstone.client_id,
            email: None,
            first_name: None,
            middle_name: None,
            last_name: None,
            name: None,
            created_at: tombstone.gone_at,
            updated_at: tombstone.gone_at,
            institution_id: business,
            foreign_id: None,
            foreign_id_type: None,
            bio: BTreeMap::new(),
            inactive: true,
            last_sync_time: None,
            guarantor_id: None,
            unsubscribe_sms: false,
            gone: Some(tombstone.into()),
        }
    }
}
