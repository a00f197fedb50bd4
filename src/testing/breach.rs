//! What a check finds, and the sum of it.

use alloc::{string::String, vec::Vec};
use core::{error::Error, fmt};

/// How a step or a check ends: an error is a sentence about what the store did.
pub(super) type Outcome<T = ()> = Result<T, String>;

/// Ends a check, with a sentence, unless something holds.
macro_rules! ensure {
    ($holds:expr, $($sentence:tt)+) => {
        if !$holds {
            return Err(alloc::format!($($sentence)+));
        }
    };
}
pub(super) use ensure;

/// One thing that a store got wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    rule: &'static str,
    finding: String,
}

impl Breach {
    pub(super) const fn new(rule: &'static str, finding: String) -> Self {
        Self { rule, finding }
    }

    /// The check that failed, by a name that says what should hold, such as `the_last_finish_wins`.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }

    /// What the store did instead, as a sentence.
    #[must_use]
    pub fn finding(&self) -> &str {
        &self.finding
    }
}

/// A store does not keep the contract of [`Storage`](crate::storage::Storage).
///
/// Its `Debug` is its `Display`, so that a test that unwraps it shows one breach a line.
#[derive(Clone, PartialEq, Eq)]
pub struct ContractBroken(Vec<Breach>);

impl ContractBroken {
    pub(super) fn unless_empty(breaches: Vec<Breach>) -> Result<(), Self> {
        if breaches.is_empty() { Ok(()) } else { Err(Self(breaches)) }
    }

    /// What it got wrong, in the order of the checks; at least one.
    #[must_use]
    pub fn breaches(&self) -> &[Breach] {
        &self.0
    }
}

impl fmt::Display for ContractBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the store does not keep the contract of Storage:")?;
        self.0.iter().try_for_each(|breach| write!(f, "\n  * {}: {}", breach.rule, breach.finding))
    }
}

impl fmt::Debug for ContractBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for ContractBroken {}
