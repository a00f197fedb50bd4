//! Files in a Tahoe-LAFS grid.

mod body;
mod cap;
mod change;
mod connection;
mod directories;
mod download;
mod gateway;
mod gateway_error;
mod hyper_stream;
mod listing;
mod names;
mod node;
mod refusal;
mod splitter;
mod tree;
mod upload;

use std::string::String;

use self::{
    cap::Cap,
    tree::{Replace, Tree, place},
    upload::Target,
};
pub use self::{
    download::TahoeDownload, gateway::Gateway, gateway_error::GatewayError, listing::TahoeListing,
    upload::TahoeUpload,
};
use super::unique_name::{random_number, unique_name};
use crate::{
    adapters::runtimes::Runtime,
    pathname::Pathname,
    storage::{Metadata, OpenedUpload, Placement, Storage, StorageError, StorageErrorKind},
    time_value::TimeValue,
};

/// How often to look for a name that nothing has.
const ATTEMPTS_LIMIT: usize = 16;

/// A store of the files below a directory of a [Tahoe-LAFS](https://tahoe-lafs.org) grid.
///
/// It talks to the web API of a gateway, which is a Tahoe-LAFS client node, version 1.20 or like it, on the same machine.
/// Files are encrypted by the gateway: between it and the server they travel in clear, so that must be a connection that
/// nobody listens to. A clone is the same store. Make one [`Gateway`] for the program, and a store for each user's root.
///
/// ```no_run
/// use sansftp::{
///     Config,
///     adapters::{
///         Server,
///         Tokio,
///         Users,
///         stores::tahoe::{Gateway, Tahoe},
///     },
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let gateway = Gateway::new(Tokio, "http://127.0.0.1:3456")?;
/// let root = std::fs::read_to_string("root.cap")?;
/// let users = Users::new().with_user("anna", "secret", Tahoe::new(gateway, &root)?);
/// let server = Server::start(Tokio, users, Config::default(), "127.0.0.1:2121".parse()?)?;
/// # drop(server);
/// # Ok(())
/// # }
/// ```
///
/// # How files are stored
///
/// The bytes of an upload go to the gateway as they come; it keeps them in a temporary file and begins to encode and to
/// distribute them after the last one. [`finish`](crate::storage::Upload::finish) ends the request's body, waits until the
/// grid has the file on as many servers as the gateway is configured to want (`shares.happy`), and then makes it an entry
/// of its directory. If the grid is not up to it, the client reads a `451` that says so, and the old file stays. An upload
/// that is aborted or dropped closes its connection before the end of the body, which makes the gateway forget it.
///
/// * Of two uploads at a time to one name, the one that is finished last wins.
/// * An upload stays with its directory, also if that is renamed meanwhile. `STOR` into a directory that is not there is
///   refused; none is made on the way.
/// * `APPE` is [`Unsupported`](StorageErrorKind::Unsupported) (`502`), and so is `STOR` behind a `REST` other than 0
///   ([`UnsupportedParameter`](StorageErrorKind::UnsupportedParameter), `504`): files of the grid do not change.
/// * Mutable files can be retrieved (their size is listed as 0), renamed and deleted, and are not replaced.
/// * The gateway closes a connection on which nothing has come for 60 seconds, so an upload whose client pauses longer
///   than that is aborted.
///
/// # Directories
///
/// A change of a directory (a new entry, `MKD`, `RMD`, `DELE`, `RNTO`, `MFMT`) runs to its end as a task of its own, also
/// if nobody waits for it any more: the gateway would stop amid a change whose request is dropped. Changes of one directory
/// by the stores of one [`Gateway`] come one after the other, and see what is there. So `RMD` removes none but an empty
/// directory, `MKD` makes none that is there, and no rename takes the place of a directory or moves one into itself. Other
/// programs that write to the same directories at the same moment are not kept out: two gateways that write to one
/// directory can lose each other's entries, and a file that somebody else adds to a directory while `RMD` looks at it goes
/// with it. A rename is two steps for the grid: if the gateway dies between them, the file has both names.
///
/// Names are UTF-8 and become NFC; one that is not UTF-8 is [`NameRefused`](StorageErrorKind::NameRefused) (`553`). A name
/// has at most 255 bytes. The time of an entry is that of its last link, or the one that `MFMT` has set for this content.
/// `SITE CHMOD` and `AVBL` are [`Unsupported`](StorageErrorKind::Unsupported).
///
/// # How files are retrieved
///
/// As a stream, from the offset of `REST` on. If the grid loses too many servers meanwhile, what comes is not the whole
/// file, and the client reads a `451` instead of the `226`. A file that is replaced meanwhile is retrieved as it was.
///
/// # What it costs
///
/// Memory for an upload or download is about 300 KiB. A listing is taken apart as it comes, but to look a single name up
/// the gateway sends the whole directory: keep directories below some thousand entries. Whether a directory can be changed
/// it says behind the entries, so a listing of 256 of them or more is two requests.
///
/// # Capabilities are secrets
///
/// They are in no log, no error and no `Debug` form. The reply of an upload has the one to read the new file, if
/// [`with_read_caps_named`](Self::with_read_caps_named) asks for it.
///
/// # What Tahoe-LAFS's own FTP server did
///
/// Tahoe-LAFS had an FTP front end from 1.3.0 to 1.15. Here is what has become of what it did.
///
/// | it | here |
/// |---|---|
/// | accounts from a file with passwords in clear, each with an own root, or from a web server | [`AccountsFile`](crate::adapters::accounts::AccountsFile), with hashes; any other source by [`Accounts`](crate::accounts::Accounts); TLS |
/// | `/uri/CAP/…` as a pathname reached any capability | not so: pathnames are logged. A capability is the root of an account |
/// | uploads went to an encrypted temporary file and were linked at the end; `226` then; an existing name was replaced | the same, but failures reach the client, and an upload that was cut off stores nothing. The gateway's temporary file is not encrypted |
/// | downloads as a stream, no `REST` | with `REST` |
/// | `MKD` made the directories on the way, and was content with one that was there | makes one directory, or says why not: those made on the way lose files |
/// | `DELE` and `RMD` checked the type; `RMD` removed a full directory with all that was in it; the root stayed | the same, but `RMD` removes an empty directory only |
/// | `RNTO` needed the target's directory, and refused a name that was there | replaces a file, as the other stores do, never a directory |
/// | `CWD` went to whatever was there, also a file | to a directory only |
/// | `LIST` with size, the time of the link, and mode 0600 for all | also `MLSD`, `SIZE`, `MDTM`, and `MFMT` to set the time |
/// | `STOR` to `/`, or into a directory that is not there, was refused | the same |
///
/// Also new: names that are not ASCII, mutable files, replies during a transfer, and `ABOR`.
#[derive(Debug, Clone)]
pub struct Tahoe<R: Runtime> {
    tree: Tree<R>,
    names_read_caps: bool,
    may_change: bool,
}

impl<R: Runtime> Tahoe<R> {
    /// The store whose `/` is the directory with the capability `root`; blanks around it do not matter.
    ///
    /// # Errors
    ///
    /// [`GatewayError::NoDirectoryCap`].
    pub fn new(gateway: Gateway<R>, root: &str) -> Result<Self, GatewayError> {
        let tree = Tree { gateway, root: Cap::parse_root(root)? };
        let may_change = tree.root.is_writable_directory();
        Ok(Self { tree, names_read_caps: false, may_change })
    }

    /// The same store without any way to change it: every change is
    /// [`PermissionDenied`](StorageErrorKind::PermissionDenied). So is one whose root is a capability to read only.
    #[must_use]
    pub fn read_only(self) -> Self {
        Self { may_change: false, ..self }
    }

    /// The same store, whose `226` tells the capability to read the new file. Whoever sees that reply, in a client's log
    /// say, can read the file for ever; so it is not told otherwise.
    #[must_use]
    pub fn with_read_caps_named(self) -> Self {
        Self { names_read_caps: true, ..self }
    }

    /// The tree, to be changed.
    fn changeable(&self) -> Result<Tree<R>, StorageError> {
        if self.may_change { Ok(self.tree.clone()) } else { Err(refusal::read_only()) }
    }

    /// A name like the hint that nothing in the directory has.
    async fn pick_unique(&self, directory: &Cap, hint: &[u8]) -> Result<String, StorageError> {
        for _ in 0..ATTEMPTS_LIMIT {
            let name = names::new_name(&unique_name(hint, random_number()))?;
            if self.tree.look_up(directory, &name).await?.node.is_none() {
                return Ok(name);
            }
        }
        Err(StorageErrorKind::Busy.into())
    }

    /// Refuses to replace what an upload cannot replace.
    async fn check_replaceable(&self, directory: &Cap, name: &str) -> Result<(), StorageError> {
        let found = self.tree.look_up(directory, name).await?;
        match found.node.map(|node| node.kind) {
            _ if !found.is_writable => Err(refusal::read_only()),
            Some(node::NodeKind::Directory) => Err(StorageErrorKind::IsADirectory.into()),
            Some(node::NodeKind::Mutable) => Err(StorageError::new(
                StorageErrorKind::PermissionDenied,
                "Permission denied: that is a mutable file, which is not replaced here: other directories may have it, too.",
            )),
            _ => Ok(()),
        }
    }
}

impl<R: Runtime> Storage for Tahoe<R> {
    type Upload = TahoeUpload<R>;
    type Download = TahoeDownload<R>;
    type Listing = TahoeListing<R>;

    async fn stat(&self, path: &Pathname) -> Result<Metadata, StorageError> {
        if path.is_root() {
            return Ok(Metadata::directory());
        }
        let (node, is_in_writable) = self.tree.find_in_directory(path).await?;
        Ok(node.describe(self.may_change && is_in_writable))
    }

    async fn list(&self, path: &Pathname) -> Result<Self::Listing, StorageError> {
        // The root of a store that may change anything can be changed.
        let may_change = (!self.may_change || path.is_root()).then_some(self.may_change);
        TahoeListing::open(&self.tree, path, may_change).await
    }

    async fn open_download(&self, path: &Pathname, offset: u64) -> Result<Self::Download, StorageError> {
        if path.is_root() {
            return Err(StorageErrorKind::IsADirectory.into());
        }
        TahoeDownload::open(&self.tree.gateway, &self.tree.find(path).await?, offset).await
    }

    async fn open_upload(
        &self,
        path: &Pathname,
        placement: Placement,
        _announced: Option<u64>,
    ) -> Result<OpenedUpload<Self::Upload>, StorageError> {
        refuse_to_continue(placement)?;
        let tree = self.changeable()?;
        let (parent, hint) = place(path, StorageErrorKind::IsADirectory)?;
        let held = tree.hold(&parent).await?;
        let (name, replace) = match placement {
            Placement::Unique => (self.pick_unique(&held.cap, hint).await?, Replace::Nothing),
            _ => {
                let name = names::new_name(hint)?;
                self.check_replaceable(&held.cap, &name).await?;
                (name, Replace::Files)
            }
        };
        let pathname = parent.join(name.as_bytes()).map_err(|_| StorageErrorKind::NameRefused)?;
        let ticket = held.locked.begin_upload();
        let target = Target { tree, directory: held.cap, name, replace, ticket };
        Ok(OpenedUpload { upload: TahoeUpload::new(target, self.names_read_caps), pathname, offset: 0 })
    }

    async fn make_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        self.tree.gateway.carry_out(self.changeable()?.make_directory(path.clone())).await
    }

    async fn remove_directory(&self, path: &Pathname) -> Result<(), StorageError> {
        self.tree.gateway.carry_out(self.changeable()?.remove_directory(path.clone())).await
    }

    async fn remove_file(&self, path: &Pathname) -> Result<(), StorageError> {
        self.tree.gateway.carry_out(self.changeable()?.remove_file(path.clone())).await
    }

    async fn rename(&self, from: &Pathname, to: &Pathname) -> Result<(), StorageError> {
        self.tree.gateway.carry_out(self.changeable()?.rename(from.clone(), to.clone())).await
    }

    async fn set_modified(&self, path: &Pathname, modified: TimeValue) -> Result<(), StorageError> {
        self.tree.gateway.carry_out(self.changeable()?.set_modified(path.clone(), modified)).await
    }
}

/// An immutable file cannot be continued.
fn refuse_to_continue(placement: Placement) -> Result<(), StorageError> {
    match placement {
        Placement::Append => Err(StorageError::new(
            StorageErrorKind::Unsupported,
            "Files of the grid cannot be appended to; store the whole file.",
        )),
        Placement::Resume { offset: 1.. } => Err(StorageError::new(
            StorageErrorKind::UnsupportedParameter,
            "Files of the grid cannot be continued; store the whole file.",
        )),
        Placement::Replace | Placement::Unique | Placement::Resume { offset: 0 } => Ok(()),
    }
}
