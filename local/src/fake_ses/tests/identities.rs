use aws_sdk_sesv2::types::{DkimStatus, IdentityType, VerificationStatus};

use super::*;

#[tokio::test]
async fn an_identity_is_pending_until_it_is_verified() {
    let s = Setup::new().await;
    let client = sdk(&s);
    let get = || client.get_email_identity().email_identity("studio.example").send();
    assert!(get().await.unwrap_err().into_service_error().is_not_found_exception());
    let create = || client.create_email_identity().email_identity("Studio.example").send();
    let created = create().await.unwrap();
    assert_eq!(created.identity_type(), Some(&IdentityType::Domain));
    assert!(!created.verified_for_sending_status());
    let dkim = created.dkim_attributes().unwrap();
    assert_eq!(dkim.status(), Some(&DkimStatus::Pending));
    assert!(dkim.signing_enabled() && dkim.tokens().iter().all(|token| token.len() == 32));
    assert_eq!(dkim.last_key_generation_timestamp().unwrap().secs(), START / 1000);
    assert!(create().await.unwrap_err().into_service_error().is_already_exists_exception());

    let pending = get().await.unwrap();
    assert_eq!(pending.verification_status(), Some(&VerificationStatus::Pending));
    assert_eq!(pending.dkim_attributes().unwrap().tokens(), dkim.tokens());
    assert_eq!(dkim.tokens().len(), 3);
    s.control("identities", json!({"identity": "studio.example", "verified": true})).await;
    let verified = get().await.unwrap();
    assert!(verified.verified_for_sending_status());
    assert_eq!(verified.verification_status(), Some(&VerificationStatus::Success));
    assert_eq!(verified.dkim_attributes().unwrap().status(), Some(&DkimStatus::Success));
    s.control("identities", json!({"identity": "studio.example", "status": "FAILED"})).await;
    let failed = get().await.unwrap();
    assert_eq!(failed.verification_status(), Some(&VerificationStatus::Failed));
    assert!(!failed.verified_for_sending_status());

    let operations = s.wire.operations("ses");
    assert_eq!(operations[..2], ["GET /v2/email/identities/{identity}", "POST /v2/email/identities"]);
    let exceptions: Vec<_> = s.fake.requests().into_iter().filter_map(|request| request.exception).collect();
    assert_eq!(exceptions, ["NotFoundException", "AlreadyExistsException"]);
}

#[tokio::test]
async fn identities_can_verify_by_themselves_and_do_not_restrict_sends() {
    let s = Setup::new().await;
    s.fake.set_identities_verify(true);
    let client = sdk(&s);
    let created = client.create_email_identity().email_identity("ann@studio.example").send().await.unwrap();
    assert_eq!(created.identity_type(), Some(&IdentityType::EmailAddress));
    assert!(!created.verified_for_sending_status());
    let got = client.get_email_identity().email_identity("ann@studio.example").send().await.unwrap();
    assert!(got.verified_for_sending_status());
    s.accepted(&raw_mail("x")).await;
    let refused = client.create_email_identity().email_identity("nonsense").send().await.unwrap_err();
    assert!(refused.into_service_error().is_bad_request_exception());
    assert_eq!(s.fake.identities().len(), 1);
}
