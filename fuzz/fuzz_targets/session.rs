//! Whatever a client sends, a session neither panics nor goes on without an end.
#![no_main]

use std::{sync::Arc, time::Duration};

use libfuzzer_sys::fuzz_target;
use sansftp::{
    Action, Config, Denied, Endpoints, Event, Instant, Session,
    session::{Answer, Request},
    storage::StorageErrorKind,
};

fuzz_target!(|segments: Vec<&[u8]>| {
    let control = Endpoints { local: ([127, 0, 0, 1], 21).into(), peer: ([127, 0, 0, 1], 50000).into() };
    let mut session = Session::new(Arc::new(Config::default()), control, Instant::default());
    for (second, segment) in segments.into_iter().enumerate() {
        let now = Instant::from_origin(Duration::from_secs(second as u64));
        session.handle(now, Event::Received(segment));
        // A line of three bytes and its end is the shortest that is answered, and no answer needs more actions.
        let most = 64 * (segment.len() + 16);
        let mut count = 0;
        while let Some(action) = session.poll_action() {
            count += 1;
            assert!(count < most, "the session does not come to rest");
            if let Action::Ask(id, request) = action {
                session.handle(now, Event::Answered(id, answer(&request)));
            }
        }
        session.handle(now, Event::RepliesSent);
    }
});

fn answer(request: &Request) -> Answer {
    match request {
        Request::LogIn(credentials) if credentials.user.starts_with('a') => Answer::LoggedIn,
        Request::LogIn(_) => Answer::Denied(Denied::Refused),
        Request::MakeDirectory(_) | Request::Rename { .. } => Answer::Done,
        Request::OpenDownload { .. } | Request::OpenListing(_) => Answer::Opened,
        _ => Answer::Failed(StorageErrorKind::NotFound.into()),
    }
}
