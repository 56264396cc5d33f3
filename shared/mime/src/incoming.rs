//! A mail that was read.

use std::fmt;

use domain::Timestamp;
use domain::address::Address;
use domain::email::Email;
use domain::machine::Machine;

/// A mail that came in. `Debug` shows lengths only, for all of it is personal.
#[derive(Clone, PartialEq)]
pub struct Incoming {
    /// Its own id, without the angle brackets.
    pub message_id: Option<String>,
    /// The ids that it says it answers.
    pub in_reply_to: Vec<String>,
    /// The ids of the mails before it, oldest first: at most 20, the first and the last 19.
    pub references: Vec<String>,
    /// Who wrote it: the first mailbox of `From`, `Sender`, the envelope, and else what `From` has in place of one.
    pub from: Sender,
    /// Where its writer wants answers. What is no address is left out.
    pub reply_to: Vec<Email>,
    /// Whom it is to. What is no address is left out.
    pub to: Vec<Email>,
    /// Who else gets it.
    pub cc: Vec<Email>,
    /// The subject, one line of at most 1 000 characters; empty when there is none.
    pub subject: String,
    /// The body as text, made from the HTML when there is no other. Line breaks are `\n`, none at the end.
    pub text: String,
    /// The place in `text`, in characters, from which on it repeats earlier mails.
    pub quote_starts_at: Option<usize>,
    /// The body as HTML, when it has one.
    pub html: Option<String>,
    /// When it says it was written.
    pub date: Option<Timestamp>,
    /// What came with it, at most 100.
    pub attachments: Vec<IncomingPart>,
    /// Why it is taken for the work of a machine.
    pub automated: Option<Machine>,
}

/// Who a mail is from. `Debug` shows no name and no address.
#[derive(Clone, PartialEq)]
pub struct Sender {
    /// The name beside the address, one line of at most 200 characters.
    pub name: Option<String>,
    /// The address, as the mail has it.
    pub address: Address,
    /// The fields `From` name this address, and no address of another domain.
    pub is_sole_author: bool,
}

/// Something that came with a mail. `Debug` shows lengths only.
#[derive(Clone, PartialEq)]
pub struct IncomingPart {
    /// The name it was sent under, one line of at most 200 characters. It may look like a path; it is for show. A mail
    /// without a name has `message.eml`.
    pub filename: Option<String>,
    /// Its media type in lower case, without parameters.
    pub content_type: Option<String>,
    /// The id by which the HTML shows it, without the angle brackets.
    pub content_id: Option<String>,
    /// The content itself. Of a mail within the mail, the mail as it was.
    pub content: Vec<u8>,
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("message_id", &self.message_id.as_deref().map(str::len))
            .field("in_reply_to", &self.in_reply_to.len())
            .field("references", &self.references.len())
            .field("from", &self.from)
            .field("to", &self.to.len())
            .field("cc", &self.cc.len())
            .field("subject", &self.subject.len())
            .field("text", &self.text.len())
            .field("quote_starts_at", &self.quote_starts_at)
            .field("html", &self.html.as_deref().map(str::len))
            .field("date", &self.date)
            .field("attachments", &self.attachments)
            .field("automated", &self.automated)
            .finish()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("name", &self.name.as_deref().map(str::len))
            .field("address", &self.address.as_str().len())
            .finish()
    }
}

impl fmt::Debug for IncomingPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingPart")
            .field("filename", &self.filename.as_deref().map(str::len))
            .field("content_type", &self.content_type.as_deref().map(str::len))
            .field("content_id", &self.content_id.as_deref().map(str::len))
            .field("content", &self.content.len())
            .finish()
    }
}
