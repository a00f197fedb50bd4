//! A session in its steady state executes commands without allocating.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::Arc,
};

use sansftp::{
    Action, Config, Endpoints, Event, Instant, Metadata, Session, TimeValue,
    session::{Answer, Request},
};

/// The system's allocator, counting the calls of each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of this very call.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn session() -> Session {
    let control =
        Endpoints { local: "127.0.0.1:21".parse().unwrap(), peer: "127.0.0.1:50000".parse().unwrap() };
    let mut session = Session::new(Arc::new(Config::default()), control, Instant::default());
    send(&mut session, b"USER anna\r\n");
    send(&mut session, b"PASS secret\r\n");
    session
}

/// Sends commands, answers what the session asks, and drops its replies as a driver does that has written them.
fn send(session: &mut Session, commands: &[u8]) {
    session.handle(Instant::default(), Event::Received(commands));
    while let Some(action) = session.poll_action() {
        let Action::Ask(id, request) = action else { continue };
        let answer = match request {
            Request::LogIn(_) => Answer::LoggedIn,
            Request::Stat(_) => {
                Answer::Metadata { metadata: Metadata::file(9), now: TimeValue::from_unix(0, 0) }
            }
            other => panic!("{other:?}"),
        };
        session.handle(Instant::default(), Event::Answered(id, answer));
    }
    session.handle(Instant::default(), Event::RepliesSent);
}

/// How many allocations a thousand rounds of these commands make, after some to warm up.
fn allocations_of(commands: &[u8]) -> usize {
    let mut session = session();
    for _ in 0..100 {
        send(&mut session, commands);
    }
    let before = ALLOCATIONS.get();
    for _ in 0..1000 {
        send(&mut session, commands);
    }
    ALLOCATIONS.get() - before
}

#[test]
fn commands_without_a_pathname_allocate_nothing() {
    for commands in [
        &b"NOOP\r\n"[..],
        b"NOOP\r\nNOOP\r\nNOOP\r\n",
        b"SYST\r\n",
        b"TYPE I\r\nMODE S\r\nSTRU F\r\n",
        b"PWD\r\n",
        b"REST 12\r\n",
        b"nonsense\r\n",
        b"FEAT\r\n",
    ] {
        assert_eq!(allocations_of(commands), 0, "{}", commands.escape_ascii());
    }
}

#[test]
fn a_command_with_a_pathname_allocates_the_pathname() {
    assert!(allocations_of(b"TYPE I\r\nSIZE some/file\r\n") <= 2 * 1000);
}
