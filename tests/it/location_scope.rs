//! Locations of staff: who can be given which conversation.

use futures_util::future::join;
use reqwest::Method;
use serde_json::{Value, json};

use crate::app::{Answered, App, Business, send};

async fn assign(studio: &Business<'_>, client: u64, staff: u64) -> Answered {
    let path = format!("/conversations/{client}/assign?staff_id={staff}");
    send(studio.request(Method::POST, &path)).await
}

/// Conversations 1 and 2 are at the locations 1 and 2, conversation 3 is at none. Member 10 works anywhere, 11 at 1, 12 at
/// 2 and 3, 13 nowhere that is used.
async fn studio(app: &App) -> Business<'_> {
    let studio = app.business().await;
    for (client, location) in [(1, json!(1)), (2, json!(2)), (3, Value::Null)] {
        studio.put(&format!("/clients/{client}"), json!({"location_id": location})).await.ok();
        studio.post(&format!("/clients/{client}/conversation"), json!({})).await.ok();
    }
    for (staff, locations) in [(10, json!([])), (11, json!([1])), (12, json!([2, 3])), (13, json!([9]))] {
        studio.staff(staff, json!({"staff_name": "Name", "location_ids": locations})).await;
    }
    studio
}

#[tokio::test]
async fn a_member_is_given_conversations_of_their_locations_and_those_without_one() {
    let app = App::start().await;
    let studio = studio(&app).await;
    for (staff, fits) in [
        (10, [true, true, true]),
        (11, [true, false, true]),
        (12, [false, true, true]),
        (13, [false, false, true]),
    ] {
        for (client, fits) in (1..).zip(fits) {
            let before = studio.client(client).await["assigned_to"].clone();
            let answer = assign(&studio, client, staff).await;
            if fits {
                assert_eq!(answer.status, 200, "{client} to {staff}: {}", answer.body);
                assert_eq!(studio.client(client).await["assigned_to"], staff.to_string());
            } else {
                assert_eq!(answer.bad_fields(), [r#"["query","staff_id"]"#], "{client} to {staff}");
                assert!(answer.body.to_string().contains("other locations"), "{}", answer.body);
                assert_eq!(studio.client(client).await["assigned_to"], before);
            }
        }
    }
}

#[tokio::test]
async fn a_session_is_bound_by_locations_as_a_program_is() {
    let app = App::start().await;
    let studio = studio(&app).await;
    let session = studio.session(11).await;
    let ask = async |client: u64, staff: u64| {
        let path = format!("/conversations/{client}/assign?staff_id={staff}");
        studio.as_session(&session, Method::POST, &path, json!({})).await.status
    };
    assert_eq!(
        (ask(2, 11).await, ask(1, 11).await, ask(2, 12).await, ask(1, 12).await),
        (422, 200, 200, 422)
    );
}

#[tokio::test]
async fn what_is_assigned_stays_assigned_when_locations_change_later() {
    let app = App::start().await;
    let studio = studio(&app).await;
    assign(&studio, 1, 11).await.ok();
    studio.staff(11, json!({"staff_name": "Name", "location_ids": [2]})).await;
    assert_eq!(studio.client(1).await["assigned_to"], "11");
    assert_eq!(assign(&studio, 1, 11).await.ok()["applied"], false, "it is so already");
    assign(&studio, 2, 12).await.ok();
    studio.put("/clients/2", json!({"location_id": 1})).await.ok();
    assert_eq!(studio.client(2).await["assigned_to"], "12");
    assign(&studio, 2, 10).await.ok();
    assert_eq!(assign(&studio, 2, 12).await.bad_fields(), [r#"["query","staff_id"]"#]);
}

/// Whatever comes first, an assignment that succeeded fitted at that moment.
#[tokio::test]
async fn an_assignment_races_a_change_of_the_members_locations_and_one_of_them_comes_first() {
    let app = App::start().await;
    let studio = studio(&app).await;
    for round in 0..8 {
        studio.staff(11, json!({"staff_name": "Name", "location_ids": [1]})).await;
        assign(&studio, 1, 10).await.ok();
        let moved = studio.put("/staffs/11", json!({"staff_name": "Name", "location_ids": [2]}));
        let (moved, assigned) = join(moved, assign(&studio, 1, 11)).await;
        moved.ok();
        let holder = studio.client(1).await["assigned_to"].clone();
        match assigned.status {
            200 => assert_eq!(holder, "11", "round {round}"),
            422 => assert_eq!(holder, "10", "round {round}"),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn an_assignment_races_a_change_of_the_clients_location_and_counts_stay_right() {
    let app = App::start().await;
    let studio = studio(&app).await;
    for round in 0..8 {
        studio.put("/clients/1", json!({"location_id": 1})).await.ok();
        assign(&studio, 1, 10).await.ok();
        let (moved, assigned) =
            join(studio.put("/clients/1", json!({"location_id": 2})), assign(&studio, 1, 11)).await;
        moved.ok();
        assert!([200, 422].contains(&assigned.status), "round {round}: {}", assigned.body);
        let holder = if assigned.status == 200 { "11" } else { "10" };
        assert_eq!(studio.client(1).await["assigned_to"], holder, "round {round}");
        assert_eq!(studio.get("/conversations?location_id=2").await.ok()["total"], 2);
    }
}
