//! Queue texts for sending.

use std::collections::BTreeSet;

use axum::Extension;
use axum::Json;
use axum::extract::State;
use domain::FieldError;
use domain::address::Address;
use domain::business::{Business, Unfit};
use domain::channel::Channel;
use domain::content::Text;
use domain::draft::{Draft, Envelope};
use domain::phone::{Country, Phone};
use domain::segments::MAX_CHARACTERS;
use outbox::Outbox;
use serde_json::Value;
use store::Store;
use web::read::{JsonBody, Object, Problem, https_url, id, integer, phone, text};
use web::schemas::message::{AcceptedItem, AcceptedResponse};
use web::schemas::terms::Terms;
use web::{ApiResult, Call, Correlation, Speaker, Tenant, unprocessable};

/// Messages in one call.
const MOST: usize = 100;
/// Pictures and the like of one text.
const MOST_MEDIA: usize = 10;

/// `POST /omega/businesses/{business_id}/sms/send`: each text is checked, stored as queued and queued for the sender
/// before the answer. Nothing is sent inside the call. A bad entry is refused alone; when every entry is bad, the call
/// is refused.
pub async fn send(
    tenant: Tenant,
    Call { request, keyed }: Call,
    Extension(Correlation(correlation)): Extension<Correlation>,
    State(outbox): State<Outbox>,
    body: JsonBody,
) -> ApiResult<Json<AcceptedResponse>> {
    let speaker = Speaker::of(&tenant, &outbox.store, &body).await?;
    let writers = writers(&outbox.store, &tenant, &body).await?;
    let read = |object: &Object<'_>| read(object, tenant.business(), &writers, speaker);
    let Asked { envelope, is_named, entries } = body.read(read)?;
    let (mut refused, mut drafts) = (Vec::new(), Vec::new());
    for (index, entry) in entries.into_iter().enumerate() {
        match entry {
            Ok(draft) => drafts.push((index, draft)),
            Err(problems) => refused.push(AcceptedItem::refused(index, &problems)),
        }
    }
    if !is_named && let Err(unfit) = outbox.choose_senders(tenant.business(), &mut drafts).await? {
        let said = format!("Value error, {unfit}");
        return Err(unprocessable(&["body", "from_phone_number"], Value::Null, said));
    }
    let waiting = envelope.waiting(outbox.store.clock().now());
    let outcomes = outbox.queue_messages(&envelope, drafts, request, &correlation).await;
    let channel = Channel::Sms;
    Ok(Json(AcceptedResponse::queued(request, channel, waiting, keyed, refused, outcomes)?))
}

type Entries = Vec<Result<Draft, Vec<FieldError>>>;

/// Numbers that no metadata knows, and from which a client wrote to this business: whoever wrote can be answered. One read
/// for each such number, and none for any other.
async fn writers(store: &Store, tenant: &Tenant, body: &JsonBody) -> ApiResult<BTreeSet<Phone>> {
    let country = tenant.business().country;
    let unknown = |entry: &Value| {
        let typed = entry.get("to_phone_number")?.as_str()?;
        let phone = Phone::from_e164(typed.trim())?;
        Phone::parse(typed, country).is_err().then_some(phone)
    };
    let named = body.read(|object| Some(object.raw("messages").cloned())).ok().flatten();
    let named = named.as_ref().and_then(Value::as_array).into_iter().flatten().take(MOST);
    let mut writers = BTreeSet::new();
    for phone in named.filter_map(unknown).collect::<BTreeSet<_>>() {
        let address = Address::Phone(phone.clone());
        if store.client_by_address(tenant.id(), &address).await?.is_some() {
            writers.insert(phone);
        }
    }
    Ok(writers)
}

/// A number that can be texted: one that there is, or one from which somebody wrote.
fn receiver<'a>(
    country: Country,
    writers: &'a BTreeSet<Phone>,
) -> impl Fn(&Value) -> Result<Phone, Problem> + 'a {
    move |value| {
        let writer = value.as_str().and_then(|typed| Phone::from_e164(typed.trim()));
        phone(country)(value).or_else(|problem| writer.filter(|phone| writers.contains(phone)).ok_or(problem))
    }
}

/// Everything of the request, checked.
struct Asked {
    envelope: Envelope,
    /// The caller named the number to send from, and it is in the envelope.
    is_named: bool,
    entries: Entries,
}

fn read(
    object: &Object<'_>,
    business: &Business,
    writers: &BTreeSet<Phone>,
    speaker: Speaker,
) -> Option<Asked> {
    let terms = Terms::read(object, speaker);
    let media_urls = object.list("media_urls", MOST_MEDIA, https_url);
    let is_named = object.raw("from_phone_number").is_some_and(|value| !value.is_null());
    let from = if is_named { named(object, business) } else { any(object, business) };
    let entries =
        object.each("messages", MOST, |entry| draft(entry, (business, writers), !media_urls.is_empty()));
    let (from, entries) = (from?, entries?);
    if is_named {
        taken(object, business, &from, &entries)?;
    }
    let envelope = terms?.envelope(business, Address::Phone(from), media_urls);
    Some(Asked { envelope, is_named, entries })
}

/// The number that the caller names. Replies to it have to reach us.
fn named(object: &Object<'_>, business: &Business) -> Option<Phone> {
    object.optional("from_phone_number", |value| {
        let phone = phone(business.country)(value)?;
        business.may_send_from(&phone).map(|()| phone).map_err(Problem::value)
    })
}

/// Some number that the business may send from, for texts whose number is chosen later. Without one the request is
/// refused here, together with its other problems.
fn any(object: &Object<'_>, business: &Business) -> Option<Phone> {
    let numbers = || business.phone_numbers.iter().map(|number| &number.phone);
    let default = business.from_phone.as_ref();
    let fit = default.into_iter().chain(numbers()).find(|phone| business.may_send_from(phone).is_ok());
    if fit.is_none() {
        let why = default.and_then(|phone| business.may_send_from(phone).err()).unwrap_or(Unfit::NoDefault);
        object.refuse("from_phone_number", Problem::value(why));
    }
    fit.cloned()
}

/// Whether carriers would take these texts from that number. It is the sender that is wrong when they would not, so that
/// the call is refused as a whole.
fn taken(object: &Object<'_>, business: &Business, from: &Phone, entries: &Entries) -> Option<()> {
    let mut receivers = entries.iter().flatten().filter_map(|draft| match &draft.to {
        Address::Phone(to) => Some(to),
        _ => None,
    });
    let unfit = receivers.find_map(|to| business.may_text(from, to).err());
    unfit.map_or(Some(()), |unfit| {
        object.refuse("from_phone_number", Problem::value(unfit));
        None
    })
}

fn draft(
    entry: &Object<'_>,
    (business, writers): (&Business, &BTreeSet<Phone>),
    has_media: bool,
) -> Option<Draft> {
    let client = entry.required("client_id", id);
    let wl_user_id = entry.optional("wl_user_id", integer);
    let receiver = receiver(business.country, writers);
    let to = entry.required("to_phone_number", |value| {
        let to = receiver(value)?;
        web::destination::reach(business, &to).map(|reach| (to, reach)).map_err(Problem::value)
    });
    let body = entry.required("message", text(MAX_CHARACTERS));
    web::schemas::terms::refuse_own_time(entry);
    if body.as_ref().is_some_and(|body| !domain::visible::shows(body)) && !has_media {
        entry.refuse("message", Problem::value("an empty text needs media"));
        return None;
    }
    let (to, reach) = to?;
    Some(Draft {
        client: client?,
        provisional: false,
        to: Address::Phone(to),
        reach,
        senders: Vec::new(),
        body: Text(body?),
        wl_user_id,
        mail: None,
        recipients: Default::default(),
    })
}
