//! Who the server is to the system.

use std::vec::Vec;

use cap_std::fs::{Metadata, MetadataExt as _};
use rustix::process;

/// What decides what the server may do with a file of which no more is known than owner, group and permission bits.
#[derive(Debug)]
pub(super) struct Credentials {
    user: u32,
    /// In order.
    groups: Vec<u32>,
    /// Whether the system lets it read and write everything.
    may_do_all: bool,
    /// Whether the system takes it for the owner of everything.
    owns_all: bool,
}

impl Credentials {
    pub(super) fn of_process() -> Self {
        let user = process::geteuid();
        let mut groups = process::getgroups().unwrap_or_default();
        groups.push(process::getegid());
        let mut groups: Vec<u32> = groups.into_iter().map(rustix::fs::Gid::as_raw).collect();
        groups.sort_unstable();
        let (may_do_all, owns_all) = capabilities().unwrap_or((user.is_root(), user.is_root()));
        Self { user: user.as_raw(), groups, may_do_all, owns_all }
    }

    /// Which of the rights to read (4), write (2) and execute (1) the bits give to the server.
    pub(super) fn bits(&self, metadata: &Metadata) -> u32 {
        if self.may_do_all {
            return 0o7;
        }
        let shift = match metadata.uid() == self.user {
            true => 6,
            false if self.groups.binary_search(&metadata.gid()).is_ok() => 3,
            false => 0,
        };
        metadata.mode() >> shift & 0o7
    }

    /// Whether it is the server's own, so that it may be renamed and removed also where others' may not.
    pub(super) fn owns(&self, metadata: &Metadata) -> bool {
        self.owns_all || metadata.uid() == self.user
    }
}

/// Root may have been denied it, as in many containers, and others may have been granted it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn capabilities() -> Option<(bool, bool)> {
    use rustix::thread::{CapabilitySet, capabilities};

    let effective = capabilities(None).ok()?.effective;
    Some((effective.contains(CapabilitySet::DAC_OVERRIDE), effective.contains(CapabilitySet::FOWNER)))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn capabilities() -> Option<(bool, bool)> {
    None
}
