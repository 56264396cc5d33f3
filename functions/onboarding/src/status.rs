//! How far setting up a business has come.

use axum::Json;
use axum::extract::State;
use domain::business::Business;
use domain::onboarding::{Progress, steps, test_request};
use domain::setup::Step;
use domain::{BusinessId, Error, Result};
use serde::Serialize;
use store::Store;
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
    state: domain::setup::StepState,
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

impl OnboardingStatus {
    /// How a business stands, with what became of the text that tries things out.
    pub(crate) async fn of(store: &Store, business: &Business) -> Result<OnboardingStatus> {
        let id = business.business_id;
        let test = match &business.setup.test_phone {
            Some(phone) => store.request_messages(id, test_request(id, phone)).await?.into_iter().next(),
            None => None,
        };
        let steps = steps(business, test.as_ref());
        Ok(OnboardingStatus {
            business_id: id,
            status: Progress::of(&steps).as_str(),
            steps: steps.into_iter().map(StepStatus::from).collect(),
            api_key: None,
        })
    }
}

/// `GET /omega/business/{business_id}/onboard/status`
pub(crate) async fn get(
    _: Platform,
    path: PathParams,
    State(edge): State<Edge>,
) -> ApiResult<Json<OnboardingStatus>> {
    let business = edge.store().business(path.id("business_id")?).await?;
    Ok(Json(OnboardingStatus::of(edge.store(), &business.ok_or(Error::NotFound("business"))?).await?))
}
