use crate::bed::{Bed, bodies};

async fn send_as(bed: &Bed, url: &str, group: &str, count: usize) {
    for _ in 0..count {
        bed.sqs
            .send_message()
            .queue_url(url)
            .message_body(group)
            .message_group_id(group)
            .send()
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_group_with_much_in_flight_lets_the_quiet_ones_go_first() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    send_as(&bed, &url, "noisy", 60).await;
    send_as(&bed, &url, "quiet", 3).await;
    send_as(&bed, &url, "shy", 1).await;
    // Nothing is in flight, so the oldest go first.
    assert_eq!(bodies(&bed.receive(&url).await), ["noisy"; 10]);
    // Now the noisy group holds ten, and the others do not wait behind its fifty.
    let second = bed.receive(&url).await;
    let count = |group| bodies(&second).iter().filter(|body| **body == group).count();
    assert_eq!((count("quiet"), count("shy"), count("noisy")), (3, 1, 6));
    // Alone again, it is served in full.
    assert_eq!(bodies(&bed.receive(&url).await), ["noisy"; 10]);
    assert_eq!(bed.depth(&url).await, (34, 30, 0));
}

#[tokio::test]
async fn every_message_comes_out_once_however_noisy_the_groups() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    for group in 0..50 {
        send_as(&bed, &url, &format!("group{group:02}"), if group % 10 == 0 { 30 } else { 2 }).await;
    }
    let mut ids = std::collections::HashSet::new();
    let mut total = 0;
    loop {
        let batch = bed.receive(&url).await;
        if batch.is_empty() {
            break;
        }
        total += batch.len();
        ids.extend(batch.into_iter().map(|message| message.message_id.unwrap()));
    }
    assert_eq!((total, ids.len()), (5 * 30 + 45 * 2, 5 * 30 + 45 * 2));
}
