//! Clients: well-behaved ones, and all the others.

mod control;
mod data;
mod downloads;
mod errands;
mod fitting;
mod link;
mod plans;
mod protection;
mod reading;
mod script;
mod series;
mod uploads;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

pub use self::{
    control::Gone,
    plans::{to_store, to_wire},
    reading::{Hearings, confirmations},
};
use self::{
    control::{ANSWERED, ClientSide, Control},
    data::{Sent, Way},
    link::Link,
    protection::Protection,
};
use super::{
    chance::Chance,
    store::{Answer, Store, Subject, Tag},
    world::World,
};

/// What kind of client it is.
#[derive(Clone, Debug)]
pub struct Habits {
    /// How long it waits for the server.
    patience: Duration,
    /// It does something unexpected in one transfer of so many; never if that is 0.
    wildness: u64,
    /// It sends commands before it has read the replies to others.
    pipelines: bool,
    /// It says what it wants in one go, ends its side, and reads what comes.
    is_script: bool,
    /// It does not read replies while it sends.
    reads_late: bool,
    /// Bytes that it sends and receives at once, at most.
    piece: usize,
    /// How long it does nothing now and then.
    pause: Duration,
    /// Errands of a session, and sessions.
    errands: u64,
    sessions: u64,
    /// The largest file that it sends.
    pub sizes: usize,
}

impl Habits {
    pub fn new(chance: &mut Chance, sizes: usize) -> Self {
        let good = Self {
            patience: Duration::from_secs(4000),
            wildness: 0,
            pipelines: false,
            is_script: chance.one_in(12),
            reads_late: chance.one_in(6),
            piece: chance.pick(&[64 << 10, 4000, 700]),
            pause: Duration::ZERO,
            errands: chance.between(1, 5),
            sessions: 1,
            sizes,
        };
        if chance.below(3) == 0 {
            return good;
        }
        let pauses = [Duration::ZERO, Duration::from_millis(3), Duration::from_secs(20)];
        let patiences = [4000, 400, 60, 15];
        Self {
            patience: Duration::from_secs(chance.pick(&patiences)),
            wildness: chance.pick(&[2, 4, 1]),
            pipelines: chance.one_in(4),
            reads_late: chance.one_in(4),
            pause: chance.pick(&pauses),
            sessions: chance.between(1, 3),
            ..good
        }
    }

    const fn is_good(&self) -> bool {
        self.wildness == 0
    }
}

/// A client in one session.
pub struct Client {
    world: World,
    store: Store,
    control: Control,
    habits: Habits,
    address: std::net::IpAddr,
    server: SocketAddr,
    is_ascii: bool,
    protection: Option<Protection>,
    /// The passive ports that it was told, and the last one, by its index.
    told_ports: usize,
    port: Option<usize>,
    arrived: Duration,
}

/// Lives through its sessions. After one that fell silent it repeats its last upload in the next.
pub async fn live(store: Store, server: SocketAddr, address: Ipv4Addr, habits: Habits) {
    let mut repeated = None;
    for _ in 0..habits.sessions.max(1) {
        let Some(mut client) = Client::arrive(&store, server, address, &habits).await else { return };
        store.world.count("sessions");
        let gone = client.serve_oneself(&mut repeated).await;
        let world = store.world.clone();
        world.note(|| format!("{address} is done: {gone:?}"));
        match gone {
            Ok(()) | Err(Gone::Ended) => repeated = None,
            Err(Gone::Silent) => world.count("clients: tired of waiting"),
            Err(Gone::Left) if world.choose(|chance| chance.one_in(2)) => return,
            Err(Gone::Left) => {}
        }
    }
}

impl Client {
    async fn arrive(store: &Store, server: SocketAddr, address: Ipv4Addr, habits: &Habits) -> Option<Self> {
        let world = store.world.clone();
        let port = world.lock().fresh_port();
        let from = SocketAddr::new(address.into(), port);
        let dialled = world.within(Duration::from_secs(60), world.dial(from, server, false)).await;
        let Some(Ok(socket)) = dialled else {
            if is_easy(store) && !world.lock().is_closed {
                world.violate("the server cannot be reached in fair weather".into());
            }
            return None;
        };
        let control = Control::new(store, socket, habits.patience, habits.is_good());
        let protection = Protection::new(&world, habits.is_good());
        let (store, habits, address) = (store.clone(), habits.clone(), address.into());
        let arrived = world.lock().now;
        Some(Self {
            world,
            store,
            control,
            habits,
            address,
            server,
            is_ascii: true,
            protection,
            told_ports: 0,
            port: None,
            arrived,
        })
    }

    async fn serve_oneself(&mut self, repeated: &mut Option<String>) -> Result<(), Gone> {
        if self.habits.is_script {
            return self.recite().await;
        }
        self.be_greeted().await?;
        self.protect().await?;
        self.log_in().await?;
        self.clear_control().await?;
        if let Some(path) = repeated.take() {
            self.world.count("uploads: repeated in another session");
            self.upload(path).await?;
        }
        for _ in 0..self.habits.errands {
            self.run_errand(repeated).await?;
            *repeated = None;
        }
        self.leave().await
    }

    fn choose<T>(&self, choose: impl FnOnce(&mut Chance) -> T) -> T {
        self.world.choose(choose)
    }

    /// A name that others use as well.
    fn path(&self) -> String {
        self.choose(|chance| chance.pick(&["/a", "/b", "/c", "/a", "/d/a", "/e"])).to_owned()
    }

    fn begin(&self, verb: &'static str, subject: Subject) -> Tag {
        let peer = self.control.link.socket.local();
        self.store.lock().begin(peer, verb, subject, self.protects_data())
    }

    /// What is known of a transfer when it is the next one.
    fn note_transfer(&self, tag: Tag) {
        let mut ledger = self.store.lock();
        let attempt = ledger.attempt(tag);
        (attempt.port, attempt.reads_on) = (self.port, self.control.side != ClientSide::Open);
    }

    /// Where nothing goes wrong, a client that does nothing wrong gets what it wants.
    fn check_success(&self, answer: &Answer, what: &str) {
        if answer.code != 226 && self.has_it_easy() {
            self.world.violate(format!("{what} is refused in fair weather: {}", answer.text));
        }
    }

    /// There, a server takes what is sent, and be it that nobody reads its replies.
    fn check_flow(&self) {
        if self.has_it_easy() {
            self.world.violate("an upload is stuck in fair weather".into());
        }
    }

    /// There, an upload that has come whole is stored and answered at once.
    fn check_promptness(&self, ended: Duration) {
        let waited = self.world.lock().now.saturating_sub(ended);
        if waited > ANSWERED && self.has_it_easy() {
            self.world.violate(format!("an upload is answered {waited:?} after its end"));
        }
    }

    /// There, what is to be answered in a transfer is not answered after it.
    fn check_order(&self, is_late: bool, verb: &str) {
        if is_late && is_easy(&self.store) {
            self.world.violate(format!("promise 3: {verb} has to wait for the transfer"));
        }
    }

    fn has_it_easy(&self) -> bool {
        self.habits.is_good() && is_easy(&self.store)
    }
}

/// Whether nothing keeps a client from what it wants but itself.
fn is_easy(store: &Store) -> bool {
    let state = store.world.lock();
    state.weather.is_fair() && state.shutdown.is_none() && !state.is_crowded && store.moods.is_good()
}
