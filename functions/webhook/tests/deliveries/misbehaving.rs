//! Receivers that misbehave in every way, side by side with one that does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::delivery::{Delivery, DeliveryState, Receivers, owed};
use domain::endpoint::Endpoint;
use domain::message::Target;
use domain::payload::Payload;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::house::{House, OWNER_SECRET};
use crate::sink::{Sink, answer};

/// What the process may take at most, with the engine, the queues and the receivers in it: a Lambda function of the
/// smallest size has as much for the function alone.
const MOST_MEMORY: u64 = 128 << 20;
const GIGABYTE: usize = 1 << 30;

/// A server that does this with each connection, at that port.
async fn server<F>(tasks: &mut JoinSet<()>, each: impl Fn(TcpStream) -> F + Send + 'static) -> u16
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tasks.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(each(stream));
        }
    });
    port
}

/// Reads what arrives first.
async fn heard(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    let _ = stream.read(&mut buffer).await;
}

async fn say(mut stream: TcpStream, text: String) {
    heard(&mut stream).await;
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// How a receiver misbehaves, and what is to come of it.
struct Case {
    url: String,
    class: &'static str,
    status: Option<u16>,
    state: DeliveryState,
}

fn case(url: String, class: &'static str, status: Option<u16>) -> Case {
    Case { url, class, status, state: DeliveryState::Dead }
}

async fn cases(tasks: &mut JoinSet<()>, house: &House, sent: &Arc<AtomicUsize>) -> Vec<Case> {
    let at = |port: u16| format!("http://127.0.0.1:{port}/");
    let nobody = TcpListener::bind(("127.0.0.1", 0)).await.unwrap().local_addr().unwrap().port();
    let reset = server(tasks, |mut stream| async move {
        heard(&mut stream).await;
        stream.set_zero_linger().unwrap();
    });
    let reset = reset.await;
    let hangs = server(tasks, |mut stream| async move {
        heard(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await;
        std::future::pending().await
    });
    let hangs = hangs.await;
    let drips = server(tasks, |mut stream| async move {
        heard(&mut stream).await;
        for byte in b"HTTP/1.1 200 OK\r\nx-slow: ".iter().chain(std::iter::repeat(&b'a')) {
            if stream.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let drips = drips.await;
    let sent = Arc::clone(sent);
    let floods = server(tasks, move |mut stream| {
        let sent = Arc::clone(&sent);
        async move {
            heard(&mut stream).await;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {GIGABYTE}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            let chunk = vec![b'x'; 64 * 1024];
            for _ in 0..GIGABYTE / chunk.len() {
                if stream.write_all(&chunk).await.is_err() {
                    break;
                }
                sent.fetch_add(chunk.len(), Ordering::Relaxed);
            }
        }
    });
    let floods = floods.await;
    let no_tls = server(tasks, |mut stream| async move { heard(&mut stream).await });
    let no_tls = no_tls.await;
    // The preface of a server that speaks HTTP/2 and nothing else: empty SETTINGS.
    let http2 = server(tasks, |mut stream| async move {
        heard(&mut stream).await;
        let _ = stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).await;
        let _ = stream.shutdown().await;
    });
    let http2 = http2.await;
    let mut says = async |text: String| {
        let port =
            server(tasks, move |stream| say(stream, format!("HTTP/1.1 {text}\r\ncontent-length: 0\r\n\r\n")));
        at(port.await)
    };
    let later = std::time::SystemTime::UNIX_EPOCH
        + Duration::from_millis(u64::try_from(house.now().as_millis()).unwrap() + 600_000);
    vec![
        case(at(nobody), "connect", None),
        case(at(reset), "protocol", None),
        case(at(hangs), "timeout", None),
        case(at(drips), "timeout", None),
        Case { state: DeliveryState::Delivered, ..case(at(floods), "", Some(200)) },
        case(
            says("302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/".into()).await,
            "status",
            Some(302),
        ),
        case("http://169.254.169.254/latest/meta-data/".into(), "refused-address", None),
        case("http://nowhere.test/".into(), "dns", None),
        case(says("429 Too Many Requests\r\nretry-after: 600".into()).await, "status", Some(429)),
        case(
            says(format!("429 Too Many Requests\r\nretry-after: {}", httpdate::fmt_http_date(later))).await,
            "status",
            Some(429),
        ),
        case(says("410 Gone".into()).await, "status", Some(410)),
        case(says("500 Internal Server Error".into()).await, "status", Some(500)),
        case(format!("https://127.0.0.1:{no_tls}/"), "tls", None),
        case(at(http2), "protocol", None),
    ]
}

/// The most that this process has taken so far.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

async fn settled(
    house: &House,
    endpoint: &Endpoint,
    id: domain::id::WebhookId,
    job: domain::id::JobId,
) -> Delivery {
    for _ in 0..400 {
        if let Some(found) = house.store.delivery(job, id).await.unwrap() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nothing came of {}", endpoint.url)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_is_told_from_the_others_and_none_harms_a_good_one() {
    let (house, mut tasks, flooded) = (House::build().await, JoinSet::new(), Arc::default());
    let cases = cases(&mut tasks, &house, &flooded).await;
    let owner = house.user(Some(house.seal(OWNER_SECRET))).await;
    let good = house.endpoint(owner.id, |_| {}).await;
    let mut bad = Vec::new();
    for case in &cases {
        let waits = if case.status == Some(429) { "1s" } else { "none" };
        let change = |endpoint: &mut Endpoint| {
            (endpoint.url, endpoint.steps) = (case.url.clone(), Some(waits.parse().unwrap()));
        };
        bad.push(house.endpoint(owner.id, change).await);
    }
    let job = house.job(owner.id, None).await;
    let all: Vec<_> = bad.iter().chain([&good]).cloned().collect();
    let to = Receivers { deployment: None, endpoints: &all };
    let messages = owed(&job, job.run.as_ref().unwrap(), &Payload::empty(), to);
    let messages: Vec<_> = messages.into_iter().filter(|one| one.endpoint_id != Target::Job).collect();
    house.queues.send(&messages, Duration::ZERO).await.unwrap();
    let live = house.live(8);
    for (message, endpoint) in messages.iter().zip(&all) {
        let record = settled(&house, endpoint, message.webhook_id, job.id).await;
        let attempt = &record.attempts[0];
        let told = (attempt.error_class.as_deref(), attempt.response_status);
        let Some(case) = cases.iter().find(|case| case.url == endpoint.url) else {
            let took = attempt.sent_at.since(job.updated_at) + Duration::from_millis(attempt.duration_ms);
            assert_eq!((record.state, told), (DeliveryState::Delivered, (None, Some(200))));
            assert!(took < Duration::from_secs(2), "the good one was late: {took:?}");
            continue;
        };
        let class = Some(case.class).filter(|class| !class.is_empty());
        assert_eq!(told, (class, case.status), "{}: {attempt:?}", case.url);
        assert_eq!((attempt.attempt, record.attempt_count), (1, 1));
        match case.status {
            Some(429) => {
                // As long as it has asked for, and not as short as the step.
                let wait = record.next_attempt_at.unwrap().since(house.now());
                assert!((500..=600).contains(&wait.as_secs()), "{wait:?}");
                assert_eq!(record.state, DeliveryState::Retrying);
                assert!(attempt.response_headers.contains_key("retry-after"));
            }
            _ => assert_eq!(record.state, case.state, "{}", case.url),
        }
        let gone = house.health(endpoint).await.disabled_at.is_some();
        assert_eq!(gone, case.status == Some(410), "{}", case.url);
    }
    drop(live);
    assert!(flooded.load(Ordering::Relaxed) < GIGABYTE / 10, "a gigabyte was read to its end");
    let peak = peak_memory();
    eprintln!("peak: {} MB", peak >> 20);
    assert!(peak < MOST_MEMORY, "{} MB", peak >> 20);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_checked_at_every_attempt() {
    let house = House::with(&[("WEBHOOK_RETRY_SCHEDULE", "1s")]).await;
    let sink = Sink::start().await;
    let port = url::Url::parse(&sink.url()).unwrap().port().unwrap();
    sink.will([answer(500)]);
    let (_, message) =
        house.heard_by(|endpoint| endpoint.url = format!("http://rebinding.test:{port}/")).await;
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.record(&message).await.attempts[0].response_status, Some(500));
    // The connection that was kept is not asked again.
    tokio::time::sleep(Duration::from_secs(6)).await;
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    let last = record.attempts[1].clone();
    assert_eq!((record.state, last.error_class.as_deref()), (DeliveryState::Dead, Some("refused-address")));
    assert!(last.error.unwrap().contains("EGRESS_ALLOW=10.0.0.1"));
    assert_eq!(sink.arrivals(), 1);
}
