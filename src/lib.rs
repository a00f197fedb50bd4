//! An FTP server library whose `226` is true.
//!
//! FTP clients take `226 Transfer complete` to mean that the file is in place. Here it leaves only after the store's
//! [`finish`](Upload::finish) has succeeded, for that very upload; an upload that did not arrive whole is
//! [aborted](Upload::abort), never finished.
//!
//! # The rooms
//!
//! * [`session`]: the protocol, as a state machine without I/O. Bytes and events go in, actions come out.
//! * [`storage`] and [`accounts`]: what a program implements to say where files live and who may log in.
//! * [`adapters`] (feature `adapters`): everything that does I/O. The one driver loop, the server, stores, and
//!   (features `tokio`, `smol`, `async-std`) the adapters for runtimes; [`adapters::runtimes`] tells which one to take.
//! * [`testing`] (feature `testing`): the contract of stores, as checks for one of your own.
//!
//! `session` and what it stands on is `no_std`, has no `unsafe`, and builds with `--no-default-features`.
//!
//! # Reading order
//!
//! The grammar of the control connection first: [`line`](mod@line), [`command`], [`reply`], [`address`], [`pathname`],
//! [`time_value`]. Then what moves over the data connection: [`dtp`], [`listing`]. Then [`storage`], [`session`], and
//! [`adapters::driver`].
#![cfg_attr(
    not(feature = "adapters"),
    doc = "",
    doc = "[`adapters`]: crate",
    doc = "[`adapters::driver`]: crate",
    doc = "[`adapters::runtimes`]: crate"
)]
#![cfg_attr(not(feature = "testing"), doc = "", doc = "[`testing`]: crate")]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "adapters", test))]
extern crate std;
// The judge of the walk over all states is shared with the tests, which know the library by its name.
#[cfg(test)]
extern crate self as sansftp;

pub mod accounts;
pub mod address;
pub mod any_storage;
pub mod command;
pub mod config;
pub mod dtp;
pub mod instant;
pub mod layer;
pub mod line;
pub mod listing;
pub mod pathname;
pub mod pattern;
pub mod reply;
pub mod session;
pub mod storage;
#[cfg(feature = "testing")]
pub mod testing;
pub mod time_value;

/// The notation of the tests, in which the walk over all states tells its ways.
#[cfg(test)]
#[allow(dead_code, unreachable_pub, reason = "it is shared with the tests")]
#[path = "../tests/notation/mod.rs"]
mod notation;

#[cfg(feature = "adapters")]
#[path = "../adapters/mod.rs"]
pub mod adapters;

pub use crate::{
    accounts::{Accounts, ClientCertificate, Credentials, Denied, Secret},
    any_storage::AnyStorage,
    command::Command,
    config::{
        Config, ConfigError, Endpoints, SessionReuse, Settings, TlsRequirement, TlsSettings, TlsStart,
        Truncation,
    },
    instant::Instant,
    layer::{Around, Layer, UploadLayer},
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
