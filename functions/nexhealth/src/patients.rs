//! The clients of a location, as patients.

use std::cmp::Ordering;
use std::collections::HashMap;

use axum::extract::{Query, State};
use axum::response::Response;
use domain::client::Client;
use domain::fold::fold;
use domain::phone::{Country, Phone};
use domain::{ClientId, LocationId, Timestamp};
use jiff::civil::Date;
use store::inbox::{ClientsOf, MOST_FOUND};
use store::tombstones::{Changed, Tombstone};
use store::{ClientView, Store};
use web::read::PathParams;
use web::{ApiError, Edge, Tenant};

use crate::answer::{Answer, Envelope, Refused};
use crate::institutions;
use crate::parameters::{Page, Reader, boolean};
use crate::patient::{OptedOut, Patient};

/// The names that are known. All others are named in the response.
const KNOWN: [&str; 16] = [
    "subdomain",
    "location_id",
    "page",
    "per_page",
    "sort",
    "name",
    "email",
    "phone_number",
    "date_of_birth",
    "inactive",
    "foreign_id",
    "updated_since",
    "new_patient",
    "non_patient",
    "forms_syncable",
    "location_strict",
];
/// The most patients of a page.
const MOST: i64 = 1_000;
/// The most clients who are gone that a list takes in.
const MOST_GONE: usize = 8_000;
/// The custom field that holds a date of birth: the directory has no field of its own for it.
const BORN: &str = "date_of_birth";
/// So many digits at the end of a number tell whose it is.
const ENOUGH_DIGITS: usize = 7;

/// In which order patients come.
#[derive(Clone, Copy, Debug)]
enum Order {
    Id,
    Updated,
}

/// The filters and the page of a request.
struct Wanted {
    location: Option<LocationId>,
    page: Page,
    sort: Vec<(Order, bool)>,
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    born: Option<Date>,
    inactive: Option<bool>,
    foreign_id: Option<String>,
    updated_since: Option<Timestamp>,
    /// For something that no client of omega is.
    nobody: bool,
}

impl Wanted {
    fn read(reader: &mut Reader) -> Wanted {
        let nobody = ["new_patient", "non_patient", "forms_syncable"]
            .map(|name| reader.take(name, boolean).unwrap_or(false))
            .contains(&true);
        reader.take("location_strict", boolean);
        Wanted {
            location: reader.location(),
            page: reader.page(MOST),
            sort: reader.take("sort", sort).unwrap_or_default(),
            name: reader.text("name"),
            email: reader.text("email"),
            phone: reader.text("phone_number"),
            born: reader.take("date_of_birth", |text| text.parse().ok()),
            inactive: reader.take("inactive", boolean),
            foreign_id: reader.text("foreign_id"),
            updated_since: reader.take("updated_since", Timestamp::parse_leniently),
            nobody,
        }
    }

    /// The words by which the directory finds them, the most telling ones. Of a name it is the longest word, because the
    /// words of a name are compared in any order.
    fn clue(&self) -> Option<&str> {
        let name =
            self.name.as_deref().and_then(|name| name.split_whitespace().max_by_key(|word| word.len()));
        self.email.as_deref().or(self.phone.as_deref()).or(name)
    }

    /// Whether the list by name and its count can't tell who is asked for.
    fn is_narrow(&self) -> bool {
        !self.sort.is_empty()
            || self.born.is_some()
            || self.foreign_id.is_some()
            || self.updated_since.is_some()
    }

    /// Whether a client is asked for: all that is said has to be true.
    fn is(&self, location: LocationId, country: Country, client: &Client) -> bool {
        client.location_id == Some(location)
            && self.inactive.is_none_or(|inactive| client.inactive == inactive)
            && self.updated_since.is_none_or(|since| client.updated_at >= since)
            && self.name.as_deref().is_none_or(|name| is_called(client, name))
            && self.email.as_deref().is_none_or(|email| has_email(client, email))
            && self.phone.as_deref().is_none_or(|phone| has_phone(client, phone, country))
            && self.born.is_none_or(|born| {
                let known = client.custom_fields.get(BORN).and_then(|known| known.0.trim().parse().ok());
                known == Some(born)
            })
            && self
                .foreign_id
                .as_deref()
                .is_none_or(|id| client.wl_user_id.is_some_and(|known| known.to_string() == id))
    }

    fn compare(&self, one: &Row, other: &Row) -> Ordering {
        let by = |order: Order| match order {
            Order::Id => id_of(one).cmp(&id_of(other)),
            Order::Updated => updated_at(one).cmp(&updated_at(other)),
        };
        let asked = self.sort.iter().map(|(order, descends)| {
            let compared = by(*order);
            if *descends { compared.reverse() } else { compared }
        });
        asked.fold(Ordering::Equal, Ordering::then).then_with(|| place(one).cmp(&place(other)))
    }
}

fn sort(text: &str) -> Option<Vec<(Order, bool)>> {
    let fields = text.split(',').map(|field| match field.trim() {
        "id" => Some((Order::Id, false)),
        "-id" => Some((Order::Id, true)),
        "updated_at" => Some((Order::Updated, false)),
        "-updated_at" => Some((Order::Updated, true)),
        _ => None,
    });
    fields.collect()
}

/// A client of the location, or one who is gone, of whichever location they were.
type Row = Changed<ClientView>;

fn id_of(row: &Row) -> ClientId {
    match row {
        Changed::Here(view) => view.client.client_id,
        Changed::Gone(tombstone) => tombstone.client_id,
    }
}

fn updated_at(row: &Row) -> Timestamp {
    match row {
        Changed::Here(view) => view.client.updated_at,
        Changed::Gone(tombstone) => tombstone.gone_at,
    }
}

/// The place in the list by name. Clients who are gone have none.
fn place(row: &Row) -> (String, ClientId) {
    let name = match row {
        Changed::Here(view) => view.client.display_name(),
        Changed::Gone(_) => None,
    };
    (fold(&name.unwrap_or_default()), id_of(row))
}

/// Whether each word begins a word of the client's name.
fn is_called(client: &Client, name: &str) -> bool {
    let known = fold(&client.display_name().unwrap_or_default());
    let asked = fold(name);
    asked.split_whitespace().all(|asked| known.split_whitespace().any(|word| word.starts_with(asked)))
}

fn has_email(client: &Client, email: &str) -> bool {
    client.emails().any(|known| known.0.trim().eq_ignore_ascii_case(email))
}

/// In any spelling, or by its last digits.
fn has_phone(client: &Client, phone: &str, country: Country) -> bool {
    let asked = Phone::parse(phone, country).ok();
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let ends_like = |known: &Phone| digits.len() >= ENOUGH_DIGITS && known.as_str().ends_with(&digits);
    client.phones().any(|known| asked.as_ref() == Some(known) || ends_like(known))
}

/// `GET /patients`: by name, if nothing else is asked for.
pub(crate) async fn list(
    tenant: Result<Tenant, ApiError>,
    State(edge): State<Edge>,
    Query(given): Query<Vec<(String, String)>>,
) -> Answer<Response> {
    let (tenant, store) = (tenant?, edge.store());
    let mut reader = Reader::new(given, &KNOWN);
    let subdomain = reader.require("subdomain", |text| Some(text.to_owned()));
    institutions::check(&tenant, subdomain.as_deref())?;
    let wanted = Wanted::read(&mut reader);
    if !reader.problems.is_empty() {
        return Err(Refused::Parameters(reader.problems));
    }
    let location = wanted.location.ok_or(Refused::NO_LOCATION)?;
    let known = async { Ok::<_, Refused>(store.location(tenant.id(), location).await?) };
    let (known, found) = futures_util::join!(known, find(store, &tenant, location, &wanted));
    // A location that is not there is told first, whatever else there is to say.
    known?.ok_or(Refused::NO_LOCATION)?;
    let (rows, count) = found?;
    let here = rows.iter().filter_map(|row| match row {
        Changed::Here(view) => Some(&view.client),
        Changed::Gone(_) => None,
    });
    let opted_out = OptedOut::among(store, &tenant, here).await?;
    let shown = rows.iter().map(|row| match row {
        Changed::Here(view) => Patient::new(&view.client, &opted_out),
        Changed::Gone(tombstone) => Patient::gone(tenant.id(), tombstone),
    });
    let patients: Vec<Patient> = shown.collect();
    Envelope::of("Success", patients).counted(count, reader.unknown).response("fewer patients with per_page")
}

/// The rows of the page, and how many there are on all pages.
async fn find(
    store: &Store,
    tenant: &Tenant,
    location: LocationId,
    wanted: &Wanted,
) -> Answer<(Vec<Row>, u64)> {
    if wanted.nobody {
        return Ok((Vec::new(), 0));
    }
    let country = tenant.business().country;
    // A search by words finds nobody who is gone. All other filters are passed: there is nothing to filter by.
    let mut gone = Vec::new();
    let mut views = match wanted.clue() {
        Some(clue) => {
            let found = store.find_clients(tenant.id(), clue, country).await?;
            let found = found.filter(|found| found.len() <= MOST_FOUND);
            let found = found.ok_or_else(|| too_many("say more of the name, email or phone_number"))?;
            store.client_views(tenant.id(), &found).await?
        }
        None if wanted.is_narrow() => {
            let since = wanted.updated_since.unwrap_or(Timestamp::EARLIEST);
            let asked = (clients_of(location, wanted), since);
            let found = store.clients_of_changed(tenant.id(), tenant.shards(), asked);
            let went = async {
                match wanted.updated_since {
                    Some(since) => store.tombstones(tenant.id(), since, MOST_GONE).await,
                    None => Ok(Some(Vec::new())),
                }
            };
            let (Some(found), Some(went)) = futures_util::try_join!(found, went)? else {
                let instead = "ask without sort, foreign_id and date_of_birth, or with a later updated_since";
                return Err(too_many(instead));
            };
            gone = went;
            found
        }
        None => {
            let (views, count) = by_name(store, tenant, clients_of(location, wanted), wanted.page).await?;
            return Ok((views.into_iter().map(Changed::Here).collect(), count));
        }
    };
    views.retain(|view| wanted.is(location, country, &view.client));
    // An id is shown once: as a new client under the id of one who is gone, or as one who went while this was read.
    let mut went: HashMap<ClientId, Tombstone> =
        gone.into_iter().map(|tombstone| (tombstone.client_id, tombstone)).collect();
    views.retain(|view| match went.get(&view.client.client_id) {
        Some(tombstone) if tombstone.gone_at > view.client.updated_at => false,
        _ => {
            went.remove(&view.client.client_id);
            true
        }
    });
    let gone = went.into_values().map(Changed::Gone);
    let mut rows: Vec<Row> = views.into_iter().map(Changed::Here).chain(gone).collect();
    rows.sort_by(|one, other| wanted.compare(one, other));
    let count = rows.len() as u64;
    Ok((wanted.page.of(rows), count))
}

fn clients_of(location: LocationId, wanted: &Wanted) -> ClientsOf {
    ClientsOf { location, inactive: wanted.inactive }
}

fn too_many(instead: &str) -> Refused {
    Refused::Parameters(vec![format!("too many patients match: {instead}")])
}

async fn by_name(
    store: &Store,
    tenant: &Tenant,
    of: ClientsOf,
    page: Page,
) -> Answer<(Vec<ClientView>, u64)> {
    let listed = async {
        let deep = page.is_deep();
        if deep { Ok(Vec::new()) } else { store.clients_of(tenant.id(), of, (page.skip, page.most)).await }
    };
    let (listed, count) = futures_util::try_join!(listed, store.count_clients_of(tenant.id(), of))?;
    match page.too_deep(count) {
        Some(problem) => Err(Refused::Parameters(vec![problem])),
        None => Ok((store.client_views(tenant.id(), &listed).await?, count)),
    }
}

/// `GET /patients/{id}`. What else can be included there, omega has nothing of.
pub(crate) async fn show(
    tenant: Result<Tenant, ApiError>,
    path: PathParams,
    State(edge): State<Edge>,
    Query(given): Query<Vec<(String, String)>>,
) -> Answer<Response> {
    let (tenant, store) = (tenant?, edge.store());
    let mut reader = Reader::new(given, &["subdomain", "include[]"]);
    let subdomain = reader.require("subdomain", |text| Some(text.to_owned()));
    institutions::check(&tenant, subdomain.as_deref())?;
    if !reader.problems.is_empty() {
        return Err(Refused::Parameters(reader.problems));
    }
    let missing = Refused::Missing("Patient");
    let Some(id) = ClientId::new(institutions::id(&path)?) else { return Err(missing) };
    let Some(view) = store.client_view(tenant.id(), id).await? else { return Err(missing) };
    let opted_out = OptedOut::among(store, &tenant, std::iter::once(&view.client)).await?;
    Envelope::of("Success", Patient::new(&view.client, &opted_out))
        .counted(1, reader.unknown)
        .response("fewer patients with per_page")
}
