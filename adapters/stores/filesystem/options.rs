//! What the owner of a store can choose.

/// What an upload, a new directory and a rename have survived when their reply leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// A power cut: the content is written to the disk before the rename (`fdatasync`), and the directory after it
    /// (`fsync`). An upload waits for the disk twice, which takes milliseconds. For a directory that the server may not
    /// read, the whole file system is synced on Linux and Android, and nothing but the content elsewhere.
    #[default]
    Sync,
    /// The end of the server's process. After a power cut the file may be the old one, the new one, or, in some file
    /// systems, an empty one.
    Rename,
}

/// What becomes of the bytes of an upload that is aborted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnAbort {
    /// They are removed: under a name there is a whole file or none.
    #[default]
    Discard,
    /// Where no file has the name, they get it, so that the client can go on behind them by `REST` and `STOR`, or by
    /// `APPE`. A file that is there is never replaced by a part of another one; so what was appended to it, or stored
    /// behind a `REST`, is removed all the same. Nothing is kept of an upload that is dropped or refused, or whose store has
    /// failed.
    ///
    /// An upload that goes on exactly where such a part ends goes on with the part itself, which is no whole file and is
    /// not copied: it is seen growing under its name, and stays as far as it has come when that upload is cut off, too,
    /// or the server is killed. That is so while nobody else uses it or has changed it, and until the store is opened
    /// anew; otherwise what stays of it is copied, as of any file. Meanwhile it can be removed and replaced, but not
    /// renamed ([`Busy`](crate::storage::StorageErrorKind::Busy)). A second upload that goes on with it has a copy: of
    /// the two, the one that is finished last is there. An upload whose part somebody else makes longer or shorter
    /// meanwhile fails as `Busy`, and leaves the part as it is.
    ///
    /// Nobody can tell such a part from a whole file by its name, and it may appear minutes after its client has gone.
    KeepPartial,
}

/// How listings show symbolic links. Whatever they show, who knows the name of a link that leads to something inside
/// reaches that by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Links {
    /// `MLSD` tells of what a link leads to, as `MLST` does; `LIST` shows the link, ` -> ` and what it says.
    ///
    /// A link to a directory that is on the way to the one listed is shown as a link in both: a client that takes a
    /// tree as it is listed would walk in a circle. One that leads outside, or to nothing, is shown as a link too, whose
    /// target is a `?`, so that clients leave it out.
    ///
    /// A client that removes a tree as `MLSD` lists it removes also what is in the directories that links lead to. And
    /// where directories link to each other, it meets each of them by every way through the others: nine that all do have
    /// nearly a million ways. [`Show`](Self::Show) is for such trees.
    #[default]
    Follow,
    /// All of them are links in `MLSD`, too, which many clients leave out.
    Show,
    /// They are not listed.
    Hide,
}
