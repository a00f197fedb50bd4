//! The commands, in the order of RFC 959 4.1: a method each, which the table in `rules` names.

mod access;
pub(super) mod listings;
pub(super) mod parameters;
mod protection;
pub(crate) mod rules;
mod service;
mod status;
