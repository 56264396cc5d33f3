//! The demo business's people and what happened with each of them: made by a generator that always says the same. Times
//! are told backwards, from now.

use std::time::Duration;

use domain::access::Role;
use domain::channel::Category;
use domain::client::{Change, ClientChanges, ClientType, Personal};
use domain::fold::fold;
use domain::location::LocationChanges;
use domain::phone::Phone;
use domain::staff::StaffChanges;
use domain::standing::ConversationStatus;
use domain::{ClientId, LocationId, StaffId};
use fastrand::Rng;

use super::words::{
    CAMPAIGN, DAYS, LABELS, NOTES, REMINDER, STRANGERS, TALKS, TIMES, TONGUES, Talk, Tongue, Who,
};
use super::{GUIDE, NUMBER, OTHER_NUMBER};

/// How many people the directory of the demo business knows.
pub const PEOPLE: usize = 210;

/// What makes it the same every time.
const SEED: u64 = 1001;
/// The id of the first client. The tour's own are far below.
const FIRST: u64 = 2001;
/// Area codes of the clients' numbers: in each, 555-0100 to 555-0199 belong to nobody and are for fiction.
const AREAS: [u64; 4] = [206, 312, 617, 808];
/// Members of the staff: id, name, role. The last one does not work here any more.
const STAFF: [(u64, &str, Role); 6] = [
    (GUIDE, "Noor Haddad", Role::Manager),
    (8, "Grace Ellery", Role::Owner),
    (9, "Tomás Beltrán", Role::Staff),
    (10, "Ivo Černý", Role::Staff),
    (11, "Leilani Moku", Role::Staff),
    (12, "Sam Whitlock", Role::Staff),
];
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How far back the oldest conversation's last text is. What was before it is some days older.
const LONGEST: Duration = Duration::from_secs(54 * 24 * 60 * 60);
/// How fresh the newest one's is.
const FRESH: Duration = Duration::from_secs(6 * 60);

/// All of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Where the business works. The last one is written when all else is.
    pub locations: Vec<(LocationId, LocationChanges)>,
    /// Who works there.
    pub staff: Vec<(StaffId, StaffChanges)>,
    /// Who worked there.
    pub gone: StaffId,
    /// With whom, those first who were heard of last.
    pub people: Vec<Person>,
}

/// One client, and what happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// What the directory says; `None` for a stranger.
    pub entry: Option<(ClientId, ClientChanges)>,
    /// Their number.
    pub theirs: Phone,
    /// Ours.
    pub ours: Phone,
    /// In order.
    pub steps: Vec<Step>,
}

/// Something that happened. Each is one change of the conversation, and so one version.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// How long ago.
    pub ago: Duration,
    /// Who did it, for what staff do.
    pub staff: StaffId,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// The client wrote, and it reached us.
    Heard(String),
    /// The client wrote, and it was filled in later, as read.
    Before(String),
    /// We wrote.
    Wrote { words: String, category: Category, arrived: bool },
    /// What is unread was read.
    Read,
    /// Somebody left a note.
    Note(String),
    /// Somebody flagged the last text.
    Flag,
    /// Somebody got the conversation.
    Assign(StaffId),
    /// The conversation was labelled.
    Label(&'static str),
    /// Its status changed. Snoozed ones come back in a while from now.
    Status(ConversationStatus, Option<Duration>),
}

/// How a conversation stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    Unread,
    Waiting,
    Answered,
    Pending,
    Snoozed,
    Resolved,
}

/// How often each mood is met, of a hundred, in conversations that are two days old, ten, and older.
const MOODS: [(Mood, [u32; 3]); 6] = [
    (Mood::Unread, [42, 8, 1]),
    (Mood::Waiting, [12, 6, 1]),
    (Mood::Answered, [16, 16, 4]),
    (Mood::Pending, [14, 20, 6]),
    (Mood::Snoozed, [8, 20, 6]),
    (Mood::Resolved, [8, 30, 82]),
];

/// The plan with so many people in its directory.
pub fn plan(people: usize) -> Plan {
    // To each their own, so that who they are does not depend on how many others there are.
    let rng = |place: usize| Rng::with_seed(SEED + place as u64);
    let mut all: Vec<Person> = (0..people).map(|place| person(&mut rng(place), place, people)).collect();
    // Strangers wrote lately.
    for (place, words) in STRANGERS.iter().enumerate() {
        let at = (place * 5 + 1).min(all.len());
        all.insert(at, stranger(&mut rng(place), place, words));
    }
    Plan { locations: locations(), staff: staff(), gone: id(12), people: all }
}

fn id<K>(number: u64) -> domain::id::Id<K> {
    domain::id::Id::new(number).unwrap_or_else(|| unreachable!("{number} is an id"))
}

fn locations() -> Vec<(LocationId, LocationChanges)> {
    let location = |number, label: &str, address: &str, phone: &str| {
        let changes = LocationChanges {
            label: label.to_owned(),
            address: Change::Set(address.to_owned()),
            phone: Phone::from_e164(phone).map_or(Change::Keep, Change::Set),
            time_zone: Change::Set("America/Los_Angeles".to_owned()),
        };
        (id(number), changes)
    };
    vec![
        location(1, "Downtown", "1 Example Street", OTHER_NUMBER),
        location(2, "Riverside", "20 Sample Quay", NUMBER),
        location(3, "Hillside (opens soon)", "300 Specimen Road", NUMBER),
    ]
}

pub(super) fn staff() -> Vec<(StaffId, StaffChanges)> {
    let member = |(number, name, role): (u64, &str, Role)| {
        let first = fold(name.split(' ').next().unwrap_or_default());
        let changes = StaffChanges {
            full_name: Personal(name.to_owned()),
            gender: Change::Keep,
            image_url: Change::Keep,
            email: Change::Set(Personal(format!("{first}@example.com"))),
            phone: Change::Keep,
            staff_role: Change::Set(role),
            location_ids: if number == 11 { Change::Set(vec![id(1)]) } else { Change::Keep },
            active: Some(true),
        };
        (id(number), changes)
    };
    STAFF.map(member).into()
}

/// The number of somebody: every one is somebody else's.
fn number(place: usize) -> Phone {
    let place = place as u64;
    let area = AREAS[(place % AREAS.len() as u64) as usize];
    let line = 100 + (place / AREAS.len() as u64) % 100;
    let number = format!("+1{area}5550{line}");
    Phone::from_e164(&number).unwrap_or_else(|| unreachable!("{number} is a number"))
}

fn stranger(rng: &mut Rng, place: usize, words: &str) -> Person {
    let ago = FRESH + HOUR * (place as u32 * 7) + MINUTE * rng.u32(1..50);
    let what = What::Heard(words.to_owned());
    Person {
        entry: None,
        // Behind those of the directory, which is as large as the areas allow less a hundred.
        theirs: number(AREAS.len() * 99 - place),
        ours: ours(None),
        steps: vec![Step { ago, staff: id(GUIDE), what }],
    }
}

/// The number that somebody of a location writes to.
fn ours(location: Option<u64>) -> Phone {
    let number = if location == Some(1) { OTHER_NUMBER } else { NUMBER };
    Phone::from_e164(number).unwrap_or_else(|| unreachable!("{number} is a number"))
}

fn person(rng: &mut Rng, place: usize, people: usize) -> Person {
    let tongue = if rng.u32(0..100) < 62 { &TONGUES[0] } else { &TONGUES[rng.usize(1..TONGUES.len())] };
    let (given, family) = (pick(rng, tongue.given), pick(rng, tongue.family));
    let name = if tongue.family_first { format!("{family} {given}") } else { format!("{given} {family}") };
    let client: ClientId = id(FIRST + place as u64);
    let location = match rng.u32(0..100) {
        0..55 => Some(1),
        55..88 => Some(2),
        _ => None,
    };
    let mailbox = match fold(given) {
        plain if plain.is_ascii() => plain.replace(' ', "."),
        _ => "client".to_owned(),
    };
    let theirs = number(place);
    let entry = ClientChanges {
        full_name: Change::Set(Personal(name)),
        email: match rng.u32(0..10) {
            0..8 => Change::Set(Personal(format!("{mailbox}.{client}@example.com"))),
            _ => Change::Keep,
        },
        phone: Change::Set(theirs.clone()),
        phone_as_given: Change::Set(Personal(theirs.as_str().to_owned())),
        client_type: Change::Set(if rng.u32(0..100) < 14 { ClientType::Lead } else { ClientType::Client }),
        location_id: location.map_or(Change::Keep, |location| Change::Set(id(location))),
        ..ClientChanges::default()
    };
    // Newer ones are denser, and every thirtieth is in the directory only.
    let share = (place * place) as f64 / (people * people) as f64;
    let last = FRESH + LONGEST.mul_f64(share) + MINUTE * rng.u32(0..15);
    let writes = place % 30 != 29;
    let mut steps = if writes { steps(rng, tongue, given, last) } else { Vec::new() };
    if location == Some(2) {
        // Number 11 works at the first location only.
        let others =
            steps.iter_mut().filter(|step| matches!(step.what, What::Assign(staff) if staff.get() == 11));
        others.for_each(|step| step.what = What::Assign(id(GUIDE)));
    }
    Person { entry: Some((client, entry)), theirs, ours: ours(location), steps }
}

/// What happened with somebody whose last text was `last` ago.
fn steps(rng: &mut Rng, tongue: &Tongue, name: &str, last: Duration) -> Vec<Step> {
    let age = usize::from(last > DAY * 2) + usize::from(last > DAY * 10);
    let mut roll = rng.u32(0..100);
    let mood = MOODS.into_iter().find(|(_, weights)| {
        let met = roll < weights[age];
        roll = roll.saturating_sub(weights[age]);
        met
    });
    let mood = mood.map_or(Mood::Resolved, |(mood, _)| mood);
    let staff: StaffId = id(rng.u64(GUIDE..12));
    let mut told = Told { steps: Vec::new(), staff, name, last };

    if rng.u32(0..14) == 0 {
        let before = last + DAY * rng.u32(2..5);
        told.step(
            before,
            What::Wrote { words: CAMPAIGN.to_owned(), category: Category::Campaign, arrived: true },
        );
    }
    // Some were here before, and come back.
    let came_back = mood == Mood::Unread && last > HOUR * 3 && rng.bool();
    if came_back {
        let first = talk(rng, tongue, Mood::Resolved, true);
        told.talk(rng, first, last + DAY, Mood::Resolved);
        told.step(last + DAY - MINUTE * 20, What::Status(ConversationStatus::Resolved, None));
    }
    let talk = talk(rng, tongue, mood, age == 2);
    told.talk(rng, talk, last, mood);
    let assigned = match mood {
        Mood::Unread => rng.u32(0..100) < 30,
        Mood::Waiting | Mood::Answered => rng.u32(0..100) < 60,
        Mood::Pending | Mood::Snoozed => rng.u32(0..100) < 75,
        Mood::Resolved => rng.u32(0..100) < 40,
    };
    let mut after = Vec::new();
    if assigned {
        after.push(What::Assign(staff));
    }
    if rng.u32(0..100) < 15 {
        after.push(What::Label(pick(rng, LABELS)));
    }
    if rng.u32(0..100) < 14 {
        let note = pick(rng, NOTES);
        after.push(What::Note(told.filled(rng, note)));
    }
    if rng.u32(0..100) < 6 {
        after.push(What::Flag);
    }
    after.extend(match mood {
        Mood::Unread | Mood::Answered => None,
        Mood::Waiting => Some(What::Read),
        Mood::Pending => Some(What::Status(ConversationStatus::Pending, None)),
        Mood::Snoozed => Some(What::Status(ConversationStatus::Snoozed, Some(HOUR * rng.u32(20..220)))),
        Mood::Resolved => Some(What::Status(ConversationStatus::Resolved, None)),
    });
    for (index, what) in after.into_iter().enumerate() {
        told.step(last - Duration::from_secs(40) * (index as u32 + 1), what);
    }
    if mood == Mood::Resolved && rng.u32(0..10) == 0 && last > DAY * 3 {
        let words = told.filled(rng, REMINDER);
        let arrived = rng.u32(0..4) != 0;
        told.step(last - DAY, What::Wrote { words, category: Category::Notification, arrived });
    }
    told.steps
}

/// What somebody wrote, and we. Of what is long ago most was short.
fn talk(rng: &mut Rng, tongue: &Tongue, mood: Mood, long_ago: bool) -> Talk {
    let short = long_ago && rng.u32(0..10) < 7;
    let own = !short && !tongue.talks.is_empty() && rng.u32(0..3) > 0;
    let talks = if own { tongue.talks } else { TALKS };
    loop {
        let talk = pick(rng, talks);
        // Somebody has to have written for something to be unread, and we for it to be answered.
        let fits = match mood {
            Mood::Unread | Mood::Waiting => talk.iter().any(|(who, _)| *who == Who::Client),
            _ => true,
        };
        if fits && (!short || talk.len() == 2) {
            return talk;
        }
    }
}

/// A conversation that is being told.
struct Told<'a> {
    steps: Vec<Step>,
    staff: StaffId,
    name: &'a str,
    last: Duration,
}

impl Told<'_> {
    fn step(&mut self, ago: Duration, what: What) {
        self.steps.push(Step { ago, staff: self.staff, what });
    }

    /// An exchange whose last text was `last` ago. It breaks off at the client's last word where that is to be unread
    /// or unanswered.
    fn talk(&mut self, rng: &mut Rng, talk: Talk, last: Duration, mood: Mood) {
        let open = matches!(mood, Mood::Unread | Mood::Waiting);
        let theirs = talk.iter().rposition(|(who, _)| *who == Who::Client);
        let end = if open { theirs.map_or(talk.len(), |last| last + 1) } else { talk.len() };
        let talk = &talk[..end];
        let gap = Duration::from_secs(rng.u64(50..600));
        for (index, (who, words)) in talk.iter().enumerate() {
            let ago = last + gap * (talk.len() - 1 - index) as u32;
            let words = self.filled(rng, words);
            let waits = open && Some(index) == theirs;
            let what = match who {
                Who::Client if waits => What::Heard(words),
                // What came lately came to omega, and was read before it was answered.
                Who::Client if self.last < HOUR * 6 => {
                    self.step(ago, What::Heard(words));
                    self.step(ago - Duration::from_secs(20), What::Read);
                    continue;
                }
                Who::Client => What::Before(words),
                Who::Us => What::Wrote { words, category: Category::Conversation, arrived: true },
            };
            self.step(ago, what);
        }
    }

    /// A text with its gaps filled.
    fn filled(&self, rng: &mut Rng, words: &str) -> String {
        let staff = STAFF.iter().find(|(number, _, _)| *number == self.staff.get());
        let staff = staff.and_then(|(_, name, _)| name.split(' ').next()).unwrap_or_default();
        words
            .replace("{name}", self.name)
            .replace("{staff}", staff)
            .replace("{day}", pick(rng, DAYS))
            .replace("{time}", pick(rng, TIMES))
    }
}

fn pick<'a, T: ?Sized>(rng: &mut Rng, from: &[&'a T]) -> &'a T {
    from[rng.usize(0..from.len())]
}
