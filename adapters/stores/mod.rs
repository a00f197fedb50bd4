//! The stores that come with the library: files [in memory](Memory), files [below a directory](Filesystem), and, with the
//! feature `opendal`, files in S3 and whatever else Apache OpenDAL reaches (`OpenDal`), and, with the feature `tahoe`,
//! files in a Tahoe-LAFS grid (`Tahoe`).
//!
//! All keep the same [contract](crate::storage#the-contract), with the same kinds of errors, and the checks of
//! `sansftp::testing` run on all; what `OpenDal` refuses depends on the service, and what `Tahoe` does stands there. What
//! they decide where the contract leaves it open:
//!
//! * `RNTO` replaces a file, never a directory.
//! * `RMD` of a directory into which a file is just being stored is refused as
//!   [`Busy`](crate::storage::StorageErrorKind::Busy).
//! * `STOU` puts a random number into the name that the client suggested, and refuses at the end if somebody has made
//!   a file of the very same name meanwhile.
//! * `APPE` is refused as `Busy` at its end if the file was changed since it began. Nothing of what came in between is
//!   lost, then; of two `STOR` at a time, the one that is finished last wins.
//! * `REST` and `STOR` to a file that is not there is
//!   [`BadOffset`](crate::storage::StorageErrorKind::BadOffset).
//! * A file may be removed or renamed while another one of its name is being stored. That one takes the name when it is
//!   finished; the renamed file keeps its content.
//! * A download goes on with the content that it opened, whether the file is replaced, renamed or removed meanwhile.
//!   Where `OpenDal`'s service cannot do that, the download ends with an error.

pub mod filesystem;
mod hidden_name;
mod io_error;
pub mod memory;
mod mode;
#[cfg(feature = "opendal")]
pub mod opendal;
#[cfg(feature = "tahoe")]
pub mod tahoe;
mod unique_name;

#[cfg(feature = "opendal")]
pub use self::opendal::OpenDal;
#[cfg(feature = "tahoe")]
pub use self::tahoe::Tahoe;
pub use self::{
    filesystem::{Durability, Filesystem, Links, OnAbort},
    memory::Memory,
};
