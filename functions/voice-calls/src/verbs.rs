//! What Twilio is told to do with a call: the verbs of TwiML that are needed, and no others.

use std::io;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use domain::phone::Phone;
use domain::{Error, Result};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// What is reported of whoever is called.
const REPORTED: &str = "initiated ringing answered completed";

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Verb {
    /// Call somebody, and let both talk.
    Dial(Dial),
    /// Say a sentence.
    Say(&'static str),
    /// End the call.
    Hangup,
    /// Do not take the call, which costs nothing.
    Reject,
}

/// Whom to call, and how.
#[derive(Clone, Debug)]
pub struct Dial {
    /// Whom.
    pub to: Party,
    /// The number that they see.
    pub caller_id: Phone,
    /// For how many seconds it rings.
    pub rings: u8,
    /// Where what happens to them is reported.
    pub status_url: String,
    /// Where it is asked what to do next.
    pub action_url: String,
}

/// Somebody who can be called.
#[derive(Clone, Debug)]
pub enum Party {
    /// A line.
    Number(Phone),
    /// A browser, by the name in its token.
    Client(String),
}

/// Verbs as Twilio reads them.
///
/// # Errors
/// `Internal` when they cannot be written, which has no cause.
pub fn twiml(verbs: &[Verb]) -> Result<Response> {
    let xml = write(verbs).map_err(|error| Error::Internal(error.into()))?;
    Ok(([(header::CONTENT_TYPE, "application/xml")], xml).into_response())
}

fn write(verbs: &[Verb]) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new(Vec::new());
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    writer.create_element("Response").write_inner_content(|writer| {
        verbs.iter().try_for_each(|verb| match verb {
            Verb::Dial(dial) => write_dial(writer, dial),
            Verb::Say(words) => {
                writer.create_element("Say").write_text_content(BytesText::new(words)).map(drop)
            }
            Verb::Hangup => writer.create_element("Hangup").write_empty().map(drop),
            Verb::Reject => writer.create_element("Reject").write_empty().map(drop),
        })
    })?;
    Ok(writer.into_inner())
}

fn write_dial(writer: &mut Writer<Vec<u8>>, dial: &Dial) -> io::Result<()> {
    let (noun, whom) = match &dial.to {
        Party::Number(phone) => ("Number", phone.as_str()),
        Party::Client(name) => ("Client", name.as_str()),
    };
    let rings = dial.rings.to_string();
    let dialled = writer.create_element("Dial").with_attributes([
        ("callerId", dial.caller_id.as_str()),
        ("timeout", rings.as_str()),
        // Whoever calls hears it ring until somebody answers, and pays from then on.
        ("answerOnBridge", "true"),
        ("action", dial.action_url.as_str()),
        ("method", "POST"),
    ]);
    let written = dialled.write_inner_content(|writer| {
        let party = writer.create_element(noun).with_attributes([
            ("statusCallback", dial.status_url.as_str()),
            ("statusCallbackEvent", REPORTED),
            ("statusCallbackMethod", "POST"),
        ]);
        party.write_text_content(BytesText::new(whom)).map(drop)
    });
    written.map(drop)
}

/// What is said when nobody answered.
const NOBODY: &str = "Nobody can take your call right now. Please try again later.";

/// There is nobody else to call.
pub fn nobody() -> Vec<Verb> {
    vec![Verb::Say(NOBODY), Verb::Hangup]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_of_a_call_becomes_markup() {
        let dial = Dial {
            to: Party::Client("\"<>&'".to_owned()),
            caller_id: Phone::from_e164("+14155550101").unwrap(),
            rings: 20,
            status_url: "https://x?a=1&b=\"<".to_owned(),
            action_url: "https://x?a='>".to_owned(),
        };
        let written = String::from_utf8(write(&[Verb::Dial(dial), Verb::Hangup]).unwrap()).unwrap();
        assert_eq!(
            written,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Dial callerId=\"+14155550101\" timeout=\"20\" \
             answerOnBridge=\"true\" action=\"https://x?a=&apos;&gt;\" method=\"POST\"><Client \
             statusCallback=\"https://x?a=1&amp;b=&quot;&lt;\" statusCallbackEvent=\"initiated ringing answered \
             completed\" statusCallbackMethod=\"POST\">&quot;&lt;&gt;&amp;&apos;</Client></Dial><Hangup/></Response>"
        );
    }
}
