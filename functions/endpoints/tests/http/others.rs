//! What other users see: nothing, on any path; and an admin sees no more.

use domain::delivery::DeliveryState;
use domain::message::Target;
use domain::user::Role;
use http::Request;
use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn anothers_endpoint_is_not_there_for_an_admin_either() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let root = house.guest_as("root", Role::Admin).await;
    let id = house.endpoint(&ada, json!({"description": "hers"})).await;
    let before = house.stored(&ada, &id).await;
    let missing = "end_018bcfe568007abcabababababababab";
    for guest in [&bob, &root] {
        for (method, path) in endpoints::ROUTES.iter().filter(|(_, path)| path.starts_with("/webhooks/{id}"))
        {
            for body in ["{\"description\":\"mine\"}", "{\"misspelt\":1}", ""] {
                let one = house.ask(guest, method, &path.replace("{id}", &id), &[], body).await;
                let other = house.ask(guest, method, &path.replace("{id}", missing), &[], body).await;
                if body.is_empty() && *method == "PATCH" {
                    assert_eq!(
                        (one.status.as_u16(), other.status.as_u16()),
                        (400, 400),
                        "it is no JSON at all"
                    );
                    continue;
                }
                assert_eq!(one.problem(), (404, "not-found"), "{method} {path} {body}");
                assert_eq!(
                    one.text("detail"),
                    other.text("detail"),
                    "{method} {path}: no telling them apart"
                );
            }
        }
        assert_eq!(house.get(guest, "/webhooks").await.body["endpoints"], json!([]));
    }
    assert_eq!(house.stored(&ada, &id).await, before, "nothing has happened to it");
}

#[tokio::test]
async fn anothers_delivery_is_sent_again_by_an_admin_alone() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let root = house.guest_as("root", Role::Admin).await;
    let job = house.job(&ada).await;
    let record = house.delivery(&job, Target::Job, DeliveryState::Dead).await;
    let path = format!("/jobs/{}/deliveries/{}/redeliver", job.id, record.id);
    assert_eq!(house.post(&bob, &path, json!({})).await.problem(), (404, "not-found"));
    assert_eq!(house.messages().await, []);
    assert_eq!(house.post(&root, &path, json!({})).await.status, 202);
    assert_eq!(house.messages().await.remove(0).user_id, ada.id);
}

#[tokio::test]
async fn nothing_is_open_without_a_token() {
    let house = House::new().await;
    for (method, path) in endpoints::ROUTES {
        let path = path.replace("/jobs/{id}", "/jobs/job_018bcfe568007abcabababababababab");
        let path = path.replace("{id}", "end_018bcfe568007abcabababababababab");
        let path = path.replace("{deliveryId}", "msg_018bcfe568007abcabababababababab");
        for token in [None, Some("Bearer x"), Some("Basic x")] {
            let mut request = Request::builder().method(*method).uri(&path);
            if let Some(token) = token {
                request = request.header("authorization", token);
            }
            let reply = house.send(request.body("{}".into()).unwrap()).await;
            assert_eq!(reply.status, 401, "{method} {path}");
        }
    }
}
