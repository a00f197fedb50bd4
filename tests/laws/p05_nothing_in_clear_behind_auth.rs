//! Promise 5: **what was sent in clear behind `AUTH` is not executed after the handshake.**
//!
//! There is no `AUTH` yet, and so no handshake. What can be judged already: behind a `234` the client waits for a
//! handshake, so it is a lie if none begins before the session rests; and until then nothing is done but closing the
//! control connection and cleaning up, for whatever else were done could only be for a command that came in clear.

use sansftp::session::Action;

use super::{
    facts::{Facts, Protection},
    watch::{Judgement, law},
};

pub fn see(facts: &Facts, action: &Action) -> Judgement {
    let is_ending = match action {
        Action::SendReply(reply) => reply.code().number() == 421,
        Action::CloseControl
        | Action::Cancel(_)
        | Action::CloseDataConnection
        | Action::Abort(..)
        | Action::Drop(_)
        | Action::Detach(_) => true,
        _ => false,
    };
    law(5, facts.protection == Protection::Clear || is_ending, || {
        format!("{action:?} for what came in clear behind AUTH")
    })
}

pub fn rest(facts: &Facts) -> Judgement {
    law(5, facts.protection == Protection::Clear || facts.is_closed(), || {
        "a 234, and no handshake begins".into()
    })
}
