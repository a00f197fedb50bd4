//! What the user has set for the commands that follow (RFC 959 4.1.2).

use crate::{config::Config, dtp::Representation, listing::Facts, pathname::Pathname, storage::EntryKind};

/// What the user has set, for the commands that follow.
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(crate) struct Parameters {
    pub(crate) working_directory: Pathname,
    pub(crate) representation: Representation,
    pub(crate) setup: DataConnectionSetup,
    /// The facts of `MLST` and `MLSD` that the user wants.
    pub(crate) facts: Facts,
    /// `ALLO`: the size that the next transfer promises, if it is an upload.
    pub(crate) announced: Option<u64>,
    /// `REST`: where the next transfer begins.
    pub(crate) restart: Option<u64>,
    /// `RNFR`: what the next command renames, and what that is.
    pub(crate) rename_from: Option<(Pathname, EntryKind)>,
}

/// Which commands may prepare a data connection (RFC 2428 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DataConnectionSetup {
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

    /// Forgets what belongs to the user who was logged in.
    pub(crate) fn handle_new_user(&mut self) {
        self.working_directory = Pathname::root();
        self.announced = None;
    }

    /// Forgets what only the very next command could have used.
    pub(crate) fn forget_sequence(&mut self) {
        self.restart = None;
        self.rename_from = None;
    }
}
