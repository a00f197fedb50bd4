//! What the walk over all states compares.

use core::fmt::Debug;

use super::Transfer;

impl Transfer {
    /// Its phase by name.
    pub(crate) const fn state(&self) -> &dyn Debug {
        &self.phase
    }

    /// Everything that its future depends on. The time since when it runs is only shown.
    pub(crate) fn future(&self) -> impl Debug {
        let Self { id, subject, phase, bytes, since: _, is_announced, is_abor_waiting } = self;
        (*id, subject, phase, *bytes, *is_announced, *is_abor_waiting)
    }
}
