//! One world from its beginning to its end.

use std::{net::Ipv4Addr, time::Duration};

use sansftp::{
    Config, SessionReuse, Settings, TlsRequirement, TlsSettings, TlsStart, Truncation, adapters::Server,
    config::FinishOverdue,
};

use super::{
    chance::Chance,
    client::{Habits, live},
    counts::Counts,
    log::Log,
    oracle,
    store::Store,
    tls::start_server,
    world::{LAG, Shutdown, World},
};

/// How large a world is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Clients, at most.
    pub clients: u64,
    /// Bytes of a file, at most.
    pub files: usize,
    /// Polls, arrivals and timers. A world that needs more does not come to rest.
    pub steps: u64,
}

/// What a world left behind.
pub struct End {
    pub violations: Vec<String>,
    pub counts: Counts,
    pub log: String,
}

/// Many times what the largest world of a seed needs.
const STEPS: u64 = 5_000_000;
/// Where the server listens.
pub const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 21);

/// One in so many worlds has TLS. What the others are does not depend on the feature.
const WITH_TLS: u64 = 4;

/// Plays the world of a seed: a small one, or now and then one with hundreds of sessions.
pub fn play_seed(seed: u64, log: Log) -> End {
    let mut chance = Chance::from_seed(seed);
    let size = match chance.below(64) {
        0..48 => Size { clients: 4, files: 100_000, steps: STEPS },
        48..63 => Size { clients: 16, files: 20_000, steps: STEPS },
        _ => Size { clients: 300, files: 2000, steps: STEPS },
    };
    let has_tls = cfg!(feature = "tls") && seed % WITH_TLS == WITH_TLS - 1;
    play(chance, size, has_tls, log)
}

/// Lets everything happen, and judges it.
pub fn play(chance: Chance, size: Size, has_tls: bool, log: Log) -> End {
    let world = World::new(chance, log);
    let store = Store::new(world.clone());
    let clients = world.choose(|chance| chance.between(1, size.clients));
    let mut settings = settings(&world, clients);
    if has_tls {
        settings.tls = world.choose(tls_settings);
        world.lock().tls = settings.tls;
        world.count("worlds: with TLS");
    }
    world.note(|| format!("{:?} {:?} {settings:?}", world.weather(), store.moods));
    let config = Config::new(settings.clone()).expect("the settings are right");
    let server = start_server(&world, &store, config).expect("the address is free");
    world.start(keep_running(world.clone(), store.clone(), server, clients, size));
    world.run(size.steps);
    let is_broken = !world.lock().violations.is_empty();
    if !is_broken {
        oracle::judge(&world, &store, &settings);
    }
    let mut state = world.lock();
    let violations = std::mem::take(&mut state.violations);
    let log = std::mem::take(&mut state.log);
    let counts = state.counts.clone();
    drop(state);
    world.clear();
    End { violations, counts, log: log.into_text() }
}

/// Lets the clients come and go, and ends the server after them, or before.
async fn keep_running(world: World, store: Store, server: Server<World>, clients: u64, size: Size) {
    let crowd = world.choose(|chance| Duration::from_secs(chance.pick(&[1, 60, 600])));
    for number in 0..clients {
        let habits = world.choose(|chance| Habits::new(chance, size.files));
        let (world, store) = (world.clone(), store.clone());
        let arrival = world.choose(|chance| chance.time(crowd));
        // Addresses differ, unless clients sit behind the same router.
        let host = if world.lock().is_crowded { number % 3 } else { number };
        let address = Ipv4Addr::from(0xC633_6401 + host as u32);
        world.clone().start(async move {
            world.wait(arrival).await;
            live(store, SERVER.into(), address, habits).await;
        });
    }
    end(world, server).await;
}

/// Ends the server in one of its ways.
async fn end(world: World, server: Server<World>) {
    let lasts = [100_000, 100_000, 300, 20, 2];
    let lasts = world.choose(|chance| Duration::from_secs(chance.pick(&lasts)));
    if lasts < Duration::from_secs(1000) {
        world.count("worlds: server ends among clients");
        world.wait(world.choose(|chance| chance.time(lasts))).await;
    } else {
        world.wait(lasts).await;
    }
    world.lock().is_closed = true;
    if world.choose(|chance| chance.one_in(4)) {
        // The sessions that there are run on to their own ends.
        return drop(server);
    }
    let deadline = world.choose(|chance| chance.pick(&[0, 1, 30, 3000]));
    world.note(|| format!("the server is shut down within {deadline} s"));
    let asked = world.lock().now;
    let shutdown = Shutdown { asked, deadline: asked + Duration::from_secs(deadline) };
    world.lock().shutdown = Some(shutdown);
    server.shutdown(Duration::from_secs(deadline)).await;
    let (left, now) = (world.server_tasks(), world.lock().now);
    if left > 0 {
        world.violate(format!("{left} tasks are left after the shutdown"));
    }
    if now > asked.max(world.server_ended()) + LAG {
        world.violate(format!("the shutdown has waited for nothing until {now:?}"));
    }
}

/// Settings that a program might choose.
fn settings(world: &World, clients: u64) -> Settings {
    let is_memory_patient = world.choose(|chance| chance.one_in(2));
    let mut state = world.lock();
    let is_crowded = state.chance.one_in(8);
    state.is_crowded = is_crowded;
    let chance = &mut state.chance;
    let mut seconds = |from: &[u64]| Duration::from_secs(chance.pick(from));
    let timeouts = Settings {
        log_in_timeout: seconds(&[60, 5]),
        control_idle_timeout: seconds(&[300, 30]),
        request_timeout: seconds(&[120, 10]),
        data_connect_timeout: seconds(&[20, 3]),
        data_stall_timeout: seconds(&[300, 10]),
        finish_timeout: seconds(&[300, 10]),
        abort_timeout: seconds(&[30, 3]),
        detached_timeout: seconds(&[3600, 100]),
        ..Settings::default()
    };
    let first = state.fresh_port();
    let chance = &mut state.chance;
    let ports = chance.pick(&[None, None, Some(1), Some(5)]);
    Settings {
        killed_client_grace: Duration::from_millis(chance.pick(&[5, 20, 0])),
        data_close_grace: Duration::from_millis(chance.pick(&[20, 0])),
        finish_overdue: chance.pick(&[FinishOverdue::Abort, FinishOverdue::Detach]),
        detached_limit: chance.pick(&[8, 1]),
        chunk_size: chance.pick(&[256 << 10, 4096, 512]),
        reply_limit: chance.pick(&[16 << 10, 512]),
        backlog_limit: chance.pick(&[16 << 10, 1024]),
        passive_port_rest: 4 * timeouts.data_connect_timeout,
        passive_ports: ports.filter(|_| is_memory_patient).map(|count| first..=first + count - 1),
        connections_limit: if is_crowded { (clients as usize).div_ceil(2) } else { 10_000 },
        connections_per_address_limit: if is_crowded { 2 } else { 10_000 },
        ..timeouts
    }
}

fn tls_settings(chance: &mut Chance) -> TlsSettings {
    let requirements = [TlsRequirement::Nothing, TlsRequirement::Control, TlsRequirement::ControlAndData];
    TlsSettings {
        start: chance.pick(&[TlsStart::Explicit, TlsStart::Explicit, TlsStart::Implicit]),
        requirement: chance.pick(&requirements),
        session_reuse: chance.pick(&[SessionReuse::Offer, SessionReuse::Require, SessionReuse::Off]),
        truncation: chance.pick(&[Truncation::Refuse, Truncation::Refuse, Truncation::Accept]),
        handshake_timeout: Duration::from_secs(chance.pick(&[20, 10])),
    }
}
