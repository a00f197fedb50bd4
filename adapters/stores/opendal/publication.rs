//! When a service shows what is written.

use opendal::{Capability, Operator};

/// Services whose writers show nothing of an object before they are closed, and nothing at all after an abort, as
/// reading their sources tells: an object comes to be by one request, or by completing a multipart upload.
const AT_CLOSE: [&str; 9] = ["azblob", "b2", "cos", "gcs", "memory", "obs", "oss", "s3", "tos"];

/// How a file gets its name only when all of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Publication {
    /// Closing the writer does it.
    AtClose,
    /// The service may show or even destroy a file while it is written, as OpenDAL's `fs` does: without an
    /// `atomic_write_dir`, an abort of a writer that has written nothing yet empties the file. So another file is
    /// written, and is renamed.
    ByRename,
    /// There is no way.
    Never,
}

impl Publication {
    pub(super) fn of(operator: &Operator, capability: Capability) -> Self {
        match capability {
            _ if !capability.write => Self::Never,
            _ if AT_CLOSE.contains(&operator.info().scheme()) => Self::AtClose,
            _ if capability.rename && capability.delete => Self::ByRename,
            _ => Self::Never,
        }
    }
}
