//! The thirteen promises of a session, as the documentation of `session` numbers them, and what is needed to judge them.
//!
//! [`watch`] observes one session: it is told every event and every action, knows the [`facts`] that follow from them,
//! and asks the law of each promise (`p01_…` to `p13_…`) whether it still holds. [`contract`] is what the documentation
//! of the actions says beyond the promises. A [`world`] plays [`steps`] around a [`subject`] and has it watched.
//!
//! Nothing in here needs more than the library and `crate::notation`: the random laws, the exhaustive walk and the fuzz
//! targets all include this one file.

pub mod bytes;
mod chance;
pub mod contract;
pub mod facts;
mod lines;
pub mod p01_true_226;
pub mod p02_finish_or_abort;
pub mod p03_one_final_reply;
pub mod p04_nothing_before_log_in;
pub mod p05_nothing_in_clear_behind_auth;
pub mod p06_any_cutting;
pub mod p07_bounded_memory;
pub mod p08_no_panic;
pub mod p09_the_right_peer;
pub mod p10_deadlines;
pub mod p11_harmless_names;
pub mod p12_silence_after_close;
pub mod p13_clean_end;
pub mod steps;
pub mod subject;
pub mod watch;
pub mod world;
