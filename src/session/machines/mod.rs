//! The machines of a session, which do not know each other. Each has its states, and `server_pi` joins them.

pub(super) mod data_connection;
pub(super) mod detached;
pub(super) mod login;
pub(super) mod parameters;
pub(super) mod security;
pub(super) mod tempo;
pub(super) mod timer;
pub(super) mod transfer;
