//! Promise 5: **what was sent in clear behind `AUTH` is not executed after the handshake.**
//!
//! Behind a `234` nothing is done but to begin the handshake, and that at once. While it is under way, nothing is done
//! but what ends the session and cleans up, and nothing is said, for it would come between the messages of the
//! handshake. When it has succeeded, nothing is done but to greet a client that was not greeted, and to close the
//! session of one that has ended the control connection: whatever else were done could only be for a command that came in clear.
//!
//! It is the same with a data connection: nothing moves over it while its handshake is under way.
//!
//! Nor is a client that speaks in clear taken for the one that has shown a certificate: the accounts are told of the
//! certificate of the last handshake as long as TLS protects the control connection, and of no other. Only who has one is
//! let in without a password.

use sansftp::session::{Action, Request};

use super::{
    facts::{Control, Data, Facts, Protection},
    watch::{Judgement, law},
};

pub fn see(facts: &Facts, action: &Action) -> Judgement {
    let is_cleaning_up = matches!(
        action,
        Action::CloseControl
            | Action::Cancel(_)
            | Action::CloseDataConnection(_)
            | Action::Abort(..)
            | Action::Drop(_)
            | Action::Detach(_)
    );
    let is_allowed = match facts.protection {
        Protection::Clear | Protection::Secured => !matches!(action, Action::SecureControl),
        Protection::Promised => matches!(action, Action::SecureControl),
        Protection::Securing => is_cleaning_up,
        Protection::Begun if facts.control == Control::Ended => is_cleaning_up,
        Protection::Begun => matches!(action, Action::SendReply(_)) && !facts.is_greeted,
    };
    law(5, is_allowed, || format!("{action:?}, and the control connection is {:?}", facts.protection))?;
    if let Action::Ask(_, Request::LogIn(credentials)) = action {
        let is_true = credentials.certificate == facts.certificate;
        law(5, is_true, || format!("{credentials:?}, and the certificate is {:?}", facts.certificate))?;
        let is_proof = credentials.password.is_some() || credentials.certificate.is_some();
        law(5, is_proof, || format!("{credentials:?}, and nothing is proved"))?;
    }
    let moves_early = matches!(action, Action::Transfer(..)) && facts.data == Data::Securing;
    law(5, !moves_early, || format!("{action:?} before the handshake on the data connection"))
}

pub fn rest(facts: &Facts) -> Judgement {
    let is_kept = facts.protection != Protection::Promised || facts.is_closed();
    law(5, is_kept, || "a 234, and no handshake begins".into())
}
