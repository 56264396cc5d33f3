//! Every route of omega and who may call it: one table, walked by tests.

use axum::http::Method;
use domain::access::Role;

/// Who may call a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody.
    Public,
    /// Whoever can sign as Twilio.
    TwilioSigned,
    /// Whoever can prove to be the mail provider that the path names.
    ProviderSigned,
    /// Whoever has a link that we sealed.
    Sealed,
    /// Whoever runs omega.
    Platform,
    /// Whoever shows a key of a business, where the interface begins sessions with one.
    SignsIn,
    /// These roles of the business that the call is about.
    Business(&'static [Role]),
}

/// Everybody of a business.
const EVERYBODY: Access = Access::Business(&[Role::Service, Role::Owner, Role::Manager, Role::Staff]);
/// What speaks for somebody else.
const PROGRAMS: Access = Access::Business(&[Role::Service]);
/// What takes an owner's word.
const OWNER: Access = Access::Business(&[Role::Service, Role::Owner]);
/// What takes a person.
const PEOPLE: Access = Access::Business(&[Role::Owner, Role::Manager, Role::Staff]);
/// Records, status reports and the directory.
const OFFICE: Access = Access::Business(&[Role::Service, Role::Owner, Role::Manager]);

/// One route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path, with parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Operation of the published interface.
    pub operation: &'static str,
}

const fn route(method: Method, path: &'static str, access: Access, operation: &'static str) -> Route {
    Route { method, path, access, operation }
}

/// Every route.
pub const ROUTES: &[Route] = &[
    route(Method::GET, "/omega/health", Access::Public, "getHealth"),
    route(Method::GET, "/omega/health/db", Access::Public, "checkDbConnection"),
    route(Method::POST, "/omega/businesses/{business_id}/sms/send", EVERYBODY, "queueSms"),
    route(Method::POST, "/omega/businesses/{business_id}/sms/record", OFFICE, "recordSms"),
    route(Method::POST, "/omega/businesses/{business_id}/sms/status", OFFICE, "updateSmsStatus"),
    route(Method::POST, "/omega/businesses/{business_id}/sms/preview", EVERYBODY, "previewSms"),
    route(Method::POST, "/omega/businesses/{business_id}/email/send", EVERYBODY, "queueEmail"),
    route(Method::POST, "/omega/businesses/{business_id}/email/record", OFFICE, "recordEmail"),
    route(Method::POST, "/omega/businesses/{business_id}/email/status", OFFICE, "updateEmailStatus"),
    route(
        Method::GET,
        "/omega/businesses/{business_id}/email/suppressions",
        EVERYBODY,
        "getEmailSuppression",
    ),
    route(
        Method::POST,
        "/omega/businesses/{business_id}/email/suppressions/remove",
        OWNER,
        "removeEmailSuppression",
    ),
    route(
        Method::GET,
        "/omega/businesses/{business_id}/messages/{message_id}/attachments/{attachment}",
        EVERYBODY,
        "getMessageAttachment",
    ),
    route(
        Method::POST,
        "/omega/email/webhooks/{provider}",
        Access::ProviderSigned,
        "handleEmailProviderWebhook",
    ),
    route(Method::POST, "/omega/email/inbound/{provider}/mime", Access::ProviderSigned, "receiveEmail"),
    route(Method::GET, "/omega/email/unsubscribe/{token}", Access::Sealed, "askToUnsubscribe"),
    route(Method::POST, "/omega/email/unsubscribe/{token}", Access::Sealed, "unsubscribe"),
    route(Method::GET, "/omega/businesses/{business_id}/messages/{message_id}", EVERYBODY, "getMessage"),
    route(
        Method::GET,
        "/omega/businesses/{business_id}/messages/{message_id}/events",
        EVERYBODY,
        "listMessageEvents",
    ),
    route(
        Method::POST,
        "/omega/businesses/{business_id}/messages/{message_id}/cancel",
        EVERYBODY,
        "cancelMessage",
    ),
    route(
        Method::POST,
        "/omega/businesses/{business_id}/messages/{message_id}/retry",
        EVERYBODY,
        "retryMessage",
    ),
    route(
        Method::POST,
        "/omega/messages/{business_id}/messages/{message_id}/retry",
        EVERYBODY,
        "retryMessageLegacy",
    ),
    route(
        Method::GET,
        "/omega/businesses/{business_id}/messages/requests/{request_id}",
        EVERYBODY,
        "getMessagesByRequestId",
    ),
    route(
        Method::GET,
        "/omega/messages/{business_id}/messages/requests/{request_id}",
        EVERYBODY,
        "getMessagesByRequestIdLegacy",
    ),
    route(Method::POST, "/omega/messages/process", EVERYBODY, "processMessage"),
    route(
        Method::POST,
        "/omega/businesses/{business_id}/clients/{client_id}/conversation",
        EVERYBODY,
        "createOrGetConversation",
    ),
    route(Method::GET, "/omega/businesses/{business_id}/clients/{client_id}", EVERYBODY, "getClientProfile"),
    route(Method::PUT, "/omega/businesses/{business_id}/clients/{client_id}", OFFICE, "upsertClient"),
    route(Method::GET, "/omega/businesses/{business_id}/conversations", EVERYBODY, "listConversations"),
    route(
        Method::GET,
        "/omega/businesses/{business_id}/conversations/filters",
        EVERYBODY,
        "getConversationFilters",
    ),
    route(
        Method::GET,
        "/omega/businesses/{business_id}/conversations/{conversation_id}/messages",
        EVERYBODY,
        "listConversationMessages",
    ),
    route(
        Method::GET,
        "/omega/businesses/{business_id}/conversations/{conversation_id}/messages/search",
        EVERYBODY,
        "searchMessages",
    ),
    route(
        Method::GET,
        "/omega/messages/{business_id}/conversations/{conversation_id}/messages/search",
        EVERYBODY,
        "searchMessagesLegacy",
    ),
    route(
        Method::GET,
        "/omega/businesses/{business_id}/conversations/{conversation_id}/history",
        EVERYBODY,
        "listConversationHistory",
    ),
    route(
        Method::POST,
        "/omega/businesses/{business_id}/conversations/{conversation_id}/notes",
        EVERYBODY,
        "addConversationNote",
    ),
    route(
        Method::POST,
        "/omega/businesses/{business_id}/conversations/{conversation_id}/assign",
        EVERYBODY,
        "assignConversation",
    ),
    route(
        Method::POST,
        "/omega/businesses/{business_id}/conversations/{conversation_id}/status",
        EVERYBODY,
        "updateConversationStatus",
    ),
    route(
        Method::POST,
        "/omega/businesses/{business_id}/conversations/{conversation_id}/label",
        EVERYBODY,
        "labelConversation",
    ),
    route(
        Method::POST,
        "/omega/businesses/{business_id}/messages/status",
        EVERYBODY,
        "updateMessagesReadStatus",
    ),
    route(
        Method::POST,
        "/omega/businesses/{business_id}/messages/{message_id}/flag",
        EVERYBODY,
        "flagMessage",
    ),
    route(Method::GET, "/omega/businesses/{business_id}/locations", EVERYBODY, "listLocations"),
    route(Method::PUT, "/omega/businesses/{business_id}/locations/{location_id}", OFFICE, "upsertLocation"),
    route(Method::GET, "/omega/businesses/{business_id}/clients", EVERYBODY, "listClients"),
    route(Method::DELETE, "/omega/businesses/{business_id}/clients/{client_id}", OFFICE, "eraseClient"),
    route(Method::GET, "/omega/businesses/{business_id}/staffs", EVERYBODY, "listStaff"),
    route(Method::GET, "/omega/businesses/{business_id}/staffs/{staff_id}", EVERYBODY, "getStaffProfile"),
    route(Method::PUT, "/omega/businesses/{business_id}/staffs/{staff_id}", OFFICE, "upsertStaff"),
    route(Method::POST, "/omega/auth/token", PROGRAMS, "generateAuthToken"),
    route(Method::POST, "/omega/session/expire", EVERYBODY, "expireSession"),
    route(Method::GET, "/omega/businesses/{business_id}/api-keys", OWNER, "listApiKeys"),
    route(Method::POST, "/omega/businesses/{business_id}/api-keys", OWNER, "createApiKey"),
    route(Method::DELETE, "/omega/businesses/{business_id}/api-keys/{key_id}", OWNER, "revokeApiKey"),
    route(Method::POST, "/omega/business/onboard", Access::Platform, "onboardBusiness"),
    route(
        Method::GET,
        "/omega/business/{business_id}/onboard/status",
        Access::Platform,
        "getOnboardingStatus",
    ),
    route(Method::POST, "/omega/business/{business_id}/api-key", Access::Platform, "replaceApiKeys"),
    route(Method::POST, "/omega/twilio/sms/reply", Access::TwilioSigned, "twilioIncomingSms"),
    route(Method::POST, "/omega/twilio/sms/status", Access::TwilioSigned, "twilioSmsStatus"),
    route(Method::POST, "/omega/twilio/voice/status", Access::TwilioSigned, "twilioVoiceStatus"),
    route(Method::GET, "/omega/businesses/{business_id}/voice-calls/token", PEOPLE, "getVoiceToken"),
    route(Method::POST, "/omega/voice-calls/twiml", Access::TwilioSigned, "handleTwimlCall"),
    route(Method::GET, "/api/info", Access::Public, "rocketchatServerInfo"),
    route(Method::GET, "/api/v1/info", Access::Public, "rocketchatServerInfoOfVersion1"),
    route(Method::GET, "/api/v1/me", EVERYBODY, "rocketchatMe"),
    route(Method::GET, "/api/v1/users.info", EVERYBODY, "rocketchatUserInfo"),
    route(Method::POST, "/api/v1/login", Access::SignsIn, "rocketchatLogIn"),
    route(Method::POST, "/api/v1/logout", EVERYBODY, "rocketchatLogOut"),
    route(Method::GET, "/api/v1/logout", EVERYBODY, "rocketchatLogOutByGet"),
    route(Method::GET, "/api/v1/omnichannel/contact", EVERYBODY, "rocketchatGetVisitor"),
    route(Method::POST, "/api/v1/omnichannel/contact", OFFICE, "rocketchatRegisterVisitor"),
    route(Method::GET, "/api/v1/omnichannel/contact.search", EVERYBODY, "rocketchatFindVisitor"),
    route(Method::POST, "/api/v1/omnichannel/contacts", OFFICE, "rocketchatCreateContact"),
    route(Method::GET, "/api/v1/omnichannel/contacts.get", EVERYBODY, "rocketchatGetContact"),
    route(Method::POST, "/api/v1/omnichannel/contacts.update", OFFICE, "rocketchatUpdateContact"),
    route(Method::GET, "/api/v1/omnichannel/contacts.search", EVERYBODY, "rocketchatSearchContacts"),
    route(
        Method::GET,
        "/api/v1/omnichannel/contacts.checkExistence",
        EVERYBODY,
        "rocketchatCheckContactExistence",
    ),
    route(Method::GET, "/api/v1/omnichannel/contacts.history", EVERYBODY, "rocketchatContactHistory"),
    route(Method::GET, "/api/v1/omnichannel/contacts.channels", EVERYBODY, "rocketchatContactChannels"),
    route(Method::POST, "/api/v1/omnichannel/contacts.block", EVERYBODY, "rocketchatBlockContact"),
    route(Method::POST, "/api/v1/omnichannel/contacts.unblock", EVERYBODY, "rocketchatUnblockContact"),
    route(
        Method::POST,
        "/api/v1/omnichannel/contacts.conflicts",
        OFFICE,
        "rocketchatResolveContactConflicts",
    ),
    route(Method::POST, "/api/v1/omnichannel/contacts.delete", OFFICE, "rocketchatDeleteContact"),
    route(Method::POST, "/authenticates", Access::SignsIn, "nexhealthAuthenticate"),
    route(Method::GET, "/conversations", EVERYBODY, "nexhealthListConversations"),
    route(Method::GET, "/institutions", EVERYBODY, "nexhealthListInstitutions"),
    route(Method::GET, "/institutions/{id}", EVERYBODY, "nexhealthGetInstitution"),
    route(Method::GET, "/locations", EVERYBODY, "nexhealthListLocations"),
    route(Method::GET, "/locations/{id}", EVERYBODY, "nexhealthGetLocation"),
    route(Method::GET, "/patients", EVERYBODY, "nexhealthListPatients"),
    route(Method::GET, "/patients/{id}", EVERYBODY, "nexhealthGetPatient"),
];

/// The entry of a route, by method and path template. `HEAD` is the `GET` it leaves the body out of.
pub fn find(method: &Method, path: &str) -> Option<&'static Route> {
    let method = if method == Method::HEAD { &Method::GET } else { method };
    ROUTES.iter().find(|route| route.method == *method && route.path == path)
}

/// The methods that exist for a path as it was called: what `Allow` says. Empty when there is no such path. Where several
/// templates match, the one counts that a router chooses: the one whose words are further to the left.
pub fn methods_of(path: &str) -> Vec<&'static str> {
    routes_of(path).into_iter().map(|route| route.method.as_str()).collect()
}

/// The routes of the template that a path is routed to.
pub(crate) fn routes_of(path: &str) -> Vec<&'static Route> {
    let called: Vec<&str> = path.split('/').collect();
    let is_parameter = |part: &str| part.starts_with('{');
    let matches = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == called.len()
            && parts
                .iter()
                .zip(&called)
                .all(|(part, called)| if is_parameter(part) { !called.is_empty() } else { part == called })
    };
    let matching = ROUTES.iter().filter(|route| matches(route.path));
    let chosen = matching.min_by_key(|route| route.path.split('/').map(is_parameter).collect::<Vec<_>>());
    ROUTES.iter().filter(|route| chosen.is_some_and(|chosen| chosen.path == route.path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_listed_once() {
        for (index, route) in ROUTES.iter().enumerate() {
            assert!(
                ROUTES[..index]
                    .iter()
                    .all(|other| (&other.method, other.path) != (&route.method, route.path))
            );
        }
    }

    #[test]
    fn the_methods_of_a_path_are_those_of_the_template_that_it_is_routed_to() {
        assert_eq!(methods_of("/omega/businesses/1/clients/2"), ["GET", "PUT", "DELETE"]);
        assert_eq!(methods_of("/omega/businesses/1/messages/2"), ["GET"]);
        assert_eq!(methods_of("/omega/businesses/1/messages/status"), ["POST"]);
        assert_eq!(methods_of("/omega/businesses/1/messages/requests/cancel"), ["GET"]);
        assert_eq!(methods_of("/omega/nothing"), Vec::<&str>::new());
    }
}
