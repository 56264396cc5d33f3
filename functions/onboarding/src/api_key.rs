//! Making a key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::access::{Credential, Role};
use domain::{BusinessId, Error, Result, Timestamp};

/// A new key, to be shown once.
pub(crate) struct ApiKey {
    /// The secret.
    pub secret: String,
    /// What is stored of it, under the hash of the secret.
    pub credential: Credential,
}

/// A key for the programs of a business: `omega_`, a public id, and 256 random bits.
pub(crate) fn generate(business: BusinessId, now: Timestamp) -> Result<ApiKey> {
    let mut random = [0u8; 38];
    getrandom::fill(&mut random).map_err(|error| Error::internal(error.to_string()))?;
    let (id, secret) = random.split_at(6);
    let credential_id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
    let secret = format!("omega_{credential_id}_{}", URL_SAFE_NO_PAD.encode(secret));
    let credential = Credential {
        credential_id,
        business_id: business,
        credential_role: Role::Service,
        staff_id: None,
        created_at: now,
        expires_at: None,
    };
    Ok(ApiKey { secret, credential })
}
