//! What the user has set for the commands that follow (RFC 959 4.1.2).

use crate::{config::Config, dtp::Representation, listing::Facts, pathname::Pathname, storage::EntryKind};

/// What the user has set, for the commands that follow.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Parameters {
    working_directory: Pathname,
    representation: Representation,
    setup: DataConnectionSetup,
    /// The facts of `MLST` and `MLSD` that the user wants.
    facts: Facts,
    /// `ALLO`: the size that the next transfer promises, if it is an upload.
    announced: Option<u64>,
    /// `REST`: where the next transfer begins.
    restart: Option<u64>,
    /// `RNFR`: what the next command renames, and what that is.
    rename_from: Option<(Pathname, EntryKind)>,
}

/// Which commands may prepare a data connection (RFC 2428 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DataConnectionSetup {
    Any,
    EpsvOnly,
}

impl Parameters {
    /// Those that a session begins with (RFC 959 5.1), at the root.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            working_directory: Pathname::root(),
            representation: config.initial_type,
            setup: DataConnectionSetup::Any,
            facts: Facts::default().with_times_in(config.time_precision),
            announced: None,
            restart: None,
            rename_from: None,
        }
    }

    /// `REIN` and `AUTH`: what was set is forgotten.
    pub(crate) fn handle_reinitialise(&mut self, config: &Config) {
        *self = Self::new(config);
    }

    /// Forgets what belongs to the user who was logged in.
    pub(crate) fn handle_new_user(&mut self) {
        self.working_directory = Pathname::root();
        self.announced = None;
    }

    // What is set until it is set again.

    pub(crate) const fn working_directory(&self) -> &Pathname {
        &self.working_directory
    }

    pub(crate) fn set_working_directory(&mut self, pathname: Pathname) {
        self.working_directory = pathname;
    }

    pub(crate) const fn representation(&self) -> Representation {
        self.representation
    }

    pub(crate) const fn set_representation(&mut self, representation: Representation) {
        self.representation = representation;
    }

    /// `EPSV ALL`.
    pub(crate) const fn handle_epsv_all(&mut self) {
        self.setup = DataConnectionSetup::EpsvOnly;
    }

    /// Whether no other command may prepare a data connection.
    pub(crate) fn is_epsv_only(&self) -> bool {
        self.setup == DataConnectionSetup::EpsvOnly
    }

    pub(crate) const fn facts(&self) -> Facts {
        self.facts
    }

    pub(crate) const fn set_facts(&mut self, facts: Facts) {
        self.facts = facts;
    }

    // What one command sets for another one.

    /// `ALLO`.
    pub(crate) const fn set_announced(&mut self, size: u64) {
        self.announced = Some(size);
    }

    /// The size of the transfer that begins.
    pub(crate) const fn take_announced(&mut self) -> Option<u64> {
        self.announced.take()
    }

    /// `REST`.
    pub(crate) const fn set_restart(&mut self, offset: u64) {
        self.restart = Some(offset);
    }

    /// Where the transfer begins.
    pub(crate) const fn take_restart(&mut self) -> Option<u64> {
        self.restart.take()
    }

    /// `RNFR`.
    pub(crate) fn set_rename_from(&mut self, pathname: Pathname, kind: EntryKind) {
        self.rename_from = Some((pathname, kind));
    }

    /// What is renamed.
    pub(crate) const fn take_rename_from(&mut self) -> Option<(Pathname, EntryKind)> {
        self.rename_from.take()
    }

    /// Forgets what only the very next command could have used.
    pub(crate) fn forget_sequence(&mut self) {
        self.restart = None;
        self.rename_from = None;
    }
}
