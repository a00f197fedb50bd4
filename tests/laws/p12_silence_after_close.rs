//! Promise 12: **after `CloseControl` nothing more is done but what ends the transfers that are still open.**
//!
//! Behind it come only `Abort`, `Drop` and `Detach`, and no request outlives it. A session whose control connection is
//! lost closes it before it rests; one whose control connection has ended does so once everything is done and answered.

use sansftp::session::Action;

use super::{
    facts::{Control, Facts, Protection},
    watch::{Judgement, law},
};

pub fn see(facts: &Facts, action: &Action) -> Judgement {
    let is_cleaning_up = matches!(action, Action::Abort(..) | Action::Drop(_) | Action::Detach(_));
    law(12, !facts.is_closed() || is_cleaning_up, || format!("{action:?} after CloseControl"))
}

pub fn rest(facts: &Facts) -> Judgement {
    let is_over = !facts.is_closed() || facts.request.is_none();
    law(12, is_over, || format!("{:?} outlives the session", facts.request))?;
    law(12, facts.control != Control::Lost, || "a lost control connection does not end the session".into())?;
    let is_securing = matches!(facts.protection, Protection::Promised | Protection::Securing);
    let has_more_to_do = facts.is_busy() || is_securing || facts.unsent > facts.reply_limit;
    law(12, facts.control != Control::Ended || has_more_to_do, || {
        "a session whose control connection has ended goes on with nothing to do".into()
    })
}
