//! How far setting up a business has come.

use axum::Json;
use axum::extract::State;
use domain::business::Business;
use domain::onboarding::{Progress, Step};
use domain::{BusinessId, Error};
use serde::Serialize;
use web::read::PathParams;
use web::{ApiResult, Edge, Platform};

/// The published `OnboardingStatus`.
#[derive(Debug, Serialize)]
pub(crate) struct OnboardingStatus {
    business_id: BusinessId,
    status: &'static str,
    steps: Vec<StepStatus>,
    /// In the answer that created the business, and in no other.
    pub(crate) api_key: Option<String>,
}

#[derive(Debug, Serialize)]
struct StepStatus {
    step: &'static str,
    state: domain::onboarding::StepState,
    reason: Option<String>,
    next_action: Option<String>,
}

impl From<Step> for StepStatus {
    fn from(step: Step) -> Self {
        StepStatus {
            step: step.step.as_str(),
            state: step.state,
            reason: step.reason,
            next_action: step.next_action,
        }
    }
}

impl From<Business> for OnboardingStatus {
    fn from(business: Business) -> Self {
        OnboardingStatus {
            business_id: business.business_id,
            status: Progress::of(&business.steps).as_str(),
            steps: business.steps.into_iter().map(StepStatus::from).collect(),
            api_key: None,
        }
    }
}

/// `GET /omega/business/{business_id}/onboard/status`
pub(crate) async fn get(
    _: Platform,
    path: PathParams,
    State(edge): State<Edge>,
) -> ApiResult<Json<OnboardingStatus>> {
    let business = edge.store().business(path.id("business_id")?).await?;
    Ok(Json(business.ok_or(Error::NotFound("business"))?.into()))
}
