//! What the people of the demo business are called and what they write. All of it is made up.

/// Who writes a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The client.
    Client,
    /// The business.
    Us,
}

use Who::{Client as C, Us as U};

/// A short exchange. `{name}`, `{staff}`, `{day}` and `{time}` are filled in.
pub type Talk = &'static [(Who, &'static str)];

/// Names that belong together, and what their bearers write.
pub struct Tongue {
    /// First names.
    pub given: &'static [&'static str],
    /// Last names.
    pub family: &'static [&'static str],
    /// Whether the last name comes first.
    pub family_first: bool,
    /// What they write among themselves and to us. Empty: English.
    pub talks: &'static [Talk],
}

/// Most of the names are of the first of these.
pub const TONGUES: &[Tongue] = &[
    Tongue {
        given: &[
            "Amelia",
            "Ben",
            "Chloé",
            "Dónal",
            "Elif",
            "Finn",
            "Grace",
            "Hugo",
            "Inés",
            "Josephine",
            "Kezia",
            "Liam",
            "Maya",
            "Noah",
            "Orla",
            "Priya",
            "Quinn",
            "Renée",
            "Siân",
            "Theo",
            "Uma",
            "Violet",
            "Wes",
            "Yara",
            "Zoë",
        ],
        family: &[
            "Abara",
            "Brightwell",
            "Castellanos",
            "D'Amico",
            "Ellingham",
            "Fairweather",
            "Greenhalgh",
            "Holloway",
            "Ibarra",
            "Jessop",
            "Kettleby",
            "Lindqvist",
            "Marlowe",
            "Nightingale",
            "O'Keefe",
            "Pemberton",
            "Quillfeather",
            "Rosewood",
            "Smith-Okoro",
            "Thistleton",
            "Underhill",
            "Vance",
            "Winterbourne",
            "Yarrow",
        ],
        family_first: false,
        talks: &[],
    },
    Tongue {
        given: &["José", "Lucía", "Nuño", "Begoña", "Andrés", "Josefina", "Íñigo", "María José"],
        family: &["Muñoz", "Peñalver", "Ibáñez", "Zúñiga", "Güemes", "Arístegui"],
        family_first: false,
        talks: &[
            &[
                (C, "Hola, ¿tienen algo libre mañana por la tarde?"),
                (U, "¡Hola {name}! Sí, a las {time}."),
                (C, "Perfecto, allí estaré 😊"),
            ],
            &[
                (C, "¿Cuánto cuesta el bono de diez clases?"),
                (U, "180 $, y vale seis meses."),
                (C, "¡Muchas gracias!"),
            ],
        ],
    },
    Tongue {
        given: &["João", "Conceição", "Luís", "Inês", "Tomé"],
        family: &["Gonçalves", "Araújo", "Brandão", "Simões"],
        family_first: false,
        talks: &[&[
            (C, "Olá, posso remarcar para as {time}?"),
            (U, "Claro, {name}. Está marcado."),
            (C, "Obrigado! 🙏"),
        ]],
    },
    Tongue {
        given: &["Jürgen", "Käthe", "Björn", "Łukasz", "Søren", "Ágnes", "Þóra", "Jiří"],
        family: &["Größmann", "Łuczak", "Ødegård", "Kővári", "Åkesson", "Müßig"],
        family_first: false,
        talks: &[
            &[
                (C, "Guten Tag, gibt es am Nachmittag noch einen Platz?"),
                (U, "Ja, um {time}. Soll ich Sie eintragen?"),
                (C, "Sehr gern, danke schön!"),
            ],
            &[
                (C, "Dzień dobry, czy jest jeszcze miejsce o {time}?"),
                (U, "Tak, {name}, zapraszamy."),
                (C, "Super, dziękuję"),
            ],
        ],
    },
    Tongue {
        given: &["Ελένη", "Ζωή", "Δάφνη"],
        family: &["Παπαδοπούλου", "Γεωργιάδου", "Αγγελοπούλου"],
        family_first: false,
        talks: &[&[
            (C, "Καλησπέρα, υπάρχει θέση για αύριο;"),
            (U, "Ναι, στις {time}."),
            (C, "Τέλεια, ευχαριστώ!"),
        ]],
    },
    Tongue {
        given: &["Ольга", "Вера", "Алёна", "Ксения"],
        family: &["Ковалёва", "Снежко", "Журавель"],
        family_first: false,
        talks: &[&[
            (C, "Добрый день! Можно записаться на завтра?"),
            (U, "Да, {name}, в {time}."),
            (C, "Спасибо, буду!"),
        ]],
    },
    Tongue {
        given: &["ليلى", "أحمد", "نور"],
        family: &["الحداد", "القاسم", "منصور"],
        family_first: false,
        talks: &[&[(C, "مرحبا، هل يوجد موعد غدا؟"), (U, "نعم، الساعة {time}."), (C, "شكرا جزيلا 🌷")]],
    },
    Tongue {
        given: &["שירה", "נועם", "תמר"],
        family: &["לוין", "בן־עמי", "אלמוג"],
        family_first: false,
        talks: &[&[(C, "שלום, אפשר להזיז את התור?"), (U, "בטח, ל־{time}?"), (C, "מצוין, תודה!")]],
    },
    Tongue {
        given: &["प्रिया", "आरव", "मीरा"],
        family: &["शर्मा", "वर्मा", "जोशी"],
        family_first: false,
        talks: &[&[(C, "नमस्ते, क्या कल जगह है?"), (U, "जी हाँ, {time} बजे।"), (C, "धन्यवाद 🙏")]],
    },
    Tongue {
        given: &["さくら", "陽翔", "美咲"],
        family: &["佐々木", "青山", "小野寺"],
        family_first: true,
        talks: &[&[
            (C, "明日の午後は空いていますか？"),
            (U, "{time}が空いています。"),
            (C, "お願いします！"),
        ]],
    },
    Tongue {
        given: &["小雨", "子涵", "伟"],
        family: &["林", "欧阳", "周"],
        family_first: true,
        talks: &[&[(C, "你好，明天还有位置吗？"), (U, "有的，{time}可以吗？"), (C, "好的，谢谢 😊")]],
    },
    Tongue {
        given: &["서연", "민준", "하은"],
        family: &["김", "남궁", "윤"],
        family_first: true,
        talks: &[&[
            (C, "안녕하세요, 내일 예약 가능한가요?"),
            (U, "네, {time}에 가능합니다."),
            (C, "감사합니다!"),
        ]],
    },
];

/// What people write in English.
pub const TALKS: &[Talk] = &[
    &[
        (C, "Hi! Do you have anything free on {day} afternoon?"),
        (U, "Hi {name}, yes: {time}, or an hour later. Which one?"),
        (C, "{time} please 🙌"),
        (U, "Done. See you on {day} at {time}!"),
    ],
    &[
        (C, "I'm running ten minutes late, so sorry!"),
        (U, "No problem, {name}. Take your time."),
        (C, "Almost there 🚗"),
    ],
    &[
        (C, "How much is the ten class pass?"),
        (U, "It is $180, and good for six months."),
        (C, "Great. Can I pay at the desk?"),
        (U, "Of course, card or cash."),
    ],
    &[
        (U, "Hi {name}, {staff} here. You left a blue scarf with us on {day}."),
        (C, "Oh! I looked for it everywhere. I'll pick it up tomorrow."),
    ],
    &[
        (C, "Can I move my {day} appointment to next week?"),
        (U, "Sure. Same time next {day}?"),
        (C, "Perfect, thanks"),
    ],
    &[
        (C, "Is there parking near the studio?"),
        (U, "Two hours free behind the building, entrance on the left."),
    ],
    &[
        (C, "My receipt shows that I was charged twice 😕"),
        (U, "I am sorry about that, {name}. I see it, and refund one of them today."),
        (C, "Thanks for the quick answer"),
    ],
    &[
        (C, "Do you sell gift cards?"),
        (U, "We do, any amount. I can send one by mail."),
        (C, "$50 for my sister, please 🎁"),
        (U, "It is on its way. Happy birthday to her!"),
    ],
    &[(C, "Loved today's class with {staff} ❤️"), (U, "That makes our day, {name}. See you next time!")],
    &[
        (C, "Is a beginner welcome on {day}?"),
        (U, "Absolutely, {staff} takes it slowly."),
        (C, "And what should I bring?"),
        (U, "Water. Mats are here."),
    ],
    &[
        (C, "I have to cancel {time} today, my little one is ill"),
        (U, "Get well soon! There is no fee this time."),
    ],
    &[
        (C, "Am I still on the waiting list for {day}?"),
        (U, "You are second in line, {name}. I'll text as soon as something opens."),
        (C, "Fingers crossed 🤞"),
    ],
    &[(U, "Hi {name}, your order is at the front desk."), (C, "Yay, I'll come by after {time}.")],
    &[(C, "What are your hours on holidays?"), (U, "Ten to four, {name}.")],
    &[
        (C, "Can you send me the address again?"),
        (U, "1 Example Street, next to the bakery."),
        (C, "Found it!"),
    ],
    &[(C, "Does the price include a towel?"), (U, "It does."), (C, "👍")],
    &[
        (C, "I would like to speak with a manager, please."),
        (U, "Of course. {staff} will call you before {time}."),
    ],
    &[
        (C, "Is this the right number for bookings?"),
        (U, "It is! How can we help?"),
        (C, "Two people, {day} around {time}?"),
    ],
];

/// What a stranger writes.
pub const STRANGERS: &[&str] = &[
    "Hi, I got your number from a friend. Are you taking new clients?",
    "Do you have a price list?",
    "Is this the studio next to the bakery?",
    "¿Hablan español?",
    "Hey, who is this?",
    "Wrong number, sorry 😅",
];

/// What the business writes to many.
pub const CAMPAIGN: &str =
    "Spring week at Demo Studio: bring a friend for free until Sunday 🌷 Reply STOP to opt out.";
/// What its calendar writes.
pub const REMINDER: &str = "Reminder: we expect you on {day} at {time}. Demo Studio";

/// Notes among staff.
pub const NOTES: &[&str] = &[
    "Prefers mornings.",
    "Called as well, nobody answered.",
    "Pays by invoice, see the folder.",
    "Refund is approved, goes out on Friday.",
    "Knows {staff} from the old studio 🙂",
    "Ask about the family plan next time.",
    "Please do not promise {day}, we are full.",
];

/// Labels of conversations.
pub const LABELS: &[&str] = &["booking", "billing", "feedback", "follow-up", "vip"];

/// Days to fill in.
pub const DAYS: &[&str] = &["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
/// Times to fill in.
pub const TIMES: &[&str] = &["9:00", "10:30", "11:15", "14:00", "15:30", "17:45"];
