//! Choices about transfers.

use core::time::Duration;

/// What a client hears while the store finishes its upload.
///
/// Clients wait only so long for a final reply, and then report an error or upload again, though the file may be stored
/// in the end. Lines of a reply that is not complete keep most of them waiting; preliminary replies, several of which
/// RFC 959 does not know, break most of them.
///
/// | client | gives up in silence after | lines of a `226` keep it waiting |
/// |---|---|---|
/// | WinSCP | 15 s | yes |
/// | FileZilla | 20 s | yes |
/// | wput | 30 s | yes |
/// | tnftp, rclone | 60 s | yes |
/// | curl | 60 s | no |
/// | ncftp | 135 s | yes |
/// | lftp | 300 s | yes |
/// | Python's ftplib | never | yes |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishPatience {
    /// Nothing, until the result is known.
    Silent,
    /// Lines of a `226` that is not complete. If the finish then succeeds, its last line follows. If it fails, no code can
    /// say so any more: some clients hang on a `226-` that a `451` follows. So the reason is another such line, and the
    /// control connection is closed, which every client of the table reports as an error; but one that takes the first
    /// line of a reply for the whole would be misled. So does an `ABOR` end the session if it stops the finish. Until
    /// the reply is complete, `NOOP` and `STAT` wait as well.
    ContinueAfter {
        /// For the first line. Whatever fails sooner gets its own code. 10 s is what the clients of the table need.
        silence: Duration,
        /// From one line to the next. 10 s is what they need.
        every: Duration,
    },
}

/// What becomes of a finish that is still running at its deadline. The client gets a `451` either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishOverdue {
    /// Its future is dropped. As a rule the file is not stored then; but a finish that is past the point where it puts
    /// the file in place leaves the whole new one (see [`Upload::finish`](crate::storage::Upload::finish)).
    Abort,
    /// It goes on without the client. `STAT` and `SITE UPLOADS` tell its outcome, but only in the same session: once
    /// the control connection is closed, nobody is told.
    Detach,
}

/// What `TYPE A` does to the bytes of files. A listing is text in either case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsciiConversion {
    /// Lines end with CR LF on the wire and with LF in the store. A file that is no text is spoilt by it.
    LineEnds,
    /// Nothing, as in `TYPE I`: no file is spoilt, and texts keep the line ends that their senders have. `SIZE` and `REST`
    /// work in `TYPE A`, too.
    Nothing,
}

/// What the size means that a client announces by `ALLO`. A store that has no room for it refuses the file in either
/// case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnouncedSize {
    /// The file is at least as long: one that ends before is cut off, and not stored. In `TYPE A` what came over the wire
    /// counts, which is never shorter than the client's own file; but what was there before an `APPE` cannot be counted
    /// so, and then the size binds to nothing.
    Binding,
    /// Room is wanted for so much, as RFC 959 4.1.3 has it; the file may be shorter. For clients that round up.
    Advisory,
}

/// Who may be at the other end of a data connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataPeer {
    /// The address of the control connection's peer, and ports from 1024 on: a server cannot be made to connect to
    /// others, nor can others steal a transfer (RFC 2577).
    ControlPeer,
    /// Any address, and ports from 1024 on: transfers between two servers (FXP) work, and so do bounce attacks.
    AnyAddress,
}
