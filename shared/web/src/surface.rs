//! Which interface a path belongs to, and how each interface refuses a request that none of its routes takes.
//!
//! The function behind the gateway's catch-all serves no dialect itself, so the bodies of these refusals are here.

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// An interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// Our own: `/omega`, and every path that belongs to nobody else.
    Omega,
    /// `/api`.
    RocketChat,
    /// The resources of NexHealth, which have no common prefix.
    NexHealth,
}

/// The first part of every path in NexHealth's published interface, and of its conversations. Most are not served.
const NEXHEALTH: &[&str] = &[
    "adjustment_types",
    "adjustments",
    "appointment_slots",
    "appointment_types",
    "appointments",
    "authenticates",
    "availabilities",
    "available_slots",
    "charges",
    "claims",
    "clinical_notes",
    "conversations",
    "document_types",
    "fee_schedule_procedures",
    "fee_schedules",
    "guarantor_balances",
    "institutions",
    "insurance_balances",
    "insurance_coverages",
    "insurance_plans",
    "locations",
    "nex_staff",
    "onboardings",
    "operatories",
    "patient_recalls",
    "patients",
    "payment_plans",
    "payment_types",
    "payments",
    "procedures",
    "providers",
    "recall_types",
    "sync_status",
    "treatment_plans",
    "webhook_endpoints",
    "working_hour_labels",
    "working_hours",
];

/// A refusal of NexHealth's interface, its fields in the published order.
#[derive(Debug, Serialize)]
struct NexHealthRefusal {
    code: bool,
    description: &'static str,
    data: Value,
    error: Vec<String>,
}

/// A refusal of Rocket.Chat's interface.
#[derive(Debug, Serialize)]
struct RocketChatRefusal {
    success: bool,
    error: &'static str,
}

/// What Rocket.Chat's responses forbid to keep.
const NOT_KEPT: [(HeaderName, &str); 2] = [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")];

/// A refusal in NexHealth's envelope: the description is the name of the status.
pub fn nexhealth_refusal(status: StatusCode, error: Vec<String>) -> Response {
    let description = status.canonical_reason().unwrap_or("Error");
    let body = NexHealthRefusal { code: false, description, data: json!({}), error };
    (status, Json(body)).into_response()
}

impl Surface {
    /// The interface that a path belongs to.
    pub fn of(path: &str) -> Surface {
        match path.split('/').nth(1) {
            Some("api") => Surface::RocketChat,
            Some(first) if NEXHEALTH.contains(&first) => Surface::NexHealth,
            _ => Surface::Omega,
        }
    }

    /// The response to a request that no route takes: 405 with `Allow` where the path has other `methods`, else 404.
    pub(crate) fn no_route(self, methods: &[&str]) -> Response {
        let (status, name) = match methods {
            [] => (StatusCode::NOT_FOUND, "Not Found"),
            _ => (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
        };
        let response = match self {
            Surface::Omega => (status, Json(json!({"detail": name}))).into_response(),
            Surface::RocketChat => {
                let error = if methods.is_empty() { "API endpoint does not exist" } else { name };
                (status, NOT_KEPT, Json(RocketChatRefusal { success: false, error })).into_response()
            }
            Surface::NexHealth => nexhealth_refusal(status, vec![name.to_owned()]),
        };
        match methods {
            [] => response,
            _ => ([(header::ALLOW, methods.join(", "))], response).into_response(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::ROUTES;

    #[test]
    fn every_route_belongs_to_the_interface_of_its_operation() {
        for route in ROUTES {
            let expected = match route.operation {
                operation if operation.starts_with("rocketchat") => Surface::RocketChat,
                operation if operation.starts_with("nexhealth") => Surface::NexHealth,
                _ => Surface::Omega,
            };
            assert_eq!(Surface::of(route.path), expected, "{}", route.path);
        }
    }

    #[test]
    fn unknown_paths_belong_to_the_interface_that_they_begin_like() {
        for path in ["/api", "/api/", "/api/v1/nothing", "/api/v2/me"] {
            assert_eq!(Surface::of(path), Surface::RocketChat, "{path}");
        }
        for path in ["/conversations/7", "/conversations/", "/appointments", "/patients/7/alerts"] {
            assert_eq!(Surface::of(path), Surface::NexHealth, "{path}");
        }
        for path in ["/", "", "/omega/conversations", "/apis", "/patientsx", "/favicon.ico"] {
            assert_eq!(Surface::of(path), Surface::Omega, "{path}");
        }
    }
}
