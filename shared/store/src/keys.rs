//! Every key of the table. No other file builds one.
//!
//! Numbers inside keys are zero-padded to 16 digits, so text order is numeric order. The business is part of every
//! partition but the global look-ups (credential, our number, a provider's message id) and the due index, which only
//! our own sweeper reads. `docs/access-patterns.md` says who reads what; a test here prints the whole map.

use domain::access::Bucket;
use domain::address::Address;
use domain::channel::{Channel, Provider};
use domain::delivered::{LONGEST_ID, shortened};
use domain::email::Email;
use domain::id::MessageRef;
use domain::inbox::Cell;
use domain::phone::Phone;
use domain::standing::ConversationStatus;
use domain::{BusinessId, ClientId, EntryId, LocationId, MessageId, RequestId, StaffId, Timestamp};

/// Where an item is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Partition.
    pub pk: String,
    /// Place in the partition.
    pub sk: String,
}

/// Attribute names of the table's key and of its indexes.
pub mod attribute {
    /// Partition key of the table.
    pub const PK: &str = "pk";
    /// Sort key of the table.
    pub const SK: &str = "sk";
    /// Conversations by status, newest activity first, and what is due. Its sort key is that of every list by activity.
    pub const GSI1: (&str, &str, &str) = ("gsi1", "gsi1pk", "gsi1sk");
    /// Conversations by assignee. Only those that have one.
    pub const GSI2: (&str, &str, &str) = ("gsi2", "gsi2pk", "gsi1sk");
    /// Conversations with something unread.
    pub const GSI3: (&str, &str, &str) = ("gsi3", "gsi3pk", "gsi1sk");
    /// Conversations with something flagged.
    pub const GSI4: (&str, &str, &str) = ("gsi4", "gsi4pk", "gsi1sk");
    /// Every conversation.
    pub const GSI5: (&str, &str, &str) = ("gsi5", "gsi5pk", "gsi1sk");
    /// Every client, by the last change of directory entry or conversation, and every client who is gone, by when they went.
    pub const GSI6: (&str, &str, &str) = ("gsi6", "gsi6pk", "gsi6sk");
    /// Every client, by name, every business, by id, and every message that changed by itself, by when it did.
    pub const GSI7: (&str, &str, &str) = ("gsi7", "gsi7pk", "gsi7sk");
}

/// In how many partitions the due index is spread: each message is written there some four times, and a partition
/// takes 1 000 writes a second.
pub const DUE_SHARDS: u64 = 8;

/// In how many partitions a business's messages stand that changed by themselves: each text is written there some four
/// times.
pub const REPORTED_PARTS: u64 = 4;

fn key(pk: impl Into<String>, sk: impl Into<String>) -> Key {
    Key { pk: pk.into(), sk: sk.into() }
}

fn business_pk(business: BusinessId) -> String {
    format!("BIZ#{}", business.key())
}

/// The partition of everything that belongs to one client.
fn client_pk(business: BusinessId, client: ClientId) -> String {
    format!("BIZ#{}#CLIENT#{}", business.key(), client.key())
}

/// A key that never exists.
pub fn ping() -> Key {
    key("PING", "PING")
}

/// A business.
pub fn business(business: BusinessId) -> Key {
    key(business_pk(business), "BIZ")
}

/// A client: what the directory knows of them, and the head of their conversation. Sorts directly after the
/// conversation's messages, so that one query backwards reads both.
pub fn profile(business: BusinessId, client: ClientId) -> Key {
    key(client_pk(business, client), "PROFILE")
}

/// When a snoozed conversation comes back.
pub fn snooze(business: BusinessId, client: ClientId) -> Key {
    key(client_pk(business, client), "SNOOZE")
}

/// A stranger's messages are going over to the client whom the directory named.
pub fn merge(business: BusinessId, stranger: ClientId) -> Key {
    key(client_pk(business, stranger), "MERGE")
}

/// A client is being forgotten.
pub fn erasure(business: BusinessId, client: ClientId) -> Key {
    key(client_pk(business, client), "ERASURE")
}

/// The mark that a client id is no client any more. Outside the client's partition, which an erasure empties.
pub fn tombstone(business: BusinessId, client: ClientId) -> Key {
    key(format!("BIZ#{}#TOMBSTONE#{}", business.key(), client.key()), "TOMBSTONE")
}

/// One line of a conversation's history.
pub fn history(business: BusinessId, client: ClientId, event: EntryId) -> Key {
    key(client_pk(business, client), format!("{HISTORY}{}", event.key()))
}

/// What the keys of all lines of a history begin with.
pub const HISTORY: &str = "HISTORY#";

/// What the keys of all messages and notes of a conversation begin with.
pub const MESSAGES: &str = "MSG#";

/// A member of the staff.
pub fn staff(business: BusinessId, staff: StaffId) -> Key {
    key(business_pk(business), format!("STAFF#{}", staff.key()))
}

/// A location.
pub fn location(business: BusinessId, location: LocationId) -> Key {
    key(business_pk(business), format!("LOC#{}", location.key()))
}

/// From where to where a partition holds one kind of item, or several kinds that are neighbours.
pub mod span {
    /// Events of all messages of a client.
    pub const EVENTS: (&str, &str) = ("EVENT#", "EVENT#~");
    /// A client's history.
    pub const HISTORY: (&str, &str) = ("HISTORY#", "HISTORY#~");
    /// Messages and notes of a client.
    pub const MESSAGES: (&str, &str) = ("MSG#", "MSG#~");
    /// What is kept aside for a number or a mailbox.
    pub const LOST: (&str, &str) = ("LOST#", "LOST#~");
    /// All of a partition.
    pub const EVERYTHING: (&str, &str) = ("!", "~");
    /// Counts of the first part.
    pub const COUNTS: (&str, &str) = ("COUNT#", "COUNT#~");
    /// Locations.
    pub const LOCATIONS: (&str, &str) = ("LOC#", "LOC#~");
    /// Staff.
    pub const STAFF: (&str, &str) = ("STAFF#", "STAFF#~");
    /// Counts of the first part, locations and staff: what a list needs beside its rows.
    pub const COUNTS_TO_STAFF: (&str, &str) = ("COUNT#", "STAFF#~");
}

/// The partition of the counts of one part of a business's lists. The first is the business's own, so that a list reads
/// them together with the staff.
pub fn counts_pk(business: BusinessId, shard: u8) -> String {
    match shard {
        0 => business_pk(business),
        shard => format!("{}#COUNT#{shard:02}", business_pk(business)),
    }
}

/// How many clients are counted in one cell.
pub fn count(business: BusinessId, shard: u8, cell: &Cell) -> Key {
    key(counts_pk(business, shard), format!("COUNT#C#{cell}"))
}

/// One client that went from cell to cell and is not yet part of the sums.
pub fn recount(business: BusinessId, shard: u8, unique: u128) -> Key {
    key(counts_pk(business, shard), format!("COUNT#D#{unique:032x}"))
}

/// One way to find a client: see [`find_pk`].
pub fn find(business: BusinessId, term: &str, client: ClientId) -> Key {
    key(find_pk(business), format!("{term}#{}", client.key()))
}

/// From where to where the words of a business lead to clients by exactly this term.
pub fn find_exactly(term: &str) -> (String, String) {
    (format!("{term}#"), format!("{term}#~"))
}

/// From where to where the words of a business begin with this.
pub fn find_beginning(term: &str) -> (String, String) {
    (term.to_owned(), format!("{term}\u{10FFFF}"))
}

/// What stands between the beginning of a word and the client whom it leads to.
pub fn found_in<'a>(beginning: &str, sk: &'a str) -> Option<&'a str> {
    sk.strip_prefix(beginning)?.rsplit_once('#').map(|(word, _)| word)
}

/// The partition of all words that clients of a business are found by.
pub fn find_pk(business: BusinessId) -> String {
    format!("{}#FIND", business_pk(business))
}

/// A message.
pub fn message(at: MessageRef) -> Key {
    key(client_pk(at.business, at.client), format!("{MESSAGES}{}", at.message.key()))
}

/// One line of a message's timeline. `identity` is what makes a repeated report the same one. A provider chooses parts of
/// it, so it may be too long for a key.
pub fn event(at: MessageRef, identity: &str) -> Key {
    let identity = shortened(identity, LONGEST_ID);
    key(client_pk(at.business, at.client), format!("{}{identity}", event_prefix(at.message)))
}

/// What the keys of all events of a message begin with.
pub fn event_prefix(message: MessageId) -> String {
    format!("EVENT#{}#", message.key())
}

/// From where to where a client's partition holds the events of messages up to this one.
pub fn events_until(message: MessageId) -> (String, String) {
    (span::EVENTS.0.to_owned(), format!("{}~", event_prefix(message)))
}

/// The message and the identity that an event's place is made of.
pub fn event_of(sk: &str) -> Option<(MessageId, &str)> {
    let (message, identity) = sk.strip_prefix(span::EVENTS.0)?.split_once('#')?;
    Some((MessageId::new(message.parse().ok()?)?, identity))
}

/// From a message id to its client. Also what makes message ids unique in a business.
pub fn message_pointer(business: BusinessId, message: MessageId) -> Key {
    key(format!("BIZ#{}#MSG#{}", business.key(), message.key()), "MSG")
}

/// From another system's id of a recorded message to ours: the same one is recorded once.
pub fn external(business: BusinessId, channel: Channel, id: u64) -> Key {
    key(format!("BIZ#{}#EXT#{}#{id:016}", business.key(), channel.as_str()), "EXT")
}

/// From an address to the client it belongs to.
pub fn address(business: BusinessId, address: &Address) -> Key {
    key(format!("BIZ#{}#ADDR#{}#{}", business.key(), address.kind(), address.key()), "ADDR")
}

/// From an address that a mail names, and doesn't prove, to the client whom omega made for such mail.
pub fn unproven_sender(business: BusinessId, address: &Address) -> Key {
    key(format!("BIZ#{}#UNPROVEN#{}#{}", business.key(), address.kind(), address.key()), "UNPROVEN")
}

/// How often an address was texted and called within a clock hour. `address_hash` is a keyed hash of it.
pub fn texted_in_hour(business: BusinessId, address_hash: &str, hour: i64) -> Key {
    key(format!("BIZ#{}#HOUR#{address_hash}", business.key()), format!("HOUR#{hour}"))
}

/// One message of a request, by its place in the call. One item each, because the messages of a call are stored
/// concurrently and one shared item would make their transactions collide.
pub fn request_message(business: BusinessId, request: RequestId, index: usize) -> Key {
    key(format!("BIZ#{}#REQ#{request}", business.key()), format!("REQ#{index:04}"))
}

/// The record of an idempotent call. `scope` is the business, or nothing for the platform's calls.
pub fn idempotency(scope: Option<BusinessId>, hash: &str) -> Key {
    match scope {
        Some(business) => key(format!("BIZ#{}#IDEM#{hash}", business.key()), "IDEM"),
        None => key(format!("PLATFORM#IDEM#{hash}"), "IDEM"),
    }
}

/// Whether somebody opted out of a business's texts. `address_hash` is a keyed hash of their address.
pub fn opt_out(business: BusinessId, address_hash: &str) -> Key {
    key(format!("BIZ#{}#OPTOUT#{address_hash}", business.key()), "sms")
}

/// Whether mail to an address is suppressed. `address_hash` is a keyed hash of it.
pub fn suppression(business: BusinessId, address_hash: &str) -> Key {
    key(format!("BIZ#{}#OPTOUT#{address_hash}", business.key()), "email")
}

/// Objects of a message that is not there any more, which are to be removed.
pub fn discarded(business: BusinessId, message: MessageId) -> Key {
    key(format!("BIZ#{}#DISCARDED#{}", business.key(), message.key()), "DISCARDED")
}

/// From one of our mailboxes to the business it belongs to.
pub fn mailbox(email: &Email) -> Key {
    key(mailbox_pk(email), "MAILBOX")
}

/// From a domain that mail is sent from to the business that claims it.
pub fn mail_domain(domain: &str) -> Key {
    key(format!("MAILDOMAIN#{}", domain.to_lowercase()), "MAILDOMAIN")
}

/// A mail to a mailbox that belongs to nobody: kept until the mailbox is somebody's, or its time is over. `digest` is of the
/// mail.
pub fn quarantined_email(mailbox: &Email, digest: &str) -> Key {
    key(mailbox_pk(mailbox), format!("{}{digest}", span::LOST.0))
}

/// What came as mail and is none, or names no receiver: kept for a person to look at.
pub fn unreadable_email(digest: &str) -> Key {
    key(format!("MAILBOX#LOST#{digest}"), "LOST")
}

/// The partition of a mailbox: whom it leads to, and what is kept aside for it.
pub fn mailbox_pk(mailbox: &Email) -> String {
    format!("MAILBOX#{}", mailbox.key())
}

/// From one of our numbers to the business it belongs to.
pub fn number(phone: &Phone) -> Key {
    number_of(&Address::Phone(phone.clone()))
}

/// The same, of an address of ours as a provider delivered it. Only a number leads anywhere today.
pub fn number_of(address: &Address) -> Key {
    key(number_pk(address), "NUM")
}

/// The partition of one of our numbers: whom it leads to, and what is kept aside for it.
pub fn number_pk(address: &Address) -> String {
    format!("NUM#{}", address.key())
}

/// A text to a number that belongs to nobody: kept until the number is somebody's, or its time is over.
pub fn quarantined(to: &Address, provider_id: &str) -> Key {
    key(number_pk(to), format!("{}{}", span::LOST.0, shortened(provider_id, LONGEST_ID)))
}

/// From a provider's message id to our message. A provider chooses the id, so it may be too long for a key.
pub fn provider_message(provider: Provider, id: &str) -> Key {
    key(format!("SID#{}#{}", provider.as_str(), shortened(id, LONGEST_ID)), "SID")
}

/// A token that a provider signed instead of the body of its request. A provider chooses the token, so it may be too long
/// for a key.
pub fn signed_token(provider: Provider, token: &str) -> Key {
    key(format!("TOKEN#{}#{}", provider.as_str(), shortened(token, LONGEST_ID)), "TOKEN")
}

/// A credential, under the hash of its secret.
pub fn credential(hash: &str) -> Key {
    key(format!("KEY#{hash}"), "KEY")
}

/// Where the requests of a bucket are counted. A key's are in its own item, which says when it was last used.
pub fn bucket(bucket: &Bucket) -> Key {
    match bucket {
        Bucket::Key(hash) => credential(hash),
        Bucket::Member(business, staff) => {
            key(format!("{}#REQUESTS#{}", business_pk(*business), staff.key()), "REQUESTS")
        }
        Bucket::Business(business) => key(format!("{}#REQUESTS", business_pk(*business)), "REQUESTS"),
    }
}

/// The keys of a business's programs, all in one item: how many work is a condition on it.
pub fn api_keys(business: BusinessId) -> Key {
    key(business_pk(business), "APIKEYS")
}

/// From a session's id to the hash it is kept under.
pub fn session(business: BusinessId, session_id: &str) -> Key {
    key(format!("{}#SESSION#{session_id}", business_pk(business)), "SESSION")
}

/// One part of the conversations of one status.
pub fn inbox(business: BusinessId, status: ConversationStatus, shard: u8) -> String {
    format!("{}#INBOX#{}#{shard:02}", business_pk(business), status.as_str())
}

/// The conversations of one assignee.
pub fn assigned(business: BusinessId, staff: StaffId) -> String {
    format!("{}#STAFF#{}", business_pk(business), staff.key())
}

/// One part of the conversations with something unread.
pub fn unread(business: BusinessId, shard: u8) -> String {
    format!("{}#UNREAD#{shard:02}", business_pk(business))
}

/// One part of the conversations with something flagged.
pub fn flagged(business: BusinessId, shard: u8) -> String {
    format!("{}#FLAGGED#{shard:02}", business_pk(business))
}

/// One part of all conversations.
pub fn everything(business: BusinessId, shard: u8) -> String {
    format!("{}#ALL#{shard:02}", business_pk(business))
}

/// One part of all clients, by their last change.
pub fn changed(business: BusinessId, shard: u8) -> String {
    format!("{}#CHANGED#{shard:02}", business_pk(business))
}

/// The clients of a business who are gone, by when they went.
pub fn gone(business: BusinessId) -> String {
    format!("{}#GONE", business_pk(business))
}

/// Place of a client among those who are gone. Of equal times it is before the place of every client who is there: a new
/// client under the id of an erased one comes after the erased one.
pub fn gone_at(at: Timestamp, client: ClientId) -> String {
    format!("{at}!{}", client.key())
}

/// The part that a client's messages stand in when they change by themselves.
pub fn reported_part(client: ClientId) -> u64 {
    client.get() % REPORTED_PARTS
}

/// One part of the messages of a business that changed by themselves: by a report of their delivery, or a step of it.
pub fn reported(business: BusinessId, part: u64) -> String {
    format!("{}#REPORTED#{part}", business_pk(business))
}

/// Place of a message in the list of those that changed by themselves.
pub fn reported_at(at: Timestamp, message: MessageRef) -> String {
    format!("{at}#{}#{}", message.client.key(), message.message.key())
}

/// When a message changed that stands at a place in that list.
pub fn reported_when(place: &str) -> Option<Timestamp> {
    place.split_once('#').and_then(|(at, _)| Timestamp::parse(at))
}

/// Place of a conversation in a list by activity.
pub fn activity(at: Timestamp, client: ClientId) -> String {
    format!("{at}#{}", client.key())
}

/// All businesses.
pub fn businesses() -> &'static str {
    "BUSINESSES"
}

/// Clients of a business, by name.
pub fn names(business: BusinessId) -> String {
    format!("BIZ#{}#NAMES", business.key())
}

/// Place of a client in the list by name: its first hundred characters, because an index takes keys of 1024 bytes.
pub fn name(folded: &str, client: ClientId) -> String {
    let begins: String = folded.chars().take(100).collect();
    format!("{begins}#{}", client.key())
}

/// The part of the due index that something with this number is in.
pub fn due_shard(number: u64) -> u64 {
    number % DUE_SHARDS
}

/// A partition of the due index.
pub fn due(shard: u64) -> String {
    format!("DUE#{shard:02}")
}

/// A partition of the due index that holds nothing but counting: a burst of it keeps no message waiting.
pub fn due_counts(shard: u64) -> String {
    format!("DUE#COUNT#{shard:02}")
}

/// Place of a message in the due index.
pub fn due_at(at: Timestamp, message: MessageRef) -> String {
    format!("{at}#{}#{}", message.business.key(), message.message.key())
}

/// Place of something else in the due index.
pub fn due_number(at: Timestamp, business: BusinessId, number: impl std::fmt::Display) -> String {
    format!("{at}#{}#{number}", business.key())
}

/// The end of everything due up to `at`, itself included.
pub fn due_until(at: Timestamp) -> String {
    format!("{at}#~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::phone::Country;

    /// A change here is a migration of every table that exists.
    #[test]
    fn the_map_of_keys_is_what_the_documentation_shows() {
        let b = BusinessId::new(1001).unwrap();
        let c = ClientId::new(501).unwrap();
        let m = MessageId::new(370_000_000_000_001).unwrap();
        let at = MessageRef { business: b, client: c, message: m };
        let r = RequestId("6f9619ff-8b86-4d01-b42d-00cf4fc964ff".parse().unwrap());
        let phone = Phone::from_e164("+14155550101").unwrap();
        let address = Address::parse_sms("+14155550101", Country::default()).unwrap();
        let email = Email::parse("Ada@example.com").unwrap();
        let noon = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let cell = Cell::parse("client:-:open:12:u:-:sms").unwrap();
        let s = StaffId::new(12).unwrap();
        let open = ConversationStatus::Open;
        let map = [
            business(b),
            staff(b, s),
            location(b, LocationId::new(3).unwrap()),
            count(b, 0, &cell),
            count(b, 7, &cell),
            recount(b, 0, 10),
            profile(b, c),
            snooze(b, c),
            merge(b, c),
            erasure(b, c),
            tombstone(b, c),
            history(b, c, EntryId::new(7).unwrap()),
            message(at),
            event(at, "provider#0001#SM1#sent#-"),
            message_pointer(b, m),
            external(b, Channel::Sms, 9),
            super::address(b, &address),
            unproven_sender(b, &Address::Email(email.clone())),
            find(b, "name#ada", c),
            request_message(b, r, 3),
            idempotency(Some(b), "h"),
            idempotency(None, "h"),
            opt_out(b, "h"),
            texted_in_hour(b, "h", 491_388),
            number(&phone),
            quarantined(&address, "SM1"),
            super::address(b, &Address::Email(email.clone())),
            suppression(b, "h"),
            mailbox(&email),
            mail_domain(email.domain()),
            quarantined_email(&email, "d"),
            unreadable_email("d"),
            discarded(b, m),
            provider_message(Provider::Twilio, "SM1"),
            signed_token(Provider::Mailgun, "a8ce0e"),
            credential("h"),
            super::bucket(&Bucket::Member(b, StaffId::new(12).unwrap())),
            super::bucket(&Bucket::Business(b)),
            api_keys(b),
            session(b, "0011223344556677"),
            key(inbox(b, open, 0), activity(noon, c)),
            key(assigned(b, s), activity(noon, c)),
            key(unread(b, 0), activity(noon, c)),
            key(flagged(b, 0), activity(noon, c)),
            key(everything(b, 63), activity(noon, c)),
            key(changed(b, 0), activity(noon, c)),
            key(gone(b), gone_at(noon, c)),
            key(names(b), name("ada", c)),
            key(reported(b, reported_part(c)), reported_at(noon, at)),
            key(businesses(), b.key()),
            key(due(due_shard(m.get())), due_at(noon, at)),
            key(due(due_shard(c.get())), due_number(noon, b, c)),
            key(due_counts(7), due_number(noon, b, "000a")),
        ];
        let shown: Vec<String> = map.iter().map(|key| format!("{} | {}", key.pk, key.sk)).collect();
        assert_eq!(
            shown,
            [
                "BIZ#0000000000001001 | BIZ",
                "BIZ#0000000000001001 | STAFF#0000000000000012",
                "BIZ#0000000000001001 | LOC#0000000000000003",
                "BIZ#0000000000001001 | COUNT#C#client:-:open:12:u:-:sms",
                "BIZ#0000000000001001#COUNT#07 | COUNT#C#client:-:open:12:u:-:sms",
                "BIZ#0000000000001001 | COUNT#D#0000000000000000000000000000000a",
                "BIZ#0000000000001001#CLIENT#0000000000000501 | PROFILE",
                "BIZ#0000000000001001#CLIENT#0000000000000501 | SNOOZE",
                "BIZ#0000000000001001#CLIENT#0000000000000501 | MERGE",
                "BIZ#0000000000001001#CLIENT#0000000000000501 | ERASURE",
                "BIZ#0000000000001001#TOMBSTONE#0000000000000501 | TOMBSTONE",
                "BIZ#0000000000001001#CLIENT#0000000000000501 | HISTORY#0000000000000007",
                "BIZ#0000000000001001#CLIENT#0000000000000501 | MSG#0370000000000001",
                "BIZ#0000000000001001#CLIENT#0000000000000501 | EVENT#0370000000000001#provider#0001#SM1#sent#-",
                "BIZ#0000000000001001#MSG#0370000000000001 | MSG",
                "BIZ#0000000000001001#EXT#sms#0000000000000009 | EXT",
                "BIZ#0000000000001001#ADDR#sms#+14155550101 | ADDR",
                "BIZ#0000000000001001#UNPROVEN#email#ada@example.com | UNPROVEN",
                "BIZ#0000000000001001#FIND | name#ada#0000000000000501",
                "BIZ#0000000000001001#REQ#6f9619ff-8b86-4d01-b42d-00cf4fc964ff | REQ#0003",
                "BIZ#0000000000001001#IDEM#h | IDEM",
                "PLATFORM#IDEM#h | IDEM",
                "BIZ#0000000000001001#OPTOUT#h | sms",
                "BIZ#0000000000001001#HOUR#h | HOUR#491388",
                "NUM#+14155550101 | NUM",
                "NUM#+14155550101 | LOST#SM1",
                "BIZ#0000000000001001#ADDR#email#ada@example.com | ADDR",
                "BIZ#0000000000001001#OPTOUT#h | email",
                "MAILBOX#ada@example.com | MAILBOX",
                "MAILDOMAIN#example.com | MAILDOMAIN",
                "MAILBOX#ada@example.com | LOST#d",
                "MAILBOX#LOST#d | LOST",
                "BIZ#0000000000001001#DISCARDED#0370000000000001 | DISCARDED",
                "SID#twilio#SM1 | SID",
                "TOKEN#mailgun#a8ce0e | TOKEN",
                "KEY#h | KEY",
                "BIZ#0000000000001001#REQUESTS#0000000000000012 | REQUESTS",
                "BIZ#0000000000001001#REQUESTS | REQUESTS",
                "BIZ#0000000000001001 | APIKEYS",
                "BIZ#0000000000001001#SESSION#0011223344556677 | SESSION",
                "BIZ#0000000000001001#INBOX#open#00 | 2026-01-31T12:00:00.000Z#0000000000000501",
                "BIZ#0000000000001001#STAFF#0000000000000012 | 2026-01-31T12:00:00.000Z#0000000000000501",
                "BIZ#0000000000001001#UNREAD#00 | 2026-01-31T12:00:00.000Z#0000000000000501",
                "BIZ#0000000000001001#FLAGGED#00 | 2026-01-31T12:00:00.000Z#0000000000000501",
                "BIZ#0000000000001001#ALL#63 | 2026-01-31T12:00:00.000Z#0000000000000501",
                "BIZ#0000000000001001#CHANGED#00 | 2026-01-31T12:00:00.000Z#0000000000000501",
                "BIZ#0000000000001001#GONE | 2026-01-31T12:00:00.000Z!0000000000000501",
                "BIZ#0000000000001001#NAMES | ada#0000000000000501",
                "BIZ#0000000000001001#REPORTED#1 | 2026-01-31T12:00:00.000Z#0000000000000501#0370000000000001",
                "BUSINESSES | 0000000000001001",
                "DUE#01 | 2026-01-31T12:00:00.000Z#0000000000001001#0370000000000001",
                "DUE#05 | 2026-01-31T12:00:00.000Z#0000000000001001#501",
                "DUE#COUNT#07 | 2026-01-31T12:00:00.000Z#0000000000001001#000a",
            ]
        );
    }

    /// DynamoDB takes partition keys of 2 048 bytes and sort keys of 1 024.
    #[test]
    fn no_delivered_value_makes_a_key_too_long() {
        let (b, c) = (BusinessId::new(u64::MAX >> 11).unwrap(), ClientId::new(u64::MAX >> 11).unwrap());
        let at = MessageRef { business: b, client: c, message: MessageId::new(u64::MAX >> 11).unwrap() };
        for long in ["x".repeat(5_000), "#".repeat(5_000), "\u{10FFFF}".repeat(2_000)] {
            let sender = Address::delivered(&long, Country::default());
            let keys = [
                provider_message(Provider::Postmark, &long),
                signed_token(Provider::Mailgun, &long),
                event(at, &long),
                super::address(b, &sender),
                unproven_sender(b, &sender),
                opt_out(b, &"f".repeat(64)),
                quarantined(&sender, &long),
                number_of(&sender),
            ];
            for key in keys {
                assert!(key.pk.len() <= 2_048 && key.sk.len() <= 1_024, "{} {}", key.pk.len(), key.sk.len());
            }
        }
        let longer = "x".repeat(5_001);
        assert_ne!(
            provider_message(Provider::Twilio, &longer[1..]),
            provider_message(Provider::Twilio, &longer)
        );
    }

    /// Backwards from the profile, the next items are the messages, newest first.
    #[test]
    fn nothing_stands_between_a_profile_and_the_messages() {
        let (b, c) = (BusinessId::new(1).unwrap(), ClientId::new(2).unwrap());
        let profile = profile(b, c).sk;
        assert!(MESSAGES < profile.as_str());
        let others = [
            snooze(b, c).sk,
            merge(b, c).sk,
            erasure(b, c).sk,
            HISTORY.to_owned(),
            span::EVENTS.0.to_owned(),
        ];
        assert!(others.iter().all(|sk| sk.as_str() < MESSAGES || *sk > profile));
    }
}
