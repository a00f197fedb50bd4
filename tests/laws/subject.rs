//! What the laws are about: a session, or something that only pretends to be one.

use std::sync::Arc;

use sansftp::{
    config::{Config, Endpoints},
    instant::Instant,
    session::{Action, Event, Session},
};

/// What a driver needs of a session.
pub trait Subject {
    fn handle(&mut self, now: Instant, event: Event<'_>);
    fn poll_action(&mut self) -> Option<Action>;
    fn poll_timeout(&self) -> Option<Instant>;
    fn wants_input(&self) -> bool;
}

impl Subject for Session {
    fn handle(&mut self, now: Instant, event: Event<'_>) {
        Self::handle(self, now, event);
    }

    fn poll_action(&mut self) -> Option<Action> {
        Self::poll_action(self)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Self::poll_timeout(self)
    }

    fn wants_input(&self) -> bool {
        Self::wants_input(self)
    }
}

/// How a subject begins.
pub type Begin<'a> = &'a dyn Fn(Arc<Config>, Endpoints, Instant) -> Box<dyn Subject>;

/// The real one.
pub fn session(config: Arc<Config>, control: Endpoints, now: Instant) -> Box<dyn Subject> {
    Box::new(Session::new(config, control, now))
}
