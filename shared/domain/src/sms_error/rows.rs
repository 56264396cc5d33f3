//! The rows of the table: every code of Twilio's published reference that a text can meet.
//!
//! Source: <https://www.twilio.com/docs/api/errors>. Codes of other products (calls, numbers, verification) are left out.

use crate::failure::ErrorClass::{
    self, Address, Ambiguous, Configuration, Consent, Content, Expiry, Throttle, Transient,
};

/// Meaning of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meaning {
    /// Its class. Decides whether it is tried again by itself and whether a person may try it again.
    pub class: ErrorClass,
    /// What happened, for staff.
    pub reason: &'static str,
    /// What staff can do now.
    pub advice: &'static str,
}

/// One code of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Twilio's code.
    pub code: u32,
    /// Its meaning.
    pub meaning: Meaning,
}

impl Row {
    /// Twilio's page about the code.
    pub fn page(&self) -> String {
        page(self.code)
    }
}

/// Twilio's page about `code`.
pub fn page(code: u32) -> String {
    format!("https://www.twilio.com/docs/api/errors/{code}")
}

const WAIT: &str =
    "Nothing needs to be done: omega sends it again by itself. If it fails in the end, try again later.";
const NUMBER: &str = "Check the number with the client, or reach the client another way.";

const START: &str =
    "Reach the client another way. The client can text START to the number to receive texts again.";
const WORDS: &str = "Change the text and send it as a new message.";

const MEDIA: &str = "Change or remove the attachments and send it as a new message.";

const SENDER: &str =
    "Send it from another number, or ask an administrator to check the sender number at Twilio.";
const ADMIN: &str = "Ask an administrator to correct this in the Twilio account, then try again.";

const REGISTER: &str = "Ask an administrator to register the sender at Twilio, then try again.";

const SUPPORT: &str = "Ask an administrator to contact Twilio support, then try again.";

const TRIAL: &str = "Ask an administrator to upgrade the Twilio account, then try again.";

const TEMPLATE: &str = "Ask an administrator to correct the template at Twilio, then try again.";

const ASK: &str = "Ask the client whether the text arrived before you send it again.";

const RESEND: &str = "Send it again if it still matters.";

const DAY: &str = "Try again tomorrow, or ask an administrator to have Twilio raise the limit.";

const fn row(code: u32, class: ErrorClass, advice: &'static str, reason: &'static str) -> Row {
    Row { code, meaning: Meaning { class, reason, advice } }
}

/// Sorted by code.
pub(super) const ROWS: &[Row] = &[
    row(10001, Configuration, ADMIN, "The Twilio account is not active."),
    row(10002, Configuration, TRIAL, "The trial account at Twilio may not do this."),
    row(11750, Content, WORDS, "Twilio received a response that is too large for a text."),
    row(11751, Content, MEDIA, "An attachment is larger than the provider allows."),
    row(12300, Content, MEDIA, "An attachment has a type that Twilio does not accept."),
    row(14101, Address, NUMBER, "The receiver of the text is not a valid number."),
    row(14102, Configuration, SENDER, "The sender of the text is not a valid number of the Twilio account."),
    row(14103, Content, WORDS, "The text is empty or longer than Twilio allows."),
    row(14104, Configuration, ADMIN, "Twilio was told to use an unknown HTTP method."),
    row(14105, Configuration, ADMIN, "The address for delivery reports is not valid."),
    row(14106, Throttle, WAIT, "Twilio fetched too many documents for one text."),
    row(14107, Throttle, WAIT, "Too many texts left in a short time."),
    row(14108, Configuration, SENDER, "The sender number cannot send texts."),
    row(14109, Throttle, WAIT, "Too many automatic replies were sent to one text."),
    row(14110, Configuration, ADMIN, "Twilio received an instruction that is not possible for texts."),
    row(14111, Configuration, TRIAL, "The trial account at Twilio sends only to verified numbers."),
    row(20001, Configuration, ADMIN, "Twilio does not know a parameter of the request."),
    row(20002, Configuration, ADMIN, "Twilio does not accept a name in the request."),
    row(20003, Configuration, ADMIN, "Twilio refused the account SID or the auth token."),
    row(20004, Configuration, ADMIN, "Twilio does not allow the method of the request."),
    row(20005, Configuration, ADMIN, "The Twilio account is not active."),
    row(20006, Configuration, ADMIN, "Twilio denies access to this account."),
    row(20007, Configuration, ADMIN, "The request asked Twilio for too many rows at once."),
    row(20008, Configuration, ADMIN, "omega uses test credentials of Twilio, which send nothing."),
    row(20010, Configuration, SUPPORT, "Twilio has disabled this action for the account."),
    row(20011, Configuration, ADMIN, "The connection to Twilio uses an old version of TLS."),
    row(20012, Configuration, ADMIN, "The connection to Twilio uses a cipher that Twilio refuses."),
    row(20101, Configuration, ADMIN, "The access token for Twilio is not valid."),
    row(20102, Configuration, ADMIN, "The header of the access token for Twilio is not valid."),
    row(20103, Configuration, ADMIN, "The issuer or subject of the access token for Twilio is not valid."),
    row(20104, Configuration, ADMIN, "The access token for Twilio has expired."),
    row(20105, Configuration, ADMIN, "The access token for Twilio is not valid yet."),
    row(20106, Configuration, ADMIN, "The access token for Twilio lacks permissions."),
    row(20107, Configuration, ADMIN, "The signature of the access token for Twilio is not valid."),
    row(20151, Configuration, ADMIN, "Twilio could not authenticate the request."),
    row(20152, Configuration, ADMIN, "Twilio could not authenticate the header of the request."),
    row(20153, Configuration, ADMIN, "Twilio does not accept the issuer of the credentials."),
    row(20154, Configuration, ADMIN, "Twilio does not accept the claims of the credentials."),
    row(20155, Configuration, ADMIN, "The credentials for Twilio expire too far in the future."),
    row(20156, Configuration, ADMIN, "The credentials for Twilio have expired."),
    row(20157, Configuration, ADMIN, "The credentials for Twilio are valid for longer than Twilio allows."),
    row(20159, Configuration, ADMIN, "Twilio does not accept the signature of the credentials."),
    row(20160, Configuration, ADMIN, "Twilio does not accept the token of the credentials."),
    row(20403, Configuration, ADMIN, "Twilio forbids this for the account."),
    row(20404, Configuration, ADMIN, "Twilio does not know the account or the resource."),
    row(20409, Transient, WAIT, "Another change was in progress at Twilio."),
    row(20410, Configuration, ADMIN, "The resource at Twilio no longer exists."),
    row(20413, Content, MEDIA, "The request is larger than Twilio allows."),
    row(20422, Configuration, ADMIN, "Twilio refused a parameter of the request."),
    row(20423, Configuration, ADMIN, "The request names an invalid id of Twilio."),
    row(20426, Configuration, ADMIN, "The connection to Twilio uses an old protocol."),
    row(20429, Throttle, WAIT, "Twilio received too many requests at once."),
    row(20500, Transient, WAIT, "Twilio had an internal error."),
    row(20503, Transient, WAIT, "Twilio was unavailable for a moment."),
    row(20504, Ambiguous, ASK, "Twilio did not finish the request in time."),
    row(21201, Address, NUMBER, "The text has no receiver."),
    row(21202, Address, NUMBER, "The number is a premium number, to which Twilio does not send."),
    row(21203, Configuration, ADMIN, "International numbers are not enabled in the Twilio account."),
    row(21205, Configuration, ADMIN, "Twilio does not accept an address in the request."),
    row(21209, Configuration, ADMIN, "Twilio was told to use an unknown HTTP method."),
    row(21210, Configuration, SENDER, "The sender number is not verified for the Twilio account."),
    row(21211, Address, NUMBER, "The number is not a valid phone number."),
    row(21212, Configuration, SENDER, "The sender number is not valid."),
    row(21213, Configuration, SENDER, "The request names no sender number."),
    row(21214, Address, NUMBER, "The number cannot be reached."),
    row(21215, Configuration, ADMIN, "The Twilio account may not reach this country."),
    row(21216, Configuration, SUPPORT, "Twilio blocks this destination for the account."),
    row(21217, Address, NUMBER, "The number does not appear to be valid."),
    row(21218, Configuration, ADMIN, "The request names an invalid application of Twilio."),
    row(21219, Configuration, TRIAL, "The trial account at Twilio sends only to verified numbers."),
    row(21264, Configuration, SENDER, "The sender number is not verified for the Twilio account."),
    row(21265, Address, NUMBER, "The number is a short code, which cannot receive texts from us."),
    row(21266, Address, NUMBER, "Sender and receiver are the same number."),
    row(21267, Configuration, TRIAL, "A trial account at Twilio cannot send under a name."),
    row(
        21268,
        Address,
        NUMBER,
        "The number is a premium or information service, to which Twilio does not send.",
    ),
    row(21401, Address, NUMBER, "The number is not a valid phone number."),
    row(21402, Configuration, ADMIN, "Twilio does not accept an address in the request."),
    row(21403, Configuration, ADMIN, "Twilio was told to use an unknown HTTP method."),
    row(21407, Configuration, SENDER, "The type of the sender number does not support texts."),
    row(21408, Configuration, ADMIN, "Texts to this country are switched off in the Twilio account."),
    row(21420, Configuration, ADMIN, "The Twilio account cannot use the named application."),
    row(21421, Configuration, SENDER, "The sender number is not valid."),
    row(21501, Configuration, ADMIN, "The resource at Twilio is not available."),
    row(21502, Configuration, ADMIN, "The address for delivery reports is not valid."),
    row(21601, Configuration, SENDER, "The sender number cannot receive or send texts."),
    row(21602, Content, WORDS, "The text is empty."),
    row(21603, Configuration, SENDER, "The request names no sender number."),
    row(21604, Address, NUMBER, "The text has no receiver."),
    row(21605, Content, WORDS, "The text is longer than 160 characters."),
    row(
        21606,
        Configuration,
        SENDER,
        "The sender number cannot send texts to this destination from this account.",
    ),
    row(21607, Configuration, TRIAL, "The trial account at Twilio sends only from its sandbox number."),
    row(21608, Configuration, TRIAL, "The trial account at Twilio sends only to verified numbers."),
    row(21609, Configuration, ADMIN, "The address for delivery reports is not valid."),
    row(21610, Consent, START, "The client has opted out of texts from this number."),
    row(21611, Throttle, WAIT, "The sender number has too many texts waiting."),
    row(21612, Configuration, SENDER, "The sender number cannot reach this destination."),
    row(21613, Configuration, REGISTER, "The sender number requires a certification."),
    row(21614, Address, NUMBER, "The number cannot receive texts."),
    row(21615, Configuration, REGISTER, "The sender number requires a local address at Twilio."),
    row(21616, Configuration, ADMIN, "The sender matches several numbers of the Twilio account."),
    row(21617, Content, WORDS, "The text is longer than 1600 characters."),
    row(21618, Content, WORDS, "Twilio cannot send this text as it is."),
    row(21619, Content, WORDS, "The message has neither a text nor an attachment."),
    row(21620, Content, MEDIA, "The address of an attachment is not valid."),
    row(21621, Configuration, SENDER, "The sender number cannot send attachments."),
    row(21622, Configuration, ADMIN, "The Twilio account cannot send attachments."),
    row(21623, Content, MEDIA, "The message has more attachments than Twilio allows."),
    row(21624, Configuration, ADMIN, "The validity of the text is not a value that Twilio accepts."),
    row(21626, Configuration, ADMIN, "Twilio does not accept the settings of the delivery reports."),
    row(21627, Configuration, ADMIN, "The highest price for the text is not a number."),
    row(21628, Configuration, REGISTER, "Twilio could not validate the address of the business."),
    row(21629, Configuration, REGISTER, "Twilio suggests another address of the business."),
    row(21631, Configuration, REGISTER, "The sender number requires an address at Twilio."),
    row(21635, Address, NUMBER, "The number is a landline, which cannot receive texts."),
    row(21649, Configuration, REGISTER, "The sender number requires a regulatory bundle at Twilio."),
    row(21650, Configuration, REGISTER, "The sender number requires a verified identity document at Twilio."),
    row(21651, Configuration, REGISTER, "A document of the sender number does not satisfy the regulation."),
    row(21652, Content, WORDS, "The subject is longer than 40 characters."),
    row(21653, Address, NUMBER, "The text has more receivers than Twilio allows."),
    row(21654, Configuration, TEMPLATE, "The request names no content template."),
    row(21655, Configuration, TEMPLATE, "The content template is not valid."),
    row(21656, Configuration, TEMPLATE, "The variables of the content template are not valid."),
    row(21657, Configuration, SENDER, "The sender name is not valid."),
    row(21658, Content, WORDS, "A part of the message is longer than Twilio allows."),
    row(
        21659,
        Configuration,
        SENDER,
        "The sender is not a number of Twilio, or its short code is of another country.",
    ),
    row(21660, Configuration, SENDER, "The sender number belongs to another Twilio account."),
    row(21661, Configuration, SENDER, "The sender number cannot send texts."),
    row(
        21662,
        Configuration,
        SENDER,
        "This sender and receiver cannot be used together in the Ireland region of Twilio.",
    ),
    row(21663, Configuration, ADMIN, "The routing of the sender number is not configured correctly."),
    row(21664, Configuration, ADMIN, "A fallback sender cannot be combined with this sender."),
    row(21665, Configuration, ADMIN, "The fallback sender is not valid."),
    row(21666, Configuration, ADMIN, "A fallback sender requires a messaging service."),
    row(21667, Configuration, ADMIN, "The fallback requires a messaging service with an RCS sender."),
    row(
        21668,
        Configuration,
        SENDER,
        "The type of the sender number is not supported in the Ireland region of Twilio.",
    ),
    row(21701, Configuration, ADMIN, "The messaging service at Twilio does not exist."),
    row(21702, Configuration, ADMIN, "The messaging service at Twilio cannot send at present."),
    row(
        21703,
        Configuration,
        ADMIN,
        "The messaging service at Twilio has no number available for this text.",
    ),
    row(21704, Configuration, ADMIN, "The messaging service at Twilio has no numbers."),
    row(21705, Configuration, ADMIN, "The messaging service at Twilio is not valid."),
    row(21708, Configuration, ADMIN, "The request names no sender name."),
    row(
        21709,
        Configuration,
        SENDER,
        "The sender name is not valid or not allowed for the messaging service.",
    ),
    row(21711, Configuration, ADMIN, "The sender does not belong to the messaging service."),
    row(21712, Configuration, ADMIN, "The sender number belongs to another messaging service."),
    row(21713, Configuration, ADMIN, "The use case of the messaging service is not valid."),
    row(21715, Configuration, SENDER, "The sender number lacks a capability of the messaging service."),
    row(21717, Configuration, REGISTER, "The brand of the campaign is not registered."),
    row(21719, Configuration, REGISTER, "The messaging service does not fit the registered use case."),
    row(21720, Configuration, REGISTER, "The registered use case is not valid."),
    row(21729, Configuration, REGISTER, "The campaign of the sender number is suspended."),
    row(21730, Transient, WAIT, "Twilio was under maintenance."),
    row(21731, Configuration, REGISTER, "The brand of the sender number is suspended."),
    row(21900, Configuration, REGISTER, "The entity id that India requires is not valid."),
    row(21901, Configuration, REGISTER, "The template id that India requires is not valid."),
    row(21902, Configuration, ADMIN, "The invoice tag is too long."),
    row(21910, Configuration, SENDER, "Sender and receiver are addresses of different channels."),
    row(30001, Throttle, WAIT, "The queue of the sender at Twilio was full."),
    row(30002, Configuration, ADMIN, "The Twilio account is suspended."),
    row(30003, Transient, WAIT, "The phone could not be reached, perhaps because it was switched off."),
    row(30004, Address, NUMBER, "The number is blocked and does not receive this text."),
    row(30005, Address, NUMBER, "The number is unknown or no longer exists."),
    row(30006, Address, NUMBER, "The number is a landline, or its carrier cannot be reached."),
    row(30007, Content, WORDS, "The carrier filtered the text as unwanted."),
    row(30008, Transient, WAIT, "The carrier gave no reason."),
    row(30009, Content, WORDS, "A part of a text from the client was lost."),
    row(30010, Configuration, ADMIN, "The text costs more than the price limit allows."),
    row(30011, Content, MEDIA, "The client's number does not receive attachments."),
    row(30012, Configuration, ADMIN, "The validity of the text is too short."),
    row(30013, Configuration, ADMIN, "The validity of the text is too long."),
    row(30014, Address, NUMBER, "The receiver of the text is not valid."),
    row(30015, Configuration, ADMIN, "The channel of the message is not supported."),
    row(30016, Configuration, SENDER, "Sender and receiver are addresses of different channels."),
    row(30017, Transient, WAIT, "The carrier's network was congested."),
    row(30018, Configuration, REGISTER, "The carrier requires a sender that is registered beforehand."),
    row(30019, Content, MEDIA, "The attachments are larger than the carrier allows."),
    row(30020, Transient, WAIT, "Twilio failed to schedule the text."),
    row(30021, Transient, WAIT, "The messaging service of Twilio had an internal failure."),
    row(30022, Throttle, WAIT, "The sender's registered rate was used up."),
    row(
        30023,
        Throttle,
        WAIT,
        "The sender's daily limit at the carrier is used up until midnight Pacific time.",
    ),
    row(30024, Configuration, REGISTER, "The sender number is not set up at the carrier."),
    row(30025, Configuration, ADMIN, "Half of the daily limit at T-Mobile is used up."),
    row(30026, Configuration, ADMIN, "Most of the daily limit at T-Mobile is used up."),
    row(30027, Throttle, WAIT, "The daily limit at T-Mobile is used up until midnight Pacific time."),
    row(30028, Configuration, ADMIN, "The request uses a version of the API that Twilio does not have."),
    row(30029, Configuration, ADMIN, "The setting for keeping the content is not valid."),
    row(30030, Configuration, ADMIN, "The setting for keeping the address is not valid."),
    row(30031, Configuration, ADMIN, "The highest rate of the request is not valid."),
    row(30032, Configuration, REGISTER, "The toll-free sender number is not verified."),
    row(30033, Configuration, REGISTER, "The A2P campaign of the sender number is suspended."),
    row(
        30034,
        Configuration,
        REGISTER,
        "The sender number is not registered for texts to the United States (A2P 10DLC).",
    ),
    row(30035, Configuration, REGISTER, "The registration of the sender number is still in progress."),
    row(30036, Expiry, RESEND, "The text was not delivered within its validity."),
    row(30037, Configuration, SUPPORT, "Sending is disabled for the Twilio account."),
    row(30038, Content, WORDS, "The text was filtered because it holds a one-time password."),
    row(30039, Content, WORDS, "The text was filtered because it looks like a loop of automatic replies."),
    row(30040, Configuration, REGISTER, "The carrier requires a registered sender."),
    row(
        30041,
        Configuration,
        REGISTER,
        "The sender is restricted or not registered in a country that requires it.",
    ),
    row(30042, Configuration, SENDER, "The sender name is too general or not allowed for the account."),
    row(
        30043,
        Configuration,
        SENDER,
        "The carrier took the text for an international one on a domestic route.",
    ),
    row(30044, Configuration, TRIAL, "The text is longer than a trial account at Twilio allows."),
    row(30045, Configuration, ADMIN, "The validity of the text is outside the allowed range."),
    row(30046, Ambiguous, ASK, "The delivery of the message was not confirmed."),
    row(30100, Configuration, ADMIN, "The domain for short links is not valid."),
    row(30101, Configuration, ADMIN, "The domain for short links is not verified."),
    row(30102, Configuration, ADMIN, "The certificate of the domain for short links has expired."),
    row(30103, Configuration, ADMIN, "Twilio failed to shorten the links of the text."),
    row(30106, Configuration, ADMIN, "The domain for short links is not set up for the account."),
    row(30107, Configuration, ADMIN, "The domain for short links has no certificate."),
    row(30108, Configuration, ADMIN, "The Twilio account does not belong to an organization."),
    row(30109, Configuration, ADMIN, "The address for reports about short links is not valid."),
    row(30110, Content, WORDS, "A link in the text leads to a blocked domain."),
    row(30111, Content, WORDS, "A link in the text is on a deny list."),
    row(30139, Content, WORDS, "A link in the text cannot be shortened."),
    row(30400, Configuration, ADMIN, "Twilio refused the parameters of the request."),
    row(30404, Configuration, ADMIN, "Twilio does not know the resource."),
    row(30409, Configuration, ADMIN, "Twilio can no longer cancel the text."),
    row(30410, Ambiguous, ASK, "A provider behind Twilio did not respond in time."),
    row(30450, Configuration, SUPPORT, "Twilio blocked the delivery of the text."),
    row(30453, Configuration, SUPPORT, "Twilio could not deliver the text."),
    row(30454, Configuration, SUPPORT, "The Twilio account has exceeded its message limit."),
    row(35111, Configuration, ADMIN, "The request schedules the text without a time."),
    row(35114, Configuration, ADMIN, "Twilio cannot schedule a text for this time."),
    row(35115, Configuration, ADMIN, "Twilio cannot schedule a text for this time."),
    row(35117, Configuration, ADMIN, "Twilio cannot schedule a text for this time."),
    row(35118, Configuration, ADMIN, "A scheduled text requires a messaging service."),
    row(35125, Configuration, ADMIN, "The Twilio account has too many scheduled texts."),
    row(35126, Configuration, ADMIN, "Twilio cannot schedule texts of this kind."),
    row(63001, Configuration, ADMIN, "The channel refused the credentials."),
    row(63002, Configuration, SENDER, "The channel does not know the sender."),
    row(63003, Address, NUMBER, "The channel does not know the receiver."),
    row(63005, Content, WORDS, "The channel did not accept the content."),
    row(63006, Content, WORDS, "The content does not fit the channel."),
    row(63007, Configuration, SENDER, "Twilio knows no channel with this sender."),
    row(63008, Configuration, ADMIN, "The channel is not configured correctly at Twilio."),
    row(63009, Transient, WAIT, "The provider of the channel had an internal error."),
    row(63010, Transient, WAIT, "Twilio had an internal error."),
    row(63011, Configuration, ADMIN, "Twilio could not process the request."),
    row(63012, Transient, WAIT, "The provider of the channel had an internal error."),
    row(63013, Content, WORDS, "The content violates a policy of the channel."),
    row(63014, Consent, START, "The client has blocked messages from the sender."),
    row(63015, Address, NUMBER, "The receiver has not joined the sandbox of the channel."),
    row(
        63016,
        Content,
        WORDS,
        "The time for free messages to this client is over, and the message is not a template.",
    ),
    row(63017, Throttle, WAIT, "The account sent messages too fast."),
    row(63018, Throttle, WAIT, "The account sent messages too fast for the channel."),
    row(63019, Content, MEDIA, "An attachment could not be downloaded."),
    row(63020, Configuration, ADMIN, "Meta reports an error of the business account."),
    row(63021, Content, WORDS, "The content is not valid in the channel."),
    row(63022, Configuration, ADMIN, "The certificate of the sender's name is not valid."),
    row(63023, Configuration, ADMIN, "The channel reported an error without a reason."),
    row(63024, Address, NUMBER, "The receiver is not valid in the channel."),
    row(63025, Content, MEDIA, "An attachment exists already in the channel."),
    row(63026, Content, WORDS, "The channel flagged the content as unwanted."),
    row(63027, Configuration, TEMPLATE, "The template does not exist in this language."),
    row(63028, Configuration, TEMPLATE, "The template was given the wrong number of values."),
    row(63029, Configuration, TEMPLATE, "The receiver could not load the template."),
    row(63030, Configuration, ADMIN, "A parameter is not supported for this kind of message."),
    row(63031, Address, NUMBER, "Sender and receiver are the same address."),
    row(63032, Address, NUMBER, "WhatsApp does not allow this message to this user."),
    row(63033, Consent, START, "The client has opted out of messages."),
    row(63034, Content, MEDIA, "An attachment is larger than the channel allows."),
    row(63035, Configuration, ADMIN, "The RCS sender is not launched for this receiver."),
    row(63036, Address, NUMBER, "The number cannot be reached by RCS."),
    row(63037, Content, MEDIA, "An attachment could not be handed to the channel."),
    row(63038, Configuration, DAY, "The Twilio account has reached its daily limit of messages."),
    row(63039, Throttle, WAIT, "Meta asks the page to send fewer messages."),
    row(63040, Configuration, TEMPLATE, "The template was rejected."),
    row(63041, Configuration, TEMPLATE, "The template is paused."),
    row(63042, Configuration, TEMPLATE, "The template is disabled."),
    row(63049, Configuration, ADMIN, "Meta chose not to deliver this marketing message."),
    row(63051, Configuration, ADMIN, "The WhatsApp business account is locked."),
    row(63052, Configuration, TEMPLATE, "The template is of an old kind."),
    row(63111, Configuration, SENDER, "The channel does not know the sender's number or account."),
    row(63112, Configuration, ADMIN, "Meta has disabled the sender's account."),
    row(90001, Configuration, ADMIN, "The id of the message is not valid."),
    row(90007, Configuration, ADMIN, "The validity of the text is not a value that Twilio accepts."),
    row(90010, Configuration, ADMIN, "The Twilio account is not active."),
    row(90014, Configuration, ADMIN, "The validity of the text is not a whole number."),
    row(92005, Configuration, TEMPLATE, "The request names no content template."),
    row(92006, Configuration, TEMPLATE, "The content template is not valid."),
    row(92007, Configuration, TEMPLATE, "The variables of the content template are not valid."),
    row(92008, Configuration, TEMPLATE, "The type of the content is not supported."),
    row(572005, Configuration, TRIAL, "The trial account at Twilio has not finished verifying the number."),
];

const fn range(
    first: u32,
    last: u32,
    class: ErrorClass,
    advice: &'static str,
    reason: &'static str,
) -> (u32, u32, Meaning) {
    (first, last, Meaning { class, reason, advice })
}

/// What a code that has no row means, by the range that Twilio numbers it in: the first that holds it.
pub(super) const RANGES: &[(u32, u32, Meaning)] = &[
    range(14100, 14199, Content, WORDS, "Twilio could not use the text or its attachments."),
    range(20100, 20199, Configuration, ADMIN, "Twilio refused the credentials."),
    range(20500, 20599, Transient, WAIT, "Twilio had trouble of its own."),
    range(20000, 20999, Configuration, ADMIN, "Twilio refused the request or the account."),
    range(21260, 21269, Address, NUMBER, "Twilio does not send to this number."),
    range(21200, 21599, Configuration, ADMIN, "Twilio refused a number or a setting of the request."),
    range(21600, 21699, Configuration, SENDER, "Twilio refused the sender or a setting of the text."),
    range(21700, 21999, Configuration, ADMIN, "The messaging service or its registration is not in order."),
    range(30001, 30099, Configuration, SENDER, "The text was not delivered."),
    range(30100, 30199, Configuration, ADMIN, "The short links of the Twilio account are not in order."),
    range(30200, 30999, Configuration, REGISTER, "The registration of the sender is not in order."),
    range(63000, 63999, Configuration, ADMIN, "The channel refused the message."),
];

/// What any other code means.
pub(super) const OTHER: Meaning =
    Meaning { class: Configuration, reason: "Twilio refused it.", advice: ADMIN };
