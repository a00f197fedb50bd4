//! Which store is served.

use std::str::FromStr;

/// What `--store` takes.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    #[cfg(feature = "tahoe")]
    Tahoe,
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            #[cfg(feature = "tahoe")]
            "tahoe" => Ok(Self::Tahoe),
            #[cfg(not(feature = "tahoe"))]
            "tahoe" => Err("a grid needs a program that is built with --features tahoe"),
            _ => Err("give tahoe"),
        }
    }
}

/// A store to write to, and the same one to read from only.
pub(crate) struct Stores<S> {
    pub(crate) writable: S,
    pub(crate) readable: S,
}
