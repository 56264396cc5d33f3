//! Clients: one item for what the directory knows of a person and the head of the conversation with them, and the ways
//! to find it: by id, by address, by the words of a search.

use std::collections::{BTreeSet, HashMap};
use std::convert::Infallible;
use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::address::Address;
use domain::channel::Channel;
use domain::client::{Change, Client, ClientChanges, Personal};
use domain::conversation::Conversation;
use domain::email::Email;
use domain::fold::fold;
use domain::inbox::Cell;
use domain::sender::Habits;
use domain::shards::Shards;
use domain::standing::ConversationStatus;
use domain::{BusinessId, ClientId, Error, RequestId, Result, Timestamp};

use crate::counts::kind;
use crate::expression::Write;
use crate::item::{Item, decode, encode, s, stamp, value};
use crate::keys::attribute::{GSI6, GSI7, PK};
use crate::merging::DueMerge;
use crate::messages::Placing;
use crate::{Store, keys};

/// Words of a name that a search can begin at.
const MOST_WORDS: usize = 6;
/// Characters of a word or name that are part of a key.
const LONGEST_TERM: usize = 80;
/// Clients with one number who are looked at: a number that more people share says nothing of any of them.
const MOST_SHARING: usize = 25;
/// The type of what stands in the place of a client who is being forgotten.
pub(crate) const ERASING: &str = "Erasing";

/// A client with their conversation, if there is one.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientView {
    /// What the directory knows.
    pub client: Client,
    /// The head of the conversation.
    pub conversation: Option<Conversation>,
    /// Without a conversation: the head of what was sent to the client or came from them and opened none. Its status
    /// says nothing.
    pub unopened: Option<Conversation>,
}

impl ClientView {
    /// How they are counted.
    pub fn cell(&self) -> Cell {
        Cell {
            client_type: self.client.client_type,
            location: self.client.location_id,
            standing: self.conversation.as_ref().map(Conversation::standing),
        }
    }

    /// What is known of the messages with the client, whether they have a conversation or not.
    pub fn head(&self) -> Option<&Conversation> {
        self.conversation.as_ref().or(self.unopened.as_ref())
    }

    /// What decides from where a text to them leaves.
    fn habits(&self) -> Habits {
        let head = self.head();
        Habits {
            written_to: head.and_then(|head| head.written_to.clone()),
            texted_from: head.and_then(|head| head.texted_from.clone()),
            location_id: self.client.location_id,
        }
    }

    pub(crate) fn out_of(item: Item) -> Result<ClientView> {
        let (mut conversation, mut unopened) = (None, None);
        if item.contains_key("inbox_status") {
            conversation = Some(decode(item.clone())?);
        } else if item.contains_key("messages_count") {
            let mut head = item.clone();
            head.insert("inbox_status".to_owned(), value(&ConversationStatus::Open)?);
            unopened = Some(decode(head)?);
        }
        Ok(ClientView { client: decode(item)?, conversation, unopened })
    }
}

/// What stands under the key of a client.
#[derive(Debug)]
pub(crate) enum Profile {
    /// Them.
    Here(Box<ClientView>),
    /// The directory named them under another id since.
    Moved(ClientId),
    /// Nobody any more: what is left of them is being removed.
    Erasing,
}

impl Profile {
    pub(crate) fn out_of(item: Item) -> Result<Profile> {
        if kind(&item) == ERASING {
            return Ok(Profile::Erasing);
        }
        match item.get("moved_to") {
            Some(_) => Ok(Profile::Moved(moved_to(&item)?)),
            None => Ok(Profile::Here(Box::new(ClientView::out_of(item)?))),
        }
    }
}

fn moved_to(item: &Item) -> Result<ClientId> {
    #[derive(serde::Deserialize)]
    struct Moved {
        moved_to: ClientId,
    }
    Ok(decode::<Moved>(item.clone())?.moved_to)
}

/// What became of an entry of the directory.
enum Entered<E> {
    /// It is written; or was, by the same call.
    Written(Box<ClientView>),
    /// It was not to be, as it stands.
    Declined(E),
    /// The id is not to be had: it is somebody's whom another call made, or of somebody who is being forgotten.
    Taken,
}

/// With whom a client is one person, as their item says.
#[derive(Clone, Debug, Default, serde::Deserialize)]
pub(crate) struct Ties {
    /// Whom a stranger is becoming.
    #[serde(default)]
    pub merging_into: Option<ClientId>,
    /// Strangers who became this client, or are about to.
    #[serde(default)]
    pub merged_from: Vec<ClientId>,
    /// The call that made this client, where their id is made of it.
    #[serde(default)]
    pub made_by: Option<RequestId>,
}

/// Whom an id stands for.
#[derive(Debug)]
pub(crate) enum Person {
    /// This client.
    Here(Box<ClientView>, Ties),
    /// Somebody who is being forgotten.
    Erasing(ClientId),
    /// Nobody yet.
    Nobody(ClientId),
}

/// What a write to somebody who is being forgotten is told: a moment later they are a new client.
pub(crate) fn being_erased() -> Error {
    Error::Unavailable("the client is being erased".into())
}

/// What a search finds a client by: every word of the name with what follows it, the mail address, and the digits of
/// the number backwards, so that its last ones are enough.
pub(crate) fn terms(client: &Client) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    if let Some(name) = client.display_name() {
        let folded = fold(&name);
        let words: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
        for first in 0..words.len().min(MOST_WORDS) {
            terms.insert(format!("name#{}", begins(&words[first..].join(" "))));
        }
    }
    terms.extend(client.emails().map(|email| email_term(&email.0)));
    terms.extend(client.phones().map(|phone| phone_term(phone.as_str())));
    // What is no number is found as it was given.
    let uncalled = client.phone_as_given.iter().filter(|_| client.phone.is_none());
    let uncalled = uncalled
        .chain(client.other_phones.iter().filter(|other| other.phone.is_none()).map(|other| &other.given));
    terms.extend(uncalled.map(|given| phone_term(&given.0)));
    terms.extend(client.custom_fields.iter().map(|(name, value)| custom_term(name, &value.0)));
    terms.extend(client.visitor_token.iter().map(|token| token_term(&token.0)));
    terms
}

/// What a search finds what a business keeps of a client by.
pub(crate) fn custom_term(name: &str, value: &str) -> String {
    format!("custom#{name}#{}", begins(&fold(value)))
}

/// What finds the client of a live chat.
pub(crate) fn token_term(token: &str) -> String {
    format!("token#{}", begins(token))
}

/// The digits of a number backwards.
pub(crate) fn phone_term(number: &str) -> String {
    let backwards: String = number.chars().filter(char::is_ascii_digit).rev().collect();
    format!("phone#{backwards}")
}

/// The beginning of a term, as much of it as is part of a key.
pub(crate) fn begins(text: &str) -> String {
    text.chars().take(LONGEST_TERM).collect()
}

/// The place of a client in the list by name.
pub(crate) fn name_place(client: &Client) -> String {
    keys::name(&fold(&client.display_name().unwrap_or_default()), client.client_id)
}

impl Store {
    /// Client and conversation, in one read; one more for a client who was known under another id before.
    pub async fn client_view(&self, business: BusinessId, client: ClientId) -> Result<Option<ClientView>> {
        let mut client = client;
        for _ in 0..4 {
            let Some(item) = self.get(keys::profile(business, client), true).await? else { return Ok(None) };
            match Profile::out_of(item)? {
                Profile::Here(view) => return Ok(Some(*view)),
                Profile::Moved(to) => client = to,
                Profile::Erasing => return Ok(None),
            }
        }
        Err(Error::internal("a client was moved in a circle"))
    }

    /// What decides from where a text to each of some clients leaves: one read for each hundred, and one more for a client
    /// who was known under another id before.
    pub async fn habits(
        &self,
        business: BusinessId,
        clients: BTreeSet<ClientId>,
    ) -> Result<HashMap<ClientId, Habits>> {
        let clients: Vec<ClientId> = clients.into_iter().collect();
        let mut found = HashMap::new();
        for hundred in clients.chunks(100) {
            let by_place: HashMap<String, ClientId> =
                hundred.iter().map(|client| (keys::profile(business, *client).pk, *client)).collect();
            let keys = hundred.iter().map(|client| keys::profile(business, *client)).collect();
            for item in self.batch_get(keys).await? {
                let place = item.get(PK).and_then(|pk| pk.as_s().ok());
                let Some(client) = place.and_then(|pk| by_place.get(pk)).copied() else { continue };
                let habits = match Profile::out_of(item)? {
                    Profile::Here(view) => Some(view.habits()),
                    Profile::Moved(to) => self.client_view(business, to).await?.map(|view| view.habits()),
                    Profile::Erasing => None,
                };
                found.extend(habits.map(|habits| (client, habits)));
            }
        }
        Ok(found)
    }

    /// Whom an id stands for, when it is about the person as a whole: a stranger who is becoming a client is that client
    /// already.
    pub(crate) async fn person(&self, business: BusinessId, client: ClientId) -> Result<Person> {
        let mut client = client;
        for _ in 0..4 {
            let Some(item) = self.get(keys::profile(business, client), true).await? else {
                return Ok(Person::Nobody(client));
            };
            match Profile::out_of(item.clone())? {
                Profile::Here(view) => match decode::<Ties>(item)? {
                    Ties { merging_into: Some(into), .. } => client = into,
                    ties => return Ok(Person::Here(view, ties)),
                },
                Profile::Moved(to) => client = to,
                Profile::Erasing => return Ok(Person::Erasing(client)),
            }
        }
        Err(Error::internal("a client was moved in a circle"))
    }

    /// Everybody who has this address.
    async fn clients_at(&self, business: BusinessId, address: &Address) -> Result<Vec<ClientId>> {
        let term = match address {
            Address::Phone(phone) => phone_term(phone.as_str()),
            Address::Email(email) => email_term(email.as_str()),
            Address::ShortCode(code) => phone_term(code.as_str()),
            Address::Alphanumeric(_) | Address::Literal(_) => return Ok(Vec::new()),
        };
        let (from, to) = keys::find_exactly(&term);
        let items = self.query_all(keys::find_pk(business), (&from, &to)).await?;
        items.iter().take(MOST_SHARING).map(client_in).collect()
    }

    /// Strangers who have this address: they wrote before the directory named anybody with it.
    async fn strangers_at(
        &self,
        business: BusinessId,
        address: &Address,
        client: ClientId,
    ) -> Result<Vec<Client>> {
        let mut others = self.clients_at(business, address).await?;
        others.retain(|other| *other != client);
        let keys = others.iter().map(|other| keys::profile(business, *other)).collect();
        let mut strangers = Vec::new();
        for item in self.batch_get(keys).await? {
            if let Profile::Here(view) = Profile::out_of(item.clone())?
                && view.client.provisional
                && (addresses(&view.client).contains(address)
                    || short_code(&view.client).as_ref() == Some(address))
                && decode::<Ties>(item)?.merging_into.is_none()
            {
                strangers.push(view.client);
            }
        }
        Ok(strangers)
    }

    /// A part of a transaction by which an address does not lead to `ours` any more, who are one person: it leads to
    /// somebody else who has the same one, or to nobody. `None` when it did not lead to them.
    pub(crate) async fn tx_release_address(
        &self,
        business: BusinessId,
        address: &Address,
        ours: &[ClientId],
    ) -> Result<Option<TransactWriteItem>> {
        let holder = self.client_by_address(business, address).await?;
        let Some(holder) = holder.filter(|holder| ours.contains(holder)) else { return Ok(None) };
        let sharing = self.clients_at(business, address).await?;
        let heir = sharing.into_iter().find(|other| !ours.contains(other));
        let still = Write::new().when("client_id", "=", value(&holder)?);
        Ok(Some(match heir {
            Some(heir) => self.tx_lead_address(business, heir, address, still)?,
            None => self.tx_delete(keys::address(business, address), still)?,
        }))
    }

    /// A part of a transaction that makes sure a search finds a client by a term.
    pub(crate) fn tx_put_term(
        &self,
        business: BusinessId,
        client: ClientId,
        term: &str,
    ) -> Result<TransactWriteItem> {
        let mut item = stamp(keys::find(business, term, client), "Term");
        item.insert("client_id".to_owned(), value(&client)?);
        self.tx_put(item, Write::new())
    }

    /// A part of a transaction that lets an address lead to a client, whoever it led to before: the last one who was
    /// written to is the one who answers.
    pub(crate) fn tx_put_address(
        &self,
        business: BusinessId,
        client: ClientId,
        address: &Address,
    ) -> Result<TransactWriteItem> {
        self.tx_lead_address(business, client, address, Write::new())
    }

    /// The same under a condition. What else is known of the address stays: whether somebody wrote from it.
    pub(crate) fn tx_lead_address(
        &self,
        business: BusinessId,
        client: ClientId,
        address: &Address,
        condition: Write,
    ) -> Result<TransactWriteItem> {
        let write = condition.stamp("Address").set("client_id", value(&client)?);
        self.tx_update(keys::address(business, address), write)
    }

    /// The same, leaving alone whom it leads to already.
    pub(crate) fn tx_keep_address(
        &self,
        business: BusinessId,
        client: ClientId,
        address: &Address,
    ) -> Result<TransactWriteItem> {
        let write = Write::new().stamp("Address").set_once("client_id", value(&client)?);
        self.tx_update(keys::address(business, address), write)
    }

    /// The same, refused when it leads to somebody already.
    pub(crate) fn tx_insert_address(
        &self,
        business: BusinessId,
        client: ClientId,
        address: &Address,
        condition: Write,
    ) -> Result<TransactWriteItem> {
        self.tx_lead_address(business, client, address, condition.if_new())
    }

    /// Who is reached at an address.
    pub async fn client_by_address(
        &self,
        business: BusinessId,
        address: &Address,
    ) -> Result<Option<ClientId>> {
        self.client_at(keys::address(business, address)).await
    }

    /// The client to whom an item leads that is nothing but a way to find one.
    pub(crate) async fn client_at(&self, key: keys::Key) -> Result<Option<ClientId>> {
        let item = self.get(key, true).await?;
        item.map(|item| client_in(&item)).transpose()
    }

    /// A part of a transaction that lets an address lead to the client whom omega made for mail that names the address
    /// and doesn't prove it. Refused when it leads to somebody already.
    pub(crate) fn tx_insert_unproven(
        &self,
        business: BusinessId,
        client: ClientId,
        address: &Address,
    ) -> Result<TransactWriteItem> {
        let mut item = stamp(keys::unproven_sender(business, address), "UnprovenSender");
        item.insert("client_id".to_owned(), value(&client)?);
        self.tx_put(item, Write::new().if_new())
    }

    /// Creates or changes a client as the directory says. A new phone number leads to them from now on, the one it
    /// replaces does not. Somebody who wrote from the number before the directory named them is the same person: their
    /// conversation becomes this client's.
    pub async fn upsert_client(
        &self,
        business: BusinessId,
        client: ClientId,
        changes: &ClientChanges,
        shards: Shards,
    ) -> Result<ClientView> {
        let as_said = |_: Option<&Client>| Ok::<_, Infallible>(changes.clone());
        let Ok(view) = self.change_client(business, client, as_said, shards).await?;
        Ok(view)
    }

    /// The same, where what is changed depends on what is stored: `decide` sees that, and may decline. It is asked again
    /// when somebody else was faster.
    pub async fn change_client<E>(
        &self,
        business: BusinessId,
        client: ClientId,
        decide: impl Fn(Option<&Client>) -> Result<ClientChanges, E>,
        shards: Shards,
    ) -> Result<Result<ClientView, E>> {
        match self.put_entry((business, client), None, decide, shards).await? {
            Entered::Written(view) => Ok(Ok(*view)),
            Entered::Declined(why) => Ok(Err(why)),
            Entered::Taken => Err(being_erased()),
        }
    }

    /// Changes a client as the directory says. `None` when there is no such client.
    pub async fn update_client(
        &self,
        business: BusinessId,
        client: ClientId,
        changes: &ClientChanges,
        shards: Shards,
    ) -> Result<Option<ClientView>> {
        let of_known = |old: Option<&Client>| old.map(|_| changes.clone()).ok_or(());
        match self.put_entry((business, client), None, of_known, shards).await? {
            Entered::Written(view) => Ok(Some(*view)),
            Entered::Declined(()) | Entered::Taken => Ok(None),
        }
    }

    /// Creates a client as the directory says, once for each call: a call that is repeated finds the one it made.
    pub async fn create_client(
        &self,
        business: BusinessId,
        request: RequestId,
        entry: &ClientChanges,
        shards: Shards,
    ) -> Result<ClientView> {
        let as_said = |_: Option<&Client>| Ok::<_, Infallible>(entry.clone());
        let mut client = request.makes();
        loop {
            match self.put_entry((business, client), Some(request), as_said, shards).await? {
                Entered::Written(made) => return Ok(*made),
                Entered::Taken => client = client.next(),
                Entered::Declined(never) => match never {},
            }
        }
    }

    /// Stops listening to a client on a channel, or listens again: what comes in that way from then on is stored, and
    /// nobody is told. Whoever was blocked as a stranger stays so when the directory names them. `None` when there is
    /// no such client.
    pub async fn block(
        &self,
        business: BusinessId,
        client: ClientId,
        (channel, blocked): (Channel, bool),
        shards: Shards,
    ) -> Result<Option<ClientId>> {
        let mut placing = Placing::begin();
        loop {
            let Person::Here(view, _) = self.person(business, client).await? else { return Ok(None) };
            let (old, client) = (&view.client, view.client.client_id);
            if old.is_blocked(channel) == blocked {
                return Ok(Some(client));
            }
            let channels = old.blocked_after(channel, blocked);
            // An entry that was made from before this one is refused, and made again.
            let now = self.clock().now().max(old.updated_at.plus(Duration::from_millis(1)));
            let write = Write::new()
                .put("blocked_channels", if channels.is_empty() { None } else { Some(value(&channels)?) })
                .set("updated_at", s(now.to_string()))
                .when("updated_at", "=", s(old.updated_at.to_string()));
            let write = changed(write, business, client, shards, now);
            if self.update(keys::profile(business, client), write).await?.is_ok() {
                return Ok(Some(client));
            }
            placing.again().await?;
        }
    }

    /// Writes an entry of the directory as `decide` says; as a new one, where it says which call makes it.
    async fn put_entry<E>(
        &self,
        (business, client): (BusinessId, ClientId),
        made_by: Option<RequestId>,
        decide: impl Fn(Option<&Client>) -> Result<ClientChanges, E>,
        shards: Shards,
    ) -> Result<Entered<E>> {
        let mut placing = Placing::begin();
        loop {
            // Whoever was merged is written to under the id they have now.
            let (client, old, ties) = match self.person(business, client).await? {
                Person::Here(view, ties) if made_by.is_some() => {
                    return Ok(if ties.made_by == made_by { Entered::Written(view) } else { Entered::Taken });
                }
                Person::Here(view, ties) => (view.client.client_id, Some(*view), ties),
                Person::Nobody(client) => (client, None, Ties::default()),
                Person::Erasing(_) => return Ok(Entered::Taken),
            };
            let changes = match decide(old.as_ref().map(|view| &view.client)) {
                Ok(changes) => changes,
                Err(declined) => return Ok(Entered::Declined(declined)),
            };
            let now = self.clock().now();
            let mut new = ClientView {
                client: changes.applied_to(old.as_ref().map(|view| &view.client), business, client, now),
                conversation: old.as_ref().and_then(|view| view.conversation.clone()),
                unopened: old.as_ref().and_then(|view| view.unopened.clone()),
            };
            let mut rest = Vec::new();
            let entries = (old.as_ref().map(|view| &view.client), &changes);
            let strangers = self.address_changes(&new.client, entries, &ties, &mut rest).await?;
            for channel in strangers.iter().flat_map(|stranger| stranger.blocked_channels.clone()) {
                new.client.blocked_channels = new.client.blocked_after(channel, true);
            }
            let strangers: Vec<ClientId> = strangers.iter().map(|stranger| stranger.client_id).collect();
            let mut write = self.directory_write(&new.client, old.as_ref(), shards, &mut rest, now)?;
            if let Some(call) = made_by {
                write = write.set("made_by", value(&call)?);
            }
            if !strangers.is_empty() {
                write = write.append("merged_from", value(&strangers)?);
            }
            let merges =
                strangers.into_iter().map(|stranger| DueMerge::new(business, stranger, client, shards));
            let merges: Vec<DueMerge> = merges.collect();
            for merge in &merges {
                rest.extend(self.tx_begin_merge(merge)?);
            }
            let mut parts = vec![self.tx_update(keys::profile(business, client), write)?];
            parts.append(&mut rest);
            if self.transact(parts).await?.is_err() {
                placing.again().await?;
                continue;
            }
            for merge in &merges {
                // The entry is stored; what this does not get to is due.
                let _ = self.merge_at_once(merge).await;
            }
            if !merges.is_empty() {
                let merged = self.client_view(business, client).await?;
                let merged = merged.map(Box::new).map(Entered::Written);
                return merged.ok_or(Error::NotFound("client"));
            }
            for head in new.conversation.iter_mut().chain(&mut new.unopened) {
                head.changed_at = now;
            }
            return Ok(Entered::Written(Box::new(new)));
        }
    }

    /// The write of a directory entry, refused when the one it was made from is not the stored one. What belongs with
    /// it goes to `rest`.
    fn directory_write(
        &self,
        new: &Client,
        old: Option<&ClientView>,
        shards: Shards,
        rest: &mut Vec<TransactWriteItem>,
        now: Timestamp,
    ) -> Result<Write> {
        let (business, client) = (new.business_id, new.client_id);
        let cell = Cell {
            client_type: new.client_type,
            location: new.location_id,
            standing: old.and_then(|view| view.cell().standing),
        };
        let (had, has) = (old.map(|view| terms(&view.client)).unwrap_or_default(), terms(new));
        for term in had.difference(&has) {
            rest.push(self.tx_delete(keys::find(business, term, client), Write::new())?);
        }
        for term in has.difference(&had) {
            rest.push(self.tx_put_term(business, client, term)?);
        }
        let mut write = listed(Write::new().stamp("Client"), new, shards, now)?;
        // Field by field, as the entry is stored; a field without a value goes.
        let item: Item = encode(keys::profile(business, client), "Client", new)?;
        for field in CLIENT_FIELDS {
            write = write.put(field, item.get(field).cloned());
        }
        let write = self.recounted(
            write,
            rest,
            (business, client, shards),
            old.map(ClientView::cell).as_ref(),
            Some(&cell),
        )?;
        let Some(Client { phone, phone_as_given, email, updated_at, .. }) = old.map(|view| &view.client)
        else {
            return Ok(write);
        };
        // A first message brings a number or a mailbox without touching the entry.
        let write = write.when("updated_at", "=", s(updated_at.to_string()));
        let write = match phone {
            Some(phone) => write.when("phone", "=", s(phone.as_str())),
            None => write.when_absent("phone"),
        };
        let write = match phone_as_given {
            Some(given) => write.when("phone_as_given", "=", s(given.0.clone())),
            None => write.when_absent("phone_as_given"),
        };
        Ok(match email {
            Some(email) => write.when("email", "=", s(email.0.clone())),
            None => write.when_absent("email"),
        })
    }

    /// What an entry with numbers or mailboxes does to whom those lead to. Returns the strangers who wrote from them.
    async fn address_changes(
        &self,
        new: &Client,
        (old, changes): (Option<&Client>, &ClientChanges),
        ties: &Ties,
        rest: &mut Vec<TransactWriteItem>,
    ) -> Result<Vec<Client>> {
        let (business, client) = (new.business_id, new.client_id);
        let (before, now) = (old.map(addresses).unwrap_or_default(), addresses(new));
        for address in before.iter().filter(|before| !now.contains(before)) {
            let mut ours = ties.merged_from.clone();
            ours.push(client);
            rest.extend(self.tx_release_address(business, address, &ours).await?);
        }
        let mut strangers: Vec<Client> = Vec::new();
        for address in named(new, changes) {
            let theirs = self.strangers_at(business, &address, client).await?;
            let holder = self.client_by_address(business, &address).await?;
            // An address that two clients share leads to whoever was given it last, or was written to last.
            let is_news = !before.contains(&address);
            let led_astray = holder.is_none_or(|holder| theirs.iter().any(|other| other.client_id == holder));
            if holder != Some(client) && (is_news || led_astray) {
                let as_seen = match holder {
                    Some(holder) => Write::new().when("client_id", "=", value(&holder)?),
                    None => Write::new().if_new(),
                };
                rest.push(self.tx_lead_address(business, client, &address, as_seen)?);
            }
            strangers.extend(theirs);
        }
        strangers.sort_unstable_by_key(|stranger| stranger.client_id);
        strangers.dedup_by_key(|stranger| stranger.client_id);
        Ok(strangers)
    }

    /// The write of a client whom nobody has heard of, for a message to or from `address`. What belongs with it goes to
    /// `rest`.
    pub(crate) fn new_client(
        &self,
        client: &Client,
        shards: Shards,
        rest: &mut Vec<TransactWriteItem>,
        now: Timestamp,
    ) -> Result<Write> {
        for term in terms(client) {
            rest.push(self.tx_put_term(client.business_id, client.client_id, &term)?);
        }
        let mut write = listed(Write::new().stamp("Client"), client, shards, now)?;
        let item: Item = encode(keys::profile(client.business_id, client.client_id), "Client", client)?;
        for field in CLIENT_FIELDS {
            if let Some(value) = item.get(field) {
                write = write.set(field, value.clone());
            }
        }
        Ok(write)
    }
}

/// The attributes of a client's item that are the directory's: the fields of [`Client`], as they are stored.
const CLIENT_FIELDS: [&str; 26] = [
    "business_id",
    "client_id",
    "full_name",
    "first_name",
    "middle_name",
    "last_name",
    "gender",
    "image_url",
    "email",
    "phone",
    "phone_as_given",
    "client_type",
    "wl_user_id",
    "location_id",
    "time_zone",
    "other_emails",
    "other_phones",
    "custom_fields",
    "visitor_token",
    "visitor_name",
    "blocked_channels",
    "inactive",
    "provisional",
    "unproven",
    "created_at",
    "updated_at",
];

/// The places of a client in the lists of all clients.
fn listed(write: Write, client: &Client, shards: Shards, now: Timestamp) -> Result<Write> {
    let business = client.business_id;
    Ok(changed(write, business, client.client_id, shards, now)
        .set(GSI7.1, s(keys::names(business)))
        .set(GSI7.2, s(name_place(client))))
}

/// The place of a client in the list by last change.
pub(crate) fn changed(
    write: Write,
    business: BusinessId,
    client: ClientId,
    shards: Shards,
    now: Timestamp,
) -> Write {
    write
        .set("changed_at", s(now.to_string()))
        .set(GSI6.1, s(keys::changed(business, shards.of(client))))
        .set(GSI6.2, s(keys::activity(now, client)))
}

/// Where a client is reached, each address once: what is a number or a mailbox of what the directory has.
pub(crate) fn addresses(client: &Client) -> Vec<Address> {
    let phones = client.phones().cloned().map(Address::Phone);
    let mut all = Vec::new();
    for address in phones.chain(client.emails().filter_map(mailbox)) {
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

/// The short code that stands in place of a client's number. A name in its place is no address: many entries of a directory
/// say "none", and are not one person.
fn short_code(client: &Client) -> Option<Address> {
    let given = client.phone_as_given.as_ref().filter(|_| client.phone.is_none())?;
    Address::short_code(&given.0)
}

fn mailbox(email: &Personal) -> Option<Address> {
    Email::delivered(&email.0).map(Address::Email)
}

/// The addresses that a change names, be they new ones or those there were.
fn named(new: &Client, changes: &ClientChanges) -> Vec<Address> {
    let mut named = new.clone();
    if !matches!(changes.phone, Change::Set(_)) {
        named.phone = None;
    }
    if !matches!(changes.other_phones, Change::Set(_)) {
        named.other_phones.clear();
    }
    if !matches!(changes.email, Change::Set(_)) {
        named.email = None;
    }
    if !matches!(changes.other_emails, Change::Set(_)) {
        named.other_emails.clear();
    }
    let code = short_code(&named).filter(|_| matches!(changes.phone_as_given, Change::Set(_)));
    addresses(&named).into_iter().chain(code).collect()
}

/// What a search finds a mailbox by.
pub(crate) fn email_term(email: &str) -> String {
    format!("email#{}", begins(&fold(email)))
}

/// The client an address item leads to.
pub(crate) fn client_in(item: &Item) -> Result<ClientId> {
    item.get("client_id")
        .and_then(|value| value.as_n().ok())
        .and_then(|digits| digits.parse().ok())
        .and_then(ClientId::new)
        .ok_or_else(|| domain::Error::internal("an address item names no client"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::client::{ClientType, GivenPhone};
    use domain::phone::Phone;

    #[test]
    fn every_field_of_an_entry_is_written() {
        let text = || Some(Personal("x".to_owned()));
        let noon = Timestamp::parse("2026-01-31T12:00:00Z").unwrap();
        let phone = Phone::from_e164("+14155550101");
        let full = Client {
            full_name: text(),
            first_name: text(),
            middle_name: text(),
            last_name: text(),
            gender: text(),
            image_url: text(),
            email: text(),
            phone: phone.clone(),
            phone_as_given: text(),
            client_type: Some(ClientType::Lead),
            wl_user_id: Some(1),
            location_id: domain::LocationId::new(3),
            time_zone: Some("UTC".to_owned()),
            other_emails: vec![Personal("x".to_owned())],
            other_phones: vec![GivenPhone { given: Personal("x".to_owned()), phone }],
            custom_fields: [("x".to_owned(), Personal("x".to_owned()))].into(),
            visitor_token: text(),
            visitor_name: text(),
            blocked_channels: vec![Channel::Sms],
            unproven: true,
            ..Client::unnamed(BusinessId::new(1).unwrap(), ClientId::new(7).unwrap(), noon)
        };
        let item: Item = serde_dynamo::to_item(&full).unwrap();
        let mut fields: Vec<&str> = item.keys().map(String::as_str).collect();
        let mut written = CLIENT_FIELDS;
        fields.sort_unstable();
        written.sort_unstable();
        assert_eq!(fields, written);
    }
}
