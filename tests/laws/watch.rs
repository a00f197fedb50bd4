//! The observer that judges a session by the promises.
//!
//! It sees what a driver sees, and nothing of the session itself:
//!
//! ```text
//! watch.tell(now, &event);  session.handle(now, event);
//! while let Some(action) = session.poll_action() { watch.see(&action)?; … }
//! watch.rest(now, session.poll_timeout())?;
//! ```
//!
//! A session is watched from its first action on, and [`LOCAL`] and [`PEER`] are the ends of its control connection.

use std::fmt;

use sansftp::{
    config::Config,
    instant::Instant,
    session::{Action, Event},
};

use super::{
    contract,
    facts::Facts,
    p01_true_226, p02_finish_or_abort,
    p03_one_final_reply::{self, Replies},
    p04_nothing_before_log_in, p05_nothing_in_clear_behind_auth, p09_the_right_peer, p10_deadlines,
    p11_harmless_names, p12_silence_after_close, p13_clean_end,
};

/// The server's end of the control connection.
pub const LOCAL: ([u8; 4], u16) = ([192, 0, 2, 1], 21);
/// The client's end of the control connection; the client's data connections come from here, too.
pub const PEER: ([u8; 4], u16) = ([198, 51, 100, 7], 50_000);
/// Somebody else.
pub const STRANGER: ([u8; 4], u16) = ([203, 0, 113, 9], 50_000);
/// The client's address with a port behind which other services listen.
pub const LOW_PORT: ([u8; 4], u16) = ([198, 51, 100, 7], 1023);

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Its number in the documentation of `session`; 0 is the contract of the actions.
    pub promise: u8,
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.promise {
            0 => write!(f, "the contract of actions: {}", self.what),
            promise => write!(f, "promise {promise}: {}", self.what),
        }
    }
}

impl std::error::Error for Broken {}

pub type Judgement = Result<(), Broken>;

/// A promise that is broken unless `holds`.
pub fn law(promise: u8, holds: bool, what: impl FnOnce() -> String) -> Judgement {
    if holds { Ok(()) } else { Err(Broken { promise, what: what() }) }
}

/// How promptly the client reads its replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// `RepliesSent` is told before anything else happens.
    Promptly,
    /// Only now and then, or never.
    Hardly,
}

/// What is known of a session, and what is still expected of it. Its memory is bounded: what is over is forgotten.
#[derive(Debug, Clone)]
pub struct Watch {
    facts: Facts,
    replies: Replies,
}

impl Watch {
    pub fn new(config: &Config, reading: Reading) -> Self {
        Self { facts: Facts::new(config), replies: Replies::new(config, reading) }
    }

    /// What is known of the session.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Something happens at this time, the latest that the session is told; to be called before `Session::handle`.
    pub fn tell(&mut self, now: Instant, event: &Event<'_>) {
        if let Event::Received(bytes) = event
            && !self.facts.forgets_input()
        {
            self.replies.note_received(bytes);
        }
        if let Some(code) = self.facts.tell(now, event) {
            self.replies.excuse(code);
        }
    }

    /// The session does something; to be called for each action, in order.
    pub fn see(&mut self, action: &Action) -> Judgement {
        let Self { facts, replies } = self;
        p12_silence_after_close::see(facts, action)?;
        p11_harmless_names::see(action)?;
        p05_nothing_in_clear_behind_auth::see(facts, action)?;
        p09_the_right_peer::see(facts, action)?;
        p02_finish_or_abort::see(facts, replies.has_abor(), action)?;
        p13_clean_end::see(facts, action)?;
        p01_true_226::see(facts, action)?;
        contract::see(facts, action)?;
        // Late, for where another one is broken, the order of replies often is, too, and says less.
        let verb = replies.verb_answered_next();
        p03_one_final_reply::see(facts, replies, action)?;
        p04_nothing_before_log_in::see(facts, verb, action)?;
        self.facts.see(action);
        Ok(())
    }

    /// `Session::poll_action` has given `None`. `now` is the latest time that the session was told, `timeout` what
    /// `Session::poll_timeout` gives.
    pub fn rest(&mut self, now: Instant, timeout: Option<Instant>) -> Judgement {
        let facts = &self.facts;
        p12_silence_after_close::rest(facts)?;
        p05_nothing_in_clear_behind_auth::rest(facts)?;
        p09_the_right_peer::rest(facts)?;
        p02_finish_or_abort::rest(facts)?;
        p13_clean_end::rest(facts)?;
        p01_true_226::rest(facts)?;
        self.facts.forget_ended();
        let facts = &self.facts;
        p10_deadlines::rest(facts, now, timeout)?;
        p03_one_final_reply::rest(facts, &self.replies)?;
        self.facts.rest();
        Ok(())
    }

    /// The session awaits nothing any more.
    pub fn end(&self) -> Judgement {
        p02_finish_or_abort::end(&self.facts)?;
        p10_deadlines::end(&self.facts)
    }
}
