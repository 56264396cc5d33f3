//! What the backend wants done with a call. Read as strictly as can be: what the real one would overlook with a
//! warning is a mistake here.

use std::collections::BTreeMap;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event as Xml};
use quick_xml::reader::Reader;

/// One step of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// The caller hears words, or a file.
    Play(String),
    /// The caller hears nothing for so many seconds.
    Pause(u64),
    Hangup,
    Reject {
        busy: bool,
    },
    /// Somebody else says how it goes on.
    Redirect(String),
    Dial(Dial),
}

/// Others are called, and the first one who answers is put through.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Dial {
    pub caller_id: Option<String>,
    /// In seconds.
    pub timeout: u64,
    pub action: Option<String>,
    pub answer_on_bridge: bool,
    pub sequential: bool,
    pub nouns: Vec<Noun>,
}

/// One of those who are called.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Noun {
    /// `+1…` or `client:…`.
    pub to: String,
    pub status_callback: Option<String>,
    /// `initiated`, `ringing`, `answered`, `completed`.
    pub events: Vec<String>,
    /// What a browser is told about the call.
    pub parameters: BTreeMap<String, String>,
}

/// The verbs of a document. An error says what is wrong with it.
pub(super) fn parse(xml: &str) -> Result<Vec<Verb>, String> {
    let root = tree(xml)?;
    if root.name != "Response" {
        return Err(format!("the root is {}, not Response", root.name));
    }
    root.only(&[])?;
    root.without_text()?;
    root.children.iter().map(verb).collect()
}

#[derive(Default)]
struct Element {
    name: String,
    attributes: BTreeMap<String, String>,
    text: String,
    children: Vec<Element>,
}

fn tree(xml: &str) -> Result<Element, String> {
    let mut reader = Reader::from_str(xml);
    // The document itself is the bottom.
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(wrong)?;
        let innermost = open.last_mut().ok_or("more ends than starts")?;
        match event {
            Xml::Empty(start) => innermost.children.push(element(&start)?),
            Xml::Start(start) => open.push(element(&start)?),
            Xml::End(_) => {
                let done = open.pop().ok_or("more ends than starts")?;
                open.last_mut().ok_or("more ends than starts")?.children.push(done);
            }
            Xml::Text(text) => innermost.text.push_str(&text.xml10_content().map_err(wrong)?),
            Xml::CData(text) => innermost.text.push_str(&text.xml10_content().map_err(wrong)?),
            Xml::GeneralRef(reference) => match reference.resolve_char_ref().map_err(wrong)? {
                Some(letter) => innermost.text.push(letter),
                None => {
                    let name = reference.decode().map_err(wrong)?;
                    let text = resolve_predefined_entity(&name);
                    innermost.text.push_str(text.ok_or_else(|| format!("&{name}; is not known"))?);
                }
            },
            Xml::Comment(_) | Xml::Decl(_) | Xml::PI(_) => {}
            Xml::DocType(_) => return Err("a document type is not wanted".to_owned()),
            Xml::Eof => break,
        }
    }
    let mut document = open.pop().filter(|_| open.is_empty()).ok_or("an element has no end")?;
    document.without_text()?;
    let root = document.children.pop().ok_or("there is no element")?;
    if document.children.is_empty() { Ok(root) } else { Err("there are several roots".to_owned()) }
}

fn element(start: &BytesStart<'_>) -> Result<Element, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut element = Element { name: text(start.name().as_ref()), ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(wrong)?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(wrong)?.into_owned();
        element.attributes.insert(text(attribute.key.as_ref()), value);
    }
    Ok(element)
}

fn wrong(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Element {
    fn only(&self, attributes: &[&str]) -> Result<(), String> {
        match self.attributes.keys().find(|name| !attributes.contains(&name.as_str())) {
            Some(name) => Err(format!("{} has no attribute {name}", self.name)),
            None => Ok(()),
        }
    }

    fn without_text(&self) -> Result<(), String> {
        let text = self.text.trim();
        if text.is_empty() { Ok(()) } else { Err(format!("text where none belongs: {text}")) }
    }

    fn childless(&self) -> Result<(), String> {
        match self.children.first() {
            Some(child) => Err(format!("{} is not for {}", child.name, self.name)),
            None => Ok(()),
        }
    }

    fn attribute(&self, name: &str) -> Option<String> {
        self.attributes.get(name).cloned()
    }

    fn one_of(&self, name: &str, values: &[&str]) -> Result<Option<&str>, String> {
        let Some(value) = self.attributes.get(name) else { return Ok(None) };
        if values.contains(&value.as_str()) { Ok(Some(value)) } else { Err(self.bad(name)) }
    }

    fn is(&self, name: &str) -> Result<bool, String> {
        Ok(self.one_of(name, &["true", "false"])? == Some("true"))
    }

    fn seconds(&self, name: &str, usual: u64) -> Result<u64, String> {
        let Some(value) = self.attributes.get(name) else { return Ok(usual) };
        value.parse().map_err(|_| self.bad(name))
    }

    fn bad(&self, name: &str) -> String {
        format!("{} does not take this {name}: {}", self.name, self.attributes[name])
    }
}

fn verb(element: &Element) -> Result<Verb, String> {
    let text = element.text.trim().to_owned();
    if element.name == "Dial" {
        return dial(element).map(Verb::Dial);
    }
    if element.name != "Say" {
        // Words may be marked up.
        element.childless()?;
    }
    let (verb, attributes): (Verb, &[&str]) = match element.name.as_str() {
        "Say" => (Verb::Play(text), &["voice", "language", "loop"]),
        "Play" => (Verb::Play(text), &["loop", "digits"]),
        "Pause" => (Verb::Pause(element.seconds("length", 1)?), &["length"]),
        "Hangup" => (Verb::Hangup, &[]),
        "Reject" => {
            let busy = element.one_of("reason", &["rejected", "busy"])? == Some("busy");
            (Verb::Reject { busy }, &["reason"])
        }
        "Redirect" => {
            element.one_of("method", &["GET", "POST"])?;
            (Verb::Redirect(text), &["method"])
        }
        name => return Err(format!("{name} is not done here")),
    };
    element.only(attributes)?;
    Ok(verb)
}

fn dial(element: &Element) -> Result<Dial, String> {
    element.only(&[
        "action",
        "answerOnBridge",
        "callerId",
        "hangupOnStar",
        "method",
        "record",
        "recordingStatusCallback",
        "recordingStatusCallbackEvent",
        "recordingStatusCallbackMethod",
        "recordingTrack",
        "ringTone",
        "sequential",
        "timeLimit",
        "timeout",
        "trim",
    ])?;
    element.one_of("method", &["GET", "POST"])?;
    element.seconds("timeLimit", 14_400)?;
    let mut nouns: Vec<Noun> = element.children.iter().map(noun).collect::<Result<_, String>>()?;
    let number = element.text.trim();
    if !number.is_empty() {
        nouns.push(Noun { to: number.to_owned(), ..Noun::default() });
    }
    if nouns.is_empty() {
        return Err("Dial names nobody".to_owned());
    }
    Ok(Dial {
        caller_id: element.attribute("callerId"),
        timeout: element.seconds("timeout", 30)?,
        action: element.attribute("action"),
        answer_on_bridge: element.is("answerOnBridge")?,
        sequential: element.is("sequential")?,
        nouns,
    })
}

fn noun(element: &Element) -> Result<Noun, String> {
    const BOTH: [&str; 5] =
        ["method", "statusCallback", "statusCallbackEvent", "statusCallbackMethod", "url"];
    let mut parameters = BTreeMap::new();
    let to = match element.name.as_str() {
        "Number" => {
            element.only(&[&BOTH[..], &["sendDigits"]].concat())?;
            element.childless()?;
            element.text.trim().to_owned()
        }
        "Client" => {
            element.only(&BOTH)?;
            let mut identity = element.text.trim().to_owned();
            for child in &element.children {
                match (child.name.as_str(), child.attribute("name"), child.attribute("value")) {
                    ("Identity", None, None) => child.text.trim().clone_into(&mut identity),
                    ("Parameter", Some(name), Some(value)) => drop(parameters.insert(name, value)),
                    _ => return Err(format!("{} is not for Client, or lacks something", child.name)),
                }
            }
            if identity.is_empty() {
                return Err("Client names nobody".to_owned());
            }
            format!("client:{identity}")
        }
        name => return Err(format!("{name} is not dialled here")),
    };
    for method in ["method", "statusCallbackMethod"] {
        element.one_of(method, &["GET", "POST"])?;
    }
    let events = element.attribute("statusCallbackEvent").unwrap_or_else(|| "completed".to_owned());
    let events: Vec<String> = events.split_whitespace().map(str::to_owned).collect();
    if !events
        .iter()
        .all(|event| matches!(event.as_str(), "initiated" | "ringing" | "answered" | "completed"))
    {
        return Err(element.bad("statusCallbackEvent"));
    }
    Ok(Noun { to, status_callback: element.attribute("statusCallback"), events, parameters })
}
