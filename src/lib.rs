//! An FTP server library whose `226` is true.
//!
//! FTP clients take `226 Transfer complete` to mean that the file is in place. Here it leaves only after the store's
//! `finish` has succeeded, for that very upload; an upload that did not arrive whole is
//! aborted, never finished.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "adapters", test))]
extern crate std;

pub mod accounts;
pub mod address;
pub mod command;
pub mod dtp;
pub mod instant;
pub mod line;
pub mod listing;
pub mod pathname;
pub mod reply;
pub mod storage;
pub mod time_value;
