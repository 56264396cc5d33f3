//! Proofs of access. A handler that has one in its signature needs no check of its own.

use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, MatchedPath};
use axum::http::request::Parts;
use domain::access::{Acting, Role};
use domain::actor::Actor;
use domain::business::Business;
use domain::shards::Shards;
use domain::{BusinessId, Error, StaffId};

use crate::access::{Access, find};
use crate::caller::Member;
use crate::dialect::Omega;
use crate::read::PathParams;
use crate::{ApiError, Caller, Edge};

/// Proof that the caller may do what the route does in this business. The only source of a business id for a handler.
#[derive(Clone, Debug)]
pub struct Tenant(Arc<Member>);

impl Tenant {
    /// The business.
    pub fn id(&self) -> BusinessId {
        self.0.business.business_id
    }

    /// What is known of the business, at most a few seconds old.
    pub fn business(&self) -> &Business {
        &self.0.business
    }

    /// What the caller is.
    pub fn role(&self) -> Role {
        self.0.credential.credential_role
    }

    /// Who is calling, as it stands in a history.
    pub fn actor(&self) -> Actor {
        match self.0.credential.staff_id {
            Some(id) => Actor::Staff { id },
            None => Actor::Service,
        }
    }

    /// The member of the staff who is calling; `None` for a program.
    pub fn staff_id(&self) -> Option<StaffId> {
        self.0.credential.staff_id
    }

    /// Who asks for a change, and with which role.
    pub fn acting(&self) -> Acting {
        Acting { role: self.role(), staff: self.staff_id() }
    }

    /// The session that the call came with; `None` for a key.
    pub fn session_id(&self) -> Option<&str> {
        let credential = &self.0.credential;
        (!credential.is_key()).then_some(credential.credential_id.as_str())
    }

    /// In how many parts the business's lists are spread.
    pub fn shards(&self) -> Shards {
        self.0.business.inbox_shards
    }

    /// The proof for a business that is named in a body, where the path names none.
    ///
    /// # Errors
    /// `Forbidden` for any other business than the caller's.
    pub fn of_body(self, named: BusinessId) -> Result<Tenant, ApiError> {
        if self.id() == named { Ok(self) } else { Err(Error::Forbidden.into()) }
    }
}

impl<S> FromRequestParts<S> for Tenant
where
    S: Send + Sync,
    Edge: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Tenant, ApiError> {
        let Caller::Member(member) = caller(parts, state).await? else {
            return Err(Error::Forbidden.into());
        };
        let params = PathParams::from_request_parts(parts, state).await?;
        if params.find("business_id").is_some() {
            let business: BusinessId = params.id("business_id")?;
            if business != member.business.business_id {
                return Err(Error::Forbidden.into());
            }
        }
        match access(parts) {
            Some(Access::Business(roles)) if roles.contains(&member.credential.credential_role) => {
                Ok(Tenant(member))
            }
            _ => Err(Error::Forbidden.into()),
        }
    }
}

/// Proof that the caller is whoever runs omega.
#[derive(Clone, Copy, Debug)]
pub struct Platform;

impl<S> FromRequestParts<S> for Platform
where
    S: Send + Sync,
    Edge: FromRef<S>,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Platform, ApiError> {
        match (caller(parts, state).await?, access(parts)) {
            (Caller::Platform, Some(Access::Platform)) => Ok(Platform),
            _ => Err(Error::Forbidden.into()),
        }
    }
}

/// What the table says of the route that is being called. A route that is not in it lets nobody in.
fn access(parts: &Parts) -> Option<Access> {
    let path = parts.extensions.get::<MatchedPath>()?;
    find(&parts.method, path.as_str()).map(|route| route.access)
}

/// The caller, resolved once for each request.
async fn caller<S>(parts: &mut Parts, state: &S) -> Result<Caller, ApiError>
where
    Edge: FromRef<S>,
{
    if let Some(caller) = parts.extensions.get::<Caller>() {
        return Ok(caller.clone());
    }
    let (caller, _) = Edge::from_ref(state).caller::<Omega>(parts).await?;
    parts.extensions.insert(caller.clone());
    Ok(caller)
}
