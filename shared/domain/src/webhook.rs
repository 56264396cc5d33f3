//! How Twilio repeats a webhook of ours that fails, as the fragment of its address says: three more tries within the fifteen
//! seconds that it allows, on server errors and on connections that fail or time out. Without it a server error is not
//! repeated. The fragment is no part of what Twilio signs.

/// For an address that stands at a number: two seconds to connect, and four and a half to answer.
pub const OF_A_NUMBER: &str = "#rc=3&rp=5xx,ct,rt&ct=2000&rt=4500";
/// For an address that goes along with a text or a call: a second less to answer, because these are reports and short
/// questions.
pub const OF_A_MESSAGE: &str = "#rc=3&rp=5xx,ct,rt&ct=2000&rt=3500";
