//! Promise 1: **a `226` to `STOR`, `STOU` or `APPE` is completed only after that upload's finish has succeeded.**
//!
//! From the moment an upload is asked for until its final reply, that reply is a `226` or `250` only if `Finished` with
//! success was told of it. The final reply is the first one that is neither preliminary nor the answer to a `NOOP` or
//! `STAT` in the transfer. The other way round, too: once the file is stored, the next reply is its `226`, unless
//! the session is closed.

use sansftp::session::Action;

use super::{
    facts::{Content, Due, Facts},
    watch::{Judgement, law},
};

pub fn see(facts: &Facts, action: &Action) -> Judgement {
    let Action::SendReply(reply) = action else { return Ok(()) };
    let code = reply.code().number();
    if facts.due == Some(Due::Stored) {
        law(1, code == 226, || format!("a file is stored, and the client is told {code}"))?;
    }
    let is_stored =
        facts.answering.is_none_or(|answering| answering.content != Content::Upload || answering.is_stored);
    law(1, is_stored || !matches!(code, 226 | 250), || {
        format!("{code} to an upload without a finish that succeeded")
    })
}

pub fn rest(facts: &Facts) -> Judgement {
    law(1, facts.due != Some(Due::Stored), || "a file is stored, and the client is not told".into())
}
