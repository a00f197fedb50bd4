//! Names under which uploads wait for their end, and which clients neither see nor reach.

use std::{format, string::String};

use super::unique_name::random_number;

/// What these names begin with. It is short, so that the directory's limits hold it wherever they hold a usual name,
/// and it starts with a dot, so that `ls` in a shell does not show it.
const PREFIX: &str = ".sansftp-";
/// Digits that follow the prefix.
const DIGITS: usize = 16;

/// Whether clients neither see nor reach an entry of this name.
///
/// Upper and lower case are the same here, as they are in some file systems.
pub(super) fn is_hidden(name: &[u8]) -> bool {
    name.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX.as_bytes()))
}

/// A name for a temporary file that nothing has, as far as chance goes.
pub(super) fn temporary_name() -> String {
    format!("{PREFIX}{:0DIGITS$x}", random_number())
}

/// Whether it could have come from [`temporary_name`].
pub(super) fn is_temporary(name: &[u8]) -> bool {
    name.strip_prefix(PREFIX.as_bytes())
        .is_some_and(|rest| rest.len() == DIGITS && rest.iter().all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn temporary_names_are_hidden_and_known_again() {
        let name = temporary_name();
        assert!(name.len() == 25 && is_temporary(name.as_bytes()) && is_hidden(name.as_bytes()), "{name}");
        for other in
            [".sansftp-", ".sansftp-notes", ".sansftp-0123456789abcdef0", ".sansftp-0123456789abcdeg"]
        {
            assert!(is_hidden(other.as_bytes()) && !is_temporary(other.as_bytes()), "{other}");
        }
        assert!(is_hidden(b".SANSFTP-0123456789ABCDEF"));
        for other in ["", ".sansftp", "sansftp-0123456789abcdef", "x.sansftp-0123456789abcdef"] {
            assert!(!is_hidden(other.as_bytes()), "{other}");
        }
    }
}
