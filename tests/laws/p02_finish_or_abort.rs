//! Promise 2: **every upload that was opened is finished or aborted, and not both; finished only after a clean end.**
//!
//! Each action must fit the phase of its transfer: a finish comes only after a clean end of a receiving one, an abort
//! only for what was opened and for what moves or has ended; nothing is dropped or detached that does not run. What
//! runs is dropped only when its time is up or the server's, and a finish also by an `ABOR`, if the store has said that
//! it can stop. No turn may leave an upload behind that has ended and is neither, and none is left at the end of the
//! session: one that has not come whole when the session closes is aborted in the same turn (RFC 959 4.1.1).

use sansftp::session::{Action, TransferId};

use super::{
    facts::{Content, Facts, Phase, Transfer},
    watch::{Judgement, law},
};

/// `has_abor` tells that the client has sent an `ABOR` that the session may have taken.
pub fn see(facts: &Facts, has_abor: bool, action: &Action) -> Judgement {
    match action {
        Action::AwaitFinish(id) => {
            let is_upload =
                facts.transfers.get(id).is_some_and(|transfer| transfer.content == Content::Upload);
            let has_come =
                matches!(facts.phase(*id), Some(Phase::Ended { is_whole: true } | Phase::Settling(_)));
            law(2, is_upload && has_come, || format!("a finish of {}", describe(facts, *id)))
        }
        Action::Abort(id, _) if facts.opened.is_some() => {
            let is_new = facts.last_transfer.is_none_or(|last| last < *id);
            law(2, is_new, || format!("an abort of {}, and another one was opened", describe(facts, *id)))
        }
        Action::Abort(id, _) => {
            // A whole one, too: a file may be shorter than its ALLO.
            let is_running =
                matches!(facts.phase(*id), Some(Phase::Moving | Phase::Ended { .. } | Phase::Settling(_)));
            law(2, is_running, || format!("an abort of {}", describe(facts, *id)))
        }
        Action::Drop(id) => {
            let phase = facts.phase(*id);
            let is_running = matches!(phase, Some(Phase::Finishing | Phase::Detached | Phase::Aborting));
            law(2, is_running, || format!("a drop of {}", describe(facts, *id)))?;
            let is_stopped = phase == Some(Phase::Finishing) && facts.can_stop && has_abor;
            law(2, facts.is_time_up || is_stopped, || {
                format!("a drop without need of {}", describe(facts, *id))
            })
        }
        Action::Detach(id) => {
            let is_running = facts.phase(*id) == Some(Phase::Finishing);
            law(2, is_running, || format!("a detachment of {}", describe(facts, *id)))
        }
        // What was opened before is lost by opening another one.
        Action::Ask(..) => law(2, facts.opened.is_none(), || format!("{:?} is forgotten", facts.opened)),
        _ => Ok(()),
    }
}

pub fn rest(facts: &Facts) -> Judgement {
    let forgotten = facts.transfers.iter().find(|(_, transfer)| {
        transfer.content == Content::Upload && matches!(transfer.phase, Phase::Ended { .. })
    });
    law(2, forgotten.is_none(), || format!("neither a finish nor an abort of {forgotten:?}"))?;
    let is_moving =
        |transfer: &Transfer| transfer.content == Content::Upload && transfer.phase == Phase::Moving;
    let goes_on = facts.opened == Some(Content::Upload) || facts.transfers.values().any(is_moving);
    law(2, !facts.is_closed() || !goes_on, || {
        format!("after the end of the session there go on: {:?} {:?}", facts.opened, facts.transfers)
    })
}

pub fn end(facts: &Facts) -> Judgement {
    let is_over = facts.opened.is_none() && facts.transfers.is_empty();
    law(2, is_over, || format!("never ended: {:?} {:?}", facts.opened, facts.transfers))
}

fn describe(facts: &Facts, id: TransferId) -> String {
    match facts.transfers.get(&id) {
        Some(transfer) => format!("{id:?}: {transfer:?}"),
        None if facts.last_transfer.is_some_and(|last| id <= last) => format!("{id:?}, which is over"),
        None => format!("{id:?}, which was never opened"),
    }
}
