//! Promise 4: **before the log-in nothing acts but the few commands that the table of commands frees.**
//!
//! Nobody is logged in before the accounts' `LoggedIn`, nor after `USER` and `REIN` have been answered. Then the store
//! is asked nothing, no data connection is opened and nothing moves; and, where the order of replies is known, a command
//! that is not free gets a `530` or a reply that says that it is wrong.

use sansftp::session::{Action, Request};

use super::{
    facts::Facts,
    watch::{Judgement, law},
};

/// The commands that need no log-in, and those that are known and not offered.
const FREE: [&str; 27] = [
    "USER", "PASS", "ACCT", "HOST", "REIN", "QUIT", "OPTS", "LANG", "ABOR", "SYST", "STAT", "HELP", "FEAT",
    "CLNT", "CSID", "NOOP", "SMNT", "AUTH", "ADAT", "PBSZ", "PROT", "CCC", "MIC", "CONF", "ENC", "LPRT",
    "LPSV",
];

/// `verb` is that of the command which a final reply would be for now, where that is known.
pub fn see(facts: &Facts, verb: Option<&str>, action: &Action) -> Judgement {
    if facts.is_logged_in {
        return Ok(());
    }
    match action {
        Action::Ask(_, Request::LogIn(_)) => Ok(()),
        Action::Ask(..) | Action::OpenDataConnection(..) | Action::Transfer(..) => {
            law(4, false, || format!("{action:?} before log-in"))
        }
        Action::SendReply(reply) => {
            let code = reply.code().number();
            let Some(verb) = verb else { return Ok(()) };
            let is_refused = matches!(code, 530 | 421 | 500 | 501);
            law(4, FREE.contains(&verb) || is_refused, || format!("{code} to {verb} before log-in"))
        }
        _ => Ok(()),
    }
}
