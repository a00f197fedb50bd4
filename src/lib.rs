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
pub mod config;
pub mod dtp;
pub mod instant;
pub mod line;
pub mod listing;
pub mod pathname;
pub mod reply;
pub mod session;
pub mod storage;
pub mod time_value;

pub use crate::{
    accounts::{Accounts, Credentials, Denied, Secret},
    command::Command,
    config::{Config, ConfigError, Endpoints, Settings},
    instant::Instant,
    pathname::Pathname,
    reply::{Reply, ReplyCode},
    session::{Action, Event, Session},
    storage::{
        AbortReason, Download, Entry, EntryKind, Listing, Metadata, OpenedUpload, Placement, Storage,
        StorageError, StorageErrorKind, Stored, Upload,
    },
    time_value::TimeValue,
};

/// README.md, so that its programs are compiled and run.
#[cfg(all(doctest, feature = "tokio"))]
#[doc = include_str!("../README.md")]
struct Readme;
