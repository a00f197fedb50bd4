//! Promise 9: **a data connection leads to the address of the control connection's peer and to no privileged port,
//! unless the configuration allows others. A stranger who connects first gets nothing and costs the client nothing.**
//!
//! Every address that is connected to is looked at. Nothing moves but over a connection that the right client has made
//! or accepted. When a stranger has connected, the refusal is all that the session does.

use sansftp::session::{Action, DataConnectionMode};

use super::{
    facts::{Data, Due, Facts},
    watch::{Judgement, law},
};

pub fn see(facts: &Facts, action: &Action) -> Judgement {
    let is_refusal = matches!(action, Action::RefuseDataConnection(_));
    match facts.due {
        Some(Due::Refusal) => law(9, is_refusal, || format!("a stranger's connection leads to {action:?}"))?,
        Some(Due::NothingMore) => law(9, false, || format!("a stranger costs the client {action:?}"))?,
        Some(Due::Stored) | None => law(9, !is_refusal, || "the right client is refused".into())?,
    }
    match action {
        Action::OpenDataConnection(_, DataConnectionMode::Connect(address)) => {
            law(9, facts.is_right_peer(*address), || format!("a connection to {address}"))
        }
        Action::Transfer(..) => law(9, matches!(facts.data, Data::Connected | Data::Secured), || {
            format!("a transfer, and the data connection is {:?}", facts.data)
        }),
        _ => Ok(()),
    }
}

pub fn rest(facts: &Facts) -> Judgement {
    let is_refused = facts.is_closed() || facts.due != Some(Due::Refusal);
    law(9, is_refused, || "a stranger is not refused".into())
}
