//! Promise 13: **an upload is finished only if its control connection was still there when its end had settled, or if
//! its end is certain.**
//!
//! The end is certain by the `close_notify` of TLS, or because as many bytes have come as `ALLO` announced. Any other has
//! settled when `killed_client_grace` has passed; sooner if it came without delay (`prompt_client_grace`), and at once if
//! a small file came without delay. Only then is the driver asked to look at the control connection, and the upload is
//! finished only when that is open. Once the control connection has ended, the upload is aborted in the same turn.

use sansftp::session::{Action, ControlState};

use super::{
    facts::{Control, Facts, Phase, Settling},
    watch::{Judgement, law},
};

pub fn see(facts: &Facts, action: &Action) -> Judgement {
    match action {
        Action::LookAtControl(id) => {
            let Some(Phase::Settling(settling)) = facts.phase(*id) else { return Ok(()) };
            law(13, settling == Settling::Settled, || {
                format!("a look at the control connection in {settling:?}")
            })
        }
        Action::AwaitFinish(id) => {
            let Some(Phase::Settling(settling)) = facts.phase(*id) else { return Ok(()) };
            let is_there = settling == Settling::Looked(ControlState::Open);
            law(13, is_there && facts.control == Control::Open, || {
                format!("a finish in {settling:?}, and the control connection is {:?}", facts.control)
            })
        }
        _ => Ok(()),
    }
}

pub fn rest(facts: &Facts) -> Judgement {
    let undecided = facts.transfers.iter().find(|(_, transfer)| match transfer.phase {
        Phase::Settling(Settling::Looked(_)) => true,
        Phase::Settling(_) => facts.control != Control::Open,
        _ => false,
    });
    law(13, undecided.is_none(), || format!("neither a finish nor an abort of {undecided:?}"))
}
