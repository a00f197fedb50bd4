//! What happened in a world, line by line, for whoever looks at a failure.

use std::{fmt::Write, time::Duration};

/// The log. It costs nothing unless it is kept, and keeping it changes nothing else.
#[derive(Default)]
pub struct Log(Option<String>);

impl Log {
    pub fn kept() -> Self {
        Self(Some(String::new()))
    }

    pub const fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    pub fn note(&mut self, now: Duration, what: impl FnOnce() -> String) {
        if let Some(text) = &mut self.0 {
            writeln!(text, "{:>14.6} {}", now.as_secs_f64(), what()).unwrap();
        }
    }

    pub fn into_text(self) -> String {
        self.0.unwrap_or_default()
    }
}
