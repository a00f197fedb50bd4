//! What follows from a step of a transfer.

use core::time::Duration;

use crate::{
    reply::Reply,
    session::action::{Movement, TransferId},
    storage::AbortReason,
};

/// What follows from a step of a transfer.
#[derive(Debug)]
#[must_use]
pub(crate) enum TransferEffect {
    /// Nothing: it came too late, or does not matter in this phase.
    Nothing,
    /// This moves, over the data connection that is there.
    Move(TransferId, Movement),
    /// It did move, and has its full time again.
    HasMoved,
    /// The end of the upload settles for this time, and the store may use it.
    Settle(TransferId, Duration),
    /// The driver looks at the control connection.
    LookAtControl(TransferId),
    /// The store puts the upload in place.
    Finish(TransferId),
    /// What is open is given up, and the data connection with it.
    Abort(TransferId, AbortReason),
    /// Nothing was opened, and it ends with this reply.
    NotOpened(Reply),
    /// What the store is at work on is dropped, and it ends with this reply.
    Drop(TransferId, Reply),
    /// It ends with this reply.
    Complete(Reply),
}
