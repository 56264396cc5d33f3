//! What Twilio asks about a call.

use web::ApiResult;
use web::twilio::{Form, missing};

/// Whom Twilio called last for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Somebody outside, for a member of the staff.
    Phone,
    /// A member of the staff, in their browser.
    Staff,
    /// The location that a number of ours is for.
    Location,
}

impl Step {
    /// The word in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Step::Phone => "phone",
            Step::Staff => "staff",
            Step::Location => "location",
        }
    }

    /// The step that an address names.
    pub fn read(word: &str) -> Option<Step> {
        [Step::Phone, Step::Staff, Step::Location].into_iter().find(|step| step.as_str() == word)
    }
}

/// A call that begins.
pub struct Asked {
    /// Twilio's id of it.
    pub sid: String,
    /// Who calls, in Twilio's words. Empty for some who withhold their number.
    pub from: String,
    /// Who is called.
    pub to: String,
    /// The number that the browser wants to be shown.
    pub caller_id: Option<String>,
}

impl Asked {
    /// Reads what Twilio posts when a call begins.
    ///
    /// # Errors
    /// When a field is missing.
    pub fn read(form: &Form) -> ApiResult<Asked> {
        if !form.has("From") {
            return Err(missing("From"));
        }
        Ok(Asked {
            sid: form.required("CallSid")?.to_owned(),
            from: form.field("From").unwrap_or_default().to_owned(),
            to: form.required("To")?.to_owned(),
            caller_id: form.field("CallerId").map(str::to_owned),
        })
    }
}
