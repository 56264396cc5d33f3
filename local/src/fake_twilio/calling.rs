//! A call from its first ring to its end: what the backend wants done with it is done, without waiting.

use std::collections::VecDeque;

use url::Url;

use super::calls::{Call, Dialled, Leg, Placed, Purpose, VoiceWebhooks, Webhook};
use super::rest::{date, is_e164};
use super::twiml::{self, Dial, Noun, Verb};
use super::webhook::{self, Pending, Posted};
use super::{API_VERSION, FakeTwilio, push};
use crate::wire::locked;

/// So many documents are asked for in one call; then they go round in a circle.
const MOST_DOCUMENTS: usize = 50;

type Form = Vec<(String, String)>;

fn new_sid() -> String {
    format!("CA{}", uuid::Uuid::new_v4().simple())
}

/// A call that goes on.
struct Calling<'a> {
    fake: &'a FakeTwilio,
    webhooks: VoiceWebhooks,
    script: VecDeque<Leg>,
    hold_events: bool,
    /// Whether the caller hears more than ringing.
    answered: bool,
    hung_up: bool,
    /// Where the verbs came from: other addresses may be relative to it.
    document: String,
    placed: Placed,
}

/// What comes after a verb.
enum Next {
    Verb,
    Document(Purpose, String, Form),
    End,
}

/// A mistake of the backend: a code of Twilio and words.
type Mistake = (u32, String);

impl FakeTwilio {
    /// Plays a phone or a browser that calls, and whoever is called then, until the end.
    pub async fn place_call(&self, mut call: Call) -> Placed {
        let _pending = Pending::new(self);
        if let Some(to) = call.params.remove("To").filter(|_| call.to.is_empty()) {
            call.to = to;
        }
        let webhooks = locked(&self.0.state).voice_webhooks(&call);
        let mut calling = Calling {
            fake: self,
            webhooks: webhooks.clone().unwrap_or_default(),
            script: call.script.iter().copied().collect(),
            hold_events: call.hold_events,
            answered: false,
            hung_up: false,
            document: String::new(),
            placed: Placed {
                sid: new_sid(),
                from: call.from.clone(),
                to: call.to.clone(),
                at: self.now(),
                status: "completed".to_owned(),
                duration: 0,
                heard: Vec::new(),
                legs: Vec::new(),
                error: None,
                webhooks: Vec::new(),
            },
        };
        match webhooks {
            Some(webhooks) => calling.run(webhooks.url, call.params.into_iter().collect()).await,
            None => {
                calling.placed.status = "failed".to_owned();
                calling.placed.error = Some("nobody is there to be asked about the call".to_owned());
            }
        }
        push(&mut locked(&self.0.state).calls, calling.placed.clone());
        calling.placed
    }
}

impl Calling<'_> {
    async fn run(&mut self, url: String, parameters: Form) {
        let mut next = Next::Document(Purpose::Voice, url, parameters);
        for _ in 0..MOST_DOCUMENTS {
            let Next::Document(purpose, url, extra) = next else { break };
            next = match self.ask(purpose, &url, extra).await {
                // Whoever has hung up does not hear how it goes on.
                Ok(_) if self.hung_up => Next::End,
                Ok(verbs) => self.execute(verbs).await,
                Err(mistake) => self.fail(mistake),
            };
        }
        if matches!(next, Next::Document(..)) {
            self.fail((11200, "the documents go round in a circle".to_owned()));
        }
        if let Some(url) = self.webhooks.status_callback.clone() {
            let form = self.ended();
            self.post(Purpose::Status, url, form).await;
        }
    }

    fn fail(&mut self, (code, words): Mistake) -> Next {
        self.placed.error = Some(format!("{code}: {words}"));
        if !self.hung_up {
            self.hear("An application error has occurred.".to_owned());
        }
        Next::End
    }

    fn hear(&mut self, what: String) {
        self.placed.heard.push(what);
        self.placed.duration += 1;
        self.answered = true;
    }

    /// Gets a document, from the fallback if need be.
    async fn ask(&mut self, purpose: Purpose, url: &str, extra: Form) -> Result<Vec<Verb>, Mistake> {
        let mut form = self.standard();
        // What a page passes does not replace what Twilio says.
        let own = extra.into_iter().filter(|(name, _)| !form.iter().any(|(standard, _)| standard == name));
        let own: Form = own.collect();
        form.extend(own);
        url.clone_into(&mut self.document);
        let posted = self.post(purpose, url.to_owned(), form.clone()).await;
        let mistake = match verbs(&posted) {
            Err(mistake) if !self.hung_up => mistake,
            result => return result,
        };
        let Some(fallback) = self.webhooks.fallback_url.clone() else { return Err(mistake) };
        form.push(("ErrorCode".to_owned(), mistake.0.to_string()));
        form.push(("ErrorUrl".to_owned(), url.split('#').next().unwrap_or_default().to_owned()));
        self.document.clone_from(&fallback);
        verbs(&self.post(Purpose::Fallback, fallback, form).await)
    }

    async fn post(&mut self, purpose: Purpose, url: String, form: Form) -> Posted {
        let (_, signature) = webhook::signed(self.fake, url.split('#').next().unwrap_or_default(), &form);
        let held = self.hold_events && !purpose.is_question();
        let posted = if held { Posted::default() } else { webhook::post(self.fake, &url, &form).await };
        self.placed.webhooks.push(Webhook {
            purpose,
            url,
            form,
            signature,
            attempts: posted.attempts.clone(),
            twiml: posted.body.clone(),
        });
        posted
    }

    /// An address as it is given in the document.
    fn address(&self, given: &str) -> String {
        let absolute = given.starts_with("http://") || given.starts_with("https://");
        let joined = Url::parse(&self.document).and_then(|document| document.join(given));
        // An absolute one stays as it is, to the letter: it is signed like that.
        joined.ok().filter(|_| !absolute).map_or_else(|| given.to_owned(), String::from)
    }

    async fn execute(&mut self, verbs: Vec<Verb>) -> Next {
        for verb in verbs {
            let next = match verb {
                Verb::Play(what) => {
                    self.hear(what);
                    Next::Verb
                }
                Verb::Pause(seconds) => {
                    self.placed.duration += seconds;
                    self.answered = true;
                    Next::Verb
                }
                Verb::Hangup => Next::End,
                Verb::Reject { busy } => {
                    if !self.answered {
                        self.placed.status = if busy { "busy" } else { "no-answer" }.to_owned();
                    }
                    Next::End
                }
                Verb::Redirect(url) => Next::Document(Purpose::Redirect, self.address(&url), Form::new()),
                Verb::Dial(dial) => self.dial(dial).await,
            };
            if !matches!(next, Next::Verb) {
                return next;
            }
        }
        Next::End
    }

    async fn dial(&mut self, dial: Dial) -> Next {
        self.answered |= !dial.answer_on_bridge;
        let caller_id = dial.caller_id.clone().unwrap_or_else(|| self.placed.from.clone());
        let mut legs = Vec::new();
        for noun in &dial.nouns {
            if !noun.to.starts_with("client:") {
                if !self.may_show(&caller_id) {
                    return self.fail((13214, format!("{caller_id} may not be shown as the caller")));
                }
                if !is_e164(&noun.to) {
                    self.placed.error = Some(format!("13223: {} was not dialled", noun.to));
                    continue;
                }
            }
            let scripted = self.script.pop_front();
            let leg = scripted.unwrap_or_else(|| locked(&self.fake.0.state).next_leg(&noun.to));
            legs.push((noun, leg));
            self.hung_up |= leg == Leg::CallerHangsUp;
            if dial.sequential && (self.hung_up || matches!(leg, Leg::Answers(_))) {
                break;
            }
        }
        let winner =
            legs.iter().position(|(_, leg)| matches!(leg, Leg::Answers(_))).filter(|_| !self.hung_up);
        let mut dialled = Vec::new();
        for (place, (noun, leg)) in legs.into_iter().enumerate() {
            let wins = winner == Some(place);
            self.answered |= wins;
            dialled.push(self.ring(noun, &caller_id, leg, wins).await);
        }
        let talked: u64 = dialled.iter().map(|leg| leg.duration).sum();
        let rang = if winner.is_some() || dial.answer_on_bridge { 0 } else { dial.timeout };
        self.placed.duration += talked + rang;
        self.placed.legs.extend(dialled.iter().cloned());
        match dial.action {
            Some(action) => Next::Document(Purpose::Action, self.address(&action), outcome(&dialled)),
            None if self.hung_up => Next::End,
            None => Next::Verb,
        }
    }

    /// Phones show numbers of the account, or the number that is calling.
    fn may_show(&self, caller_id: &str) -> bool {
        let own = locked(&self.fake.0.state).owns(caller_id);
        is_e164(caller_id) && (own || caller_id == self.placed.from)
    }

    /// Lets one of them ring, and posts what happens as far as that is wanted.
    async fn ring(&mut self, noun: &Noun, caller_id: &str, leg: Leg, wins: bool) -> Dialled {
        let (steps, duration): (&[&str], u64) = match leg {
            Leg::Answers(seconds) if wins => (&["initiated", "ringing", "in-progress", "completed"], seconds),
            Leg::Busy => (&["initiated", "busy"], 0),
            Leg::Fails => (&["initiated", "failed"], 0),
            Leg::NoAnswer if !self.hung_up => (&["initiated", "ringing", "no-answer"], 0),
            // The caller has hung up, or somebody else was faster.
            _ => (&["initiated", "ringing", "canceled"], 0),
        };
        let last = steps.last().copied().unwrap_or_default();
        let dialled = Dialled {
            sid: new_sid(),
            from: caller_id.to_owned(),
            to: noun.to.clone(),
            status: last.to_owned(),
            duration,
            parameters: noun.parameters.clone(),
        };
        let Some(url) = noun.status_callback.as_ref().map(|url| self.address(url)) else { return dialled };
        let mut sequence = 0;
        for step in steps {
            let event = match *step {
                "initiated" | "ringing" => step,
                "in-progress" => "answered",
                _ => "completed",
            };
            if !noun.events.iter().any(|wanted| wanted == event) {
                continue;
            }
            let mut form = self.parties(&dialled.sid, caller_id, &noun.to, "outbound-dial", step);
            form.push(("ParentCallSid".to_owned(), self.placed.sid.clone()));
            form.extend(self.progress(sequence, (event == "completed").then_some(duration)));
            sequence += 1;
            self.post(Purpose::Leg, url.clone(), form).await;
        }
        dialled
    }

    fn parties(&self, sid: &str, from: &str, to: &str, direction: &str, status: &str) -> Form {
        let mut form: Form = [
            ("CallSid", sid),
            ("AccountSid", &self.fake.0.account_sid),
            ("ApiVersion", API_VERSION),
            ("From", from),
            ("To", to),
            ("Caller", from),
            ("Called", to),
            ("Direction", direction),
            ("CallStatus", status),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        // Parameters that Twilio knows nothing to put into are there and empty, and are signed like that.
        for (who, number) in [("From", from), ("To", to), ("Caller", from), ("Called", to)] {
            if number.starts_with('+') {
                let country = if number.starts_with("+1") { "US" } else { "" };
                form.extend(["City", "State", "Zip"].map(|what| (format!("{who}{what}"), String::new())));
                form.push((format!("{who}Country"), country.to_owned()));
            }
        }
        form
    }

    /// What every question says of the call.
    fn standard(&self) -> Form {
        let status = match (self.hung_up, self.answered) {
            (true, _) => "completed",
            (_, true) => "in-progress",
            _ => "ringing",
        };
        self.parties(&self.placed.sid, &self.placed.from, &self.placed.to, "inbound", status)
    }

    fn ended(&self) -> Form {
        let Placed { sid, from, to, status, duration, .. } = &self.placed;
        let mut form = self.parties(sid, from, to, "inbound", status);
        form.extend(self.progress(0, Some(*duration)));
        form
    }

    /// What a status callback says beside the status. Only the last one says how long it took: in seconds, and in
    /// minutes that were begun.
    fn progress(&self, sequence: u32, duration: Option<u64>) -> Form {
        let mut form = vec![
            ("SequenceNumber".to_owned(), sequence.to_string()),
            ("Timestamp".to_owned(), date(self.fake.now())),
            ("CallbackSource".to_owned(), "call-progress-events".to_owned()),
        ];
        if let Some(duration) = duration {
            form.push(("CallDuration".to_owned(), duration.to_string()));
            form.push(("Duration".to_owned(), duration.div_ceil(60).to_string()));
        }
        form
    }
}

/// What became of a dial: of the one who answered, else of whoever came nearest to it.
fn outcome(dialled: &[Dialled]) -> Form {
    let rank = |leg: &&Dialled| match leg.status.as_str() {
        "completed" => 0,
        "canceled" => 1,
        "no-answer" => 2,
        "busy" => 3,
        _ => 4,
    };
    let best = dialled.iter().min_by_key(rank);
    let status = best.map_or("failed", |leg| leg.status.as_str());
    let bridged = status == "completed";
    let mut form = vec![
        ("DialCallStatus".to_owned(), status.to_owned()),
        ("DialBridged".to_owned(), bridged.to_string()),
    ];
    if let Some(leg) = best {
        form.push(("DialCallSid".to_owned(), leg.sid.clone()));
        form.extend(bridged.then(|| ("DialCallDuration".to_owned(), leg.duration.to_string())));
    }
    form
}

/// The document that was answered.
fn verbs(posted: &Posted) -> Result<Vec<Verb>, Mistake> {
    let status = posted.status().ok_or((11200, "no answer".to_owned()))?;
    if !(200..=299).contains(&status) {
        return Err((11200, format!("HTTP {status}")));
    }
    let kind = posted.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !matches!(kind.as_str(), "text/xml" | "application/xml" | "text/html") {
        return Err((12300, format!("{kind} is no type of documents")));
    }
    twiml::parse(&posted.body).map_err(|words| (12100, words))
}
