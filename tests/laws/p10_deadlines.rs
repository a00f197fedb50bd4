//! Promise 10: **every wait for a peer has a deadline.**
//!
//! Whenever a session rests that is open, or that has a transfer that is not over, it has a deadline, which is no
//! further off than the longest one of the configuration. After `Elapsed` it lies in the future. So no session is stuck:
//! when everybody is silent, time alone leads it to its end, where nothing is open any more. Which deadline it is, to the
//! second, `tests/conversations` holds.

use sansftp::instant::Instant;

use super::{
    facts::{Facts, Phase, Transfer},
    watch::{Judgement, law},
};

pub fn rest(facts: &Facts, now: Instant, timeout: Option<Instant>) -> Judgement {
    let Some(timeout) = timeout else {
        law(10, facts.is_closed(), || "an open session without a deadline".into())?;
        // A download that has ended is over by itself, and promise 2 knows that no upload is.
        let is_over = |transfer: &Transfer| matches!(transfer.phase, Phase::Ended { .. });
        return law(10, facts.transfers.values().all(is_over), || {
            format!("no deadline, and these are under way: {:?}", facts.transfers)
        });
    };
    law(10, !facts.has_elapsed || timeout > now, || {
        format!("after Elapsed at {now:?} the deadline is {timeout:?}")
    })?;
    law(10, timeout <= now + facts.longest_wait, || format!("at {now:?} the deadline is {timeout:?}"))
}

pub fn end(facts: &Facts) -> Judgement {
    law(10, facts.is_closed(), || "a client that has vanished is not given up".into())?;
    law(10, facts.request.is_none(), || format!("{:?} is awaited without an end", facts.request))
}
