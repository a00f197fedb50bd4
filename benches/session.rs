//! A session's round trip: bytes in, actions out.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a benchmark")]

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sansftp::{
    Action, Config, Endpoints, Event, Instant, Metadata, Pathname, Session, TimeValue,
    session::{Answer, ControlState, DataEnd, FinishKind, Movement, Outcome, Request, Waits},
    storage::Stored,
};

fn endpoints() -> Endpoints {
    Endpoints { local: "127.0.0.1:21".parse().unwrap(), peer: "127.0.0.1:50000".parse().unwrap() }
}

fn session() -> Session {
    let mut session = Session::new(Arc::new(Config::default()), endpoints(), Instant::default());
    send(&mut session, b"USER anna\r\nPASS secret\r\nTYPE I\r\n");
    session
}

/// Plays the driver, the store and the client's data connection, without any I/O.
fn send(session: &mut Session, commands: &[u8]) {
    let now = Instant::default();
    session.handle(now, Event::Received(commands));
    while let Some(action) = session.poll_action() {
        match action {
            Action::SendReply(reply) => {
                black_box(reply);
            }
            Action::Ask(id, request) => session.handle(now, Event::Answered(id, answer(request))),
            Action::OpenDataConnection(id, _) => {
                session.handle(now, Event::Listening(id, "127.0.0.1:40000".parse().unwrap()));
                session.handle(now, Event::DataConnected(id, endpoints().peer));
            }
            Action::Transfer(id, Movement::Receive(_)) => {
                let end = DataEnd::Fin { waits: Some(Waits::default()) };
                session.handle(now, Event::TransferEnded(id, Outcome::Received { bytes: 1024, end }));
            }
            Action::Transfer(id, _) => {
                session.handle(now, Event::TransferEnded(id, Outcome::Sent { bytes: 1024 }));
            }
            Action::LookAtControl(id) => {
                session.handle(now, Event::ControlLookedAt(id, ControlState::Open));
            }
            Action::AwaitFinish(id) => session.handle(now, Event::Finished(id, Ok(Stored::default()))),
            other => panic!("{other:?}"),
        }
    }
    session.handle(now, Event::RepliesSent);
}

fn answer(request: Request) -> Answer {
    match request {
        Request::LogIn(_) => Answer::LoggedIn,
        Request::Stat(_) => {
            Answer::Metadata { metadata: Metadata::file(1024), now: TimeValue::from_unix(0, 0) }
        }
        Request::OpenUpload { .. } => {
            Answer::UploadOpened { pathname: Pathname::root(), offset: 0, finish: FinishKind::RunsToItsEnd }
        }
        Request::OpenDownload { .. } => Answer::Opened,
        other => panic!("{other:?}"),
    }
}

fn session_benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session");
    let pipelined = b"NOOP\r\n".repeat(64);
    for (name, count, commands) in [
        ("noop", 1, &b"NOOP\r\n"[..]),
        ("noop, 64 pipelined", 64, &pipelined[..]),
        ("size", 1, b"SIZE some/file\r\n"),
        ("store a file", 1, b"EPSV\r\nSTOR some/file\r\n"),
        ("retrieve a file", 1, b"EPSV\r\nRETR some/file\r\n"),
    ] {
        group.throughput(Throughput::Elements(count));
        let mut session = session();
        group.bench_function(name, |bencher| bencher.iter(|| send(&mut session, commands)));
    }
    group.finish();
    criterion.bench_function("log in and quit", |bencher| {
        bencher.iter(|| {
            let mut session = Session::new(Arc::default(), endpoints(), Instant::default());
            send_until_closed(&mut session);
        });
    });
}

fn send_until_closed(session: &mut Session) {
    let now = Instant::default();
    session.handle(now, Event::Received(b"USER anna\r\nPASS secret\r\nQUIT\r\n"));
    while let Some(action) = session.poll_action() {
        if let Action::Ask(id, request) = action {
            session.handle(now, Event::Answered(id, answer(request)));
        }
    }
}

criterion_group!(benches, session_benches);
criterion_main!(benches);
