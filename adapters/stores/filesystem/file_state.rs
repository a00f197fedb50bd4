//! What tells whether a file is the same one, and as it was.

use std::{fs::File, io};

use cap_std::fs::Metadata as SystemMetadata;

use super::system;
use crate::time_value::TimeValue;

/// Differs before and after a change of a file, as far as the system tells changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) unique: Option<(u64, u64)>,
    pub(super) size: u64,
    modified: Option<TimeValue>,
}

impl State {
    pub(super) fn new(metadata: &SystemMetadata) -> Self {
        Self { unique: system::unique(metadata), size: metadata.len(), modified: system::modified(metadata) }
    }

    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::new(&SystemMetadata::from_file(file)?))
    }
}
