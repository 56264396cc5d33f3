//! What did not work while a business was set up.

use domain::onboarding::Trouble;
use domain::setup::{Step, StepName};

/// What did not work in one look at a business.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    pub(crate) steps: Vec<Step>,
    /// It is worth doing all of it again.
    pub(crate) again: bool,
}

impl Troubles {
    /// Keeps what went wrong at a step; the first time counts.
    pub(crate) fn add(&mut self, step: StepName, what: &str, trouble: &Trouble) {
        let action = match trouble {
            Trouble::Unreachable(_) => "Nothing: it is tried again by itself.",
            Trouble::Refused(_) => "Mend what it says, and repeat the call.",
        };
        self.again |= matches!(trouble, Trouble::Unreachable(_));
        self.note(Step::failed(step, format!("{what}: {trouble}"), action));
    }

    pub(crate) fn note(&mut self, step: Step) {
        if self.steps.iter().all(|known| known.step != step.step) {
            self.steps.push(step);
        }
    }
}
