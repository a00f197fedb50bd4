//! What the documentation of `Action` says of the order of actions, beyond the promises. Without it no driver could
//! work. It has the number 0.

use sansftp::session::Action;

use super::{
    facts::{Facts, Phase, content},
    watch::{Judgement, law},
};

pub fn see(facts: &Facts, action: &Action) -> Judgement {
    match action {
        Action::SendTelnet(bytes) => {
            law(0, bytes.len() % 3 == 0, || "half an answer to Telnet negotiation".into())
        }
        Action::Ask(id, _) => {
            law(0, facts.request.is_none(), || "two requests at once".into())?;
            let is_new = facts.last_request.is_none_or(|last| last < *id);
            law(0, is_new, || format!("{id:?} is used twice"))
        }
        Action::Cancel(id) => {
            let is_open = facts.request.is_some_and(|open| open.id == *id);
            law(0, is_open, || format!("{id:?} is cancelled, and is not open"))
        }
        Action::OpenDataConnection(id, _) => {
            law(0, facts.data_id != Some(*id), || format!("{id:?} is used twice"))
        }
        Action::RefuseDataConnection(id)
        | Action::SecureDataConnection(id, _)
        | Action::ExpectTransfer(id, _)
        | Action::CloseDataConnection(id) => law(0, facts.data_id == Some(*id), || {
            format!("{action:?}, and {:?} is the data connection", facts.data_id)
        }),
        Action::Transfer(id, movement) => {
            let is_new = facts.last_transfer.is_none_or(|last| last < *id);
            law(0, is_new, || format!("{id:?} is used twice"))?;
            let is_open = facts.opened == Some(content(movement));
            law(0, is_open, || format!("{movement:?} moves, and {:?} was opened", facts.opened))
        }
        Action::PrepareFinish(id) => {
            let is_settling = matches!(facts.phase(*id), Some(Phase::Ended { .. } | Phase::Settling(_)));
            law(0, is_settling, || format!("{id:?} is in {:?}, and no finish is near", facts.phase(*id)))
        }
        Action::LookAtControl(id) => {
            let has_ended = matches!(facts.phase(*id), Some(Phase::Ended { .. } | Phase::Settling(_)));
            law(0, has_ended, || format!("a look for {id:?}, which is in {:?}", facts.phase(*id)))
        }
        _ => Ok(()),
    }
}
