//! What can happen next, and what happens when the seed has chosen.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use domain::time::Moment;
use queue::topology::{self, Queue};
use serde_json::Value;
use testkit::{Call, Fault, Replica, Turnstile, Waiting};

use super::clients::Clients;
use super::dice::Dice;
use super::processes::{Actor, Done, Processes};
use crate::invariants::Findings;
use crate::stage::Stage;
use crate::world::READ;

/// What can happen to a call. A server's error a caller sees as it sees a lost answer.
const FAULTS: [Fault; 9] = testkit::FAULTS;
/// One call in so many is disturbed.
const SELDOM: u64 = 25;
/// So many faults at most: a service that fails for ever does nothing.
const MOST_FAULTS: usize = 25;
/// So many messages come twice though nobody failed.
const MOST_DOUBLES: usize = 5;
/// So many processes are at work at once.
const MOST_ACTORS: usize = 6;
/// So much happens in a history.
const MOST_MOVES: usize = 700;
const MINUTE: i64 = 60_000;

/// Something that can happen next.
enum Move {
    Release(Waiting),
    Serve(Queue),
    Wish,
    Tick,
    Double,
    Thaw(u64),
    Follow,
    Pass,
}

/// A history that is being made.
pub(super) struct Simulation {
    stage: Stage,
    dice: Dice,
    turnstile: Turnstile,
    replica: Arc<Replica>,
    processes: Processes,
    actors: Vec<Actor>,
    clients: Clients,
    /// How many requests are still to come.
    wishes: u64,
    next_tick: Moment,
    /// Messages that were sent, and may come twice.
    sent: Vec<(String, String)>,
    doubles: usize,
    lines: Vec<String>,
    /// Whether each line is printed as it is written.
    aloud: bool,
    time_stopped: bool,
    pub(super) calls: usize,
    pub(super) faults: usize,
}

impl Simulation {
    pub(super) async fn new(seed: u64, aloud: bool) -> Self {
        let dice = Dice::new(seed);
        let stage = Stage::new().await;
        let replica = Arc::new(Replica::new(&stage.world.bed).await);
        if dice.one_in(2) {
            stage.endpoint(dice.word(&["taken", "second"])).await;
        }
        replica.follow(usize::MAX).await;
        let turnstile = Turnstile::new(stage.world.bed.journal.clone(), Some(Arc::clone(&replica)));
        Self {
            processes: Processes::new(turnstile.clone()),
            next_tick: stage.world.bed.now(),
            wishes: dice.between(12, 30),
            stage,
            dice,
            turnstile,
            replica,
            actors: Vec::new(),
            clients: Clients::default(),
            sent: Vec::new(),
            doubles: 0,
            lines: Vec::new(),
            aloud,
            time_stopped: false,
            calls: 0,
            faults: 0,
        }
    }

    pub(super) fn into_history(self) -> Vec<String> {
        self.lines
    }

    /// Has the time of the runtime, by which the functions sleep, stand still or go on by itself.
    pub(super) fn stop_time(&mut self, stopped: bool) {
        match (self.time_stopped, stopped) {
            (false, true) => tokio::time::pause(),
            (true, false) => tokio::time::resume(),
            _ => {}
        }
        self.time_stopped = stopped;
    }

    /// Everything that can happen happens, as the seed says.
    pub(super) async fn run_wild(&mut self) {
        self.stop_time(true);
        for _ in 0..MOST_MOVES {
            if self.wishes == 0 && self.actors.is_empty() && READ.iter().all(|queue| self.depth(*queue) == 0)
            {
                break;
            }
            match self.dice.weigh(self.moves()).unwrap_or(Move::Pass) {
                Move::Release(waiting) => self.release(waiting).await,
                Move::Serve(queue) => self.serve(queue).await,
                Move::Wish => self.ask().await,
                Move::Tick => self.tick().await,
                Move::Double => self.double().await,
                Move::Thaw(process) => self.thaw(process),
                Move::Follow => self.replica.follow(self.dice.between(1, 4) as usize).await,
                Move::Pass => self.pass(),
            }
        }
    }

    /// Nothing goes wrong any more, and everything comes to its end. Whoever stands still goes on only then.
    pub(super) async fn come_to_rest(&mut self, findings: &mut Findings) {
        self.note("it calms down");
        while let Some(place) = self.actors.iter().position(|actor| actor.frozen.is_none()) {
            self.replica.follow(usize::MAX).await;
            let process = self.actors[place].process;
            let waiting = self.turnstile.waiting().into_iter().find(|one| one.process == process);
            self.pass_through(waiting.expect("a call, for the process has not ended"), None).await;
        }
        self.stop_time(false);
        self.stage.world.counts_turns.set(true);
        self.stage.world.ticks.set(true);
        self.stage.settle().await;
        self.stage.resume_all().await;
        self.stage.settle().await;
        self.replica.follow(usize::MAX).await;
        self.turnstile.open();
        for actor in std::mem::take(&mut self.actors) {
            self.note(&format!("{} goes on", actor.what));
            let done = self.processes.finish(actor).await;
            self.hear(done);
        }
        self.stage.settle().await;
        self.stage.resume_all().await;
        self.stage.settle().await;
        self.clients.check(&self.stage, findings).await;
        let arrivals = self.stage.sink.arrivals().clone();
        self.stage.world.check(&arrivals, findings).await;
    }

    fn moves(&self) -> Vec<(u64, Move)> {
        let now = self.stage.world.bed.now();
        let frozen: BTreeSet<u64> =
            self.actors.iter().filter(|actor| actor.frozen.is_some()).map(|actor| actor.process).collect();
        let mut moves: Vec<(u64, Move)> = Vec::new();
        let held = self.turnstile.waiting().into_iter().filter(|one| !frozen.contains(&one.process));
        moves.extend(held.map(|waiting| (20, Move::Release(waiting))));
        if self.actors.len() < MOST_ACTORS {
            let ready = READ.into_iter().filter(|queue| self.depth(*queue) > 0);
            moves.extend(ready.map(|queue| (12, Move::Serve(queue))));
            if self.wishes > 0 {
                moves.push((6, Move::Wish));
            }
            if now >= self.next_tick {
                moves.push((10, Move::Tick));
            }
        }
        if !self.sent.is_empty() && self.doubles < MOST_DOUBLES {
            moves.push((1, Move::Double));
        }
        if self.replica.lag() > 0 {
            moves.push((12, Move::Follow));
        }
        let over = self.actors.iter().filter(|actor| actor.frozen.is_some_and(|until| until <= now));
        moves.extend(over.map(|actor| (20, Move::Thaw(actor.process))));
        // Time passes while calls are on their way, too, but not much.
        if !moves.is_empty() {
            moves.push((2, Move::Pass));
        }
        moves
    }

    /// Lets a call pass, or has something happen to it.
    async fn release(&mut self, waiting: Waiting) {
        let mut fault = None;
        if self.faults < MOST_FAULTS && self.dice.one_in(SELDOM) {
            let one = *self.dice.pick(&FAULTS);
            fault = one.befalls(&waiting.call).then_some(one);
        }
        self.faults += usize::from(fault.is_some());
        self.pass_through(waiting, fault).await;
    }

    async fn pass_through(&mut self, waiting: Waiting, fault: Option<Fault>) {
        let place = self.actors.iter().position(|actor| actor.process == waiting.process);
        let mut actor = self.actors.swap_remove(place.expect("whose call it is"));
        self.calls += 1;
        let seen = subject(&waiting.call);
        let happens = fault.map(|fault| format!(" !{fault:?}")).unwrap_or_default();
        self.note(&format!("{} | {}{seen}{happens}", actor.what, waiting.call.name()));
        if fault.is_none() {
            self.sent.extend(messages(&waiting.call));
        }
        match fault {
            Some(Fault::Freezes) => {
                // A request is over after 30 seconds, and its process with it (`Timeout` in template.yaml).
                let longest = if actor.asks { 60 } else { 420 };
                let seconds = Duration::from_secs(self.dice.between(1, longest));
                actor.frozen = Some(self.stage.world.bed.now().plus(seconds));
                self.actors.push(actor);
            }
            Some(Fault::DiesBefore) => self.processes.kill(actor),
            Some(Fault::DiesAfter) => {
                self.turnstile.release(waiting.number, fault);
                self.processes.take_effect(&mut actor).await;
                self.processes.kill(actor);
            }
            other => {
                self.turnstile.release(waiting.number, other);
                self.go_on(actor).await;
            }
        }
    }

    async fn go_on(&mut self, mut actor: Actor) {
        match self.processes.go_on(&self.stage.world.bed, &mut actor).await {
            None => self.actors.push(actor),
            Some(done) => {
                self.processes.is_done(actor);
                self.hear(done);
            }
        }
    }

    fn hear(&mut self, done: Done) {
        match done {
            Done::Served(delivery) => self.note(&format!("served: {}", told(&delivery))),
            Done::Ticked => self.note("ticked"),
            Done::Answered(wish, reply) => {
                self.note(&format!("answered {}: {}", wish.name(), reply.status));
                self.clients.hear(wish, reply);
            }
        }
    }

    async fn serve(&mut self, queue: Queue) {
        let bed = &self.stage.world.bed;
        let url = bed.queue(queue.name);
        // A webhook is sent over a real socket: several at once would not be one history.
        let most = if queue == topology::WEBHOOKS { 1 } else { self.dice.between(1, 3) };
        let mut actor = self.processes.start(bed, queue.name.to_owned(), |hands| async move {
            Done::Served(hands.serve(url, queue, usize::try_from(most).unwrap()).await)
        });
        actor.watches_clock = queue != topology::WEBHOOKS;
        actor.talks = queue == topology::WEBHOOKS;
        self.go_on(actor).await;
    }

    async fn ask(&mut self) {
        self.wishes -= 1;
        let wish = self.clients.wish(&self.stage, &self.dice);
        self.note(&format!("asks {}", wish.name()));
        let request = wish.request(&self.stage);
        let mut actor = self.processes.start(&self.stage.world.bed, wish.name(), |hands| async move {
            Done::Answered(wish, hands.answer(request).await)
        });
        actor.asks = true;
        self.go_on(actor).await;
    }

    /// A tick, at times two of a minute, at times none.
    async fn tick(&mut self) {
        if !self.dice.one_in(6) {
            let now = self.stage.world.bed.now().as_millis();
            self.next_tick = Moment::from_millis((now / MINUTE + 1) * MINUTE);
        }
        if self.dice.one_in(6) {
            return;
        }
        let actor = self.processes.start(&self.stage.world.bed, "tick".to_owned(), |hands| async move {
            hands.scheduler.handle(Value::Null).await;
            Done::Ticked
        });
        self.go_on(actor).await;
    }

    /// A message comes once more, as at-least-once delivery allows.
    async fn double(&mut self) {
        self.doubles += 1;
        let (url, body) = self.dice.pick(&self.sent).clone();
        let late = self.dice.between(0, 120);
        self.note(&format!("comes twice: {body}"));
        self.stage.world.send(&url, &body, late).await;
    }

    fn thaw(&mut self, process: u64) {
        for actor in self.actors.iter_mut().filter(|actor| actor.process == process) {
            actor.frozen = None;
        }
        self.note(&format!("process {process} goes on"));
    }

    /// Time passes: a little while something can be done, else until something can.
    fn pass(&mut self) {
        let bed = &self.stage.world.bed;
        let now = bed.now();
        let busy = READ.into_iter().any(|queue| self.depth(queue) > 0)
            || self.actors.iter().any(|actor| actor.frozen.is_none());
        let seconds = if busy {
            // At times so long that leases end.
            if self.dice.one_in(8) { self.dice.between(60, 400) } else { self.dice.between(1, 10) }
        } else {
            let due = READ.into_iter().filter_map(|queue| bed.engine.queue_due(queue.name));
            let thaws = self.actors.iter().filter_map(|actor| actor.frozen);
            let next = due.chain(thaws).chain([self.next_tick]).filter(|at| *at > now).min();
            let wait = next.map_or(Duration::from_secs(60), |next| next.since(now));
            u64::try_from(wait.as_millis().div_ceil(1_000)).unwrap()
        };
        self.note(&format!("{seconds} s pass"));
        self.stage.world.pass(seconds);
    }

    fn depth(&self, queue: Queue) -> i64 {
        self.stage.world.depth(queue).0
    }

    fn note(&mut self, line: &str) {
        let now = self.stage.world.bed.now();
        // The receiver's port is another each time.
        let line = line.replace(&self.stage.sink.base, "http://receiver");
        let line = format!("{:>6} {line}", now.since(self.stage.began()).as_secs());
        if self.aloud {
            println!("{line}");
        }
        self.lines.push(line);
    }
}

/// What a call is about, if that is easily told.
fn subject(call: &Call) -> String {
    let body: Value = serde_json::from_str(&call.body).unwrap_or_default();
    let item = ["Key", "Item"].into_iter().map(|place| &body[place]).find(|item| item.is_object());
    let item = item.cloned().unwrap_or_else(|| body["TransactItems"][0]["Put"]["Item"].clone());
    let [mut pk, sk] = ["pk", "sk"].map(|key| item[key]["S"].as_str().unwrap_or_default().to_owned());
    if pk.starts_with("HEALTH#usr_") {
        // What follows is made of the receiver's address, whose port is another each time.
        pk.truncate(pk.rfind('#').unwrap_or(pk.len()));
    }
    let message = body["MessageBody"].as_str().unwrap_or_default();
    let message: String = message.chars().take(120).collect();
    match (pk.is_empty(), message.is_empty()) {
        (false, _) => format!(
            " {pk}/{sk}{}",
            item["version"]["N"].as_str().map(|n| format!(" v{n}")).unwrap_or_default()
        ),
        (true, false) => format!(" {message}"),
        (true, true) => String::new(),
    }
}

/// The messages that a call sends: queue and body.
fn messages(call: &Call) -> Vec<(String, String)> {
    let body: Value = serde_json::from_str(&call.body).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let url = text(&body["QueueUrl"]);
    match call.name() {
        "SendMessage" => vec![(url, text(&body["MessageBody"]))],
        "SendMessageBatch" => {
            let entries = body["Entries"].as_array().into_iter().flatten();
            entries.map(|entry| (url.clone(), text(&entry["MessageBody"]))).collect()
        }
        _ => Vec::new(),
    }
}

fn told(delivery: &engine::mapping::Delivery) -> String {
    use engine::mapping::Delivery::{Failed, Idle, Settled};
    match delivery {
        Idle => "nothing".to_owned(),
        Settled { deleted, failed } => format!("{} done, {} again", deleted.len(), failed.len()),
        Failed { reason, .. } => reason.to_string(),
    }
}
