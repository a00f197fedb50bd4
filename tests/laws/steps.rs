//! What happens to a session in a play: the steps that strategies choose at random and that fuzzers' bytes mean.

use std::fmt;

use sansftp::storage::StorageErrorKind;

use crate::notation::{
    codes::TABLE,
    words::{escape, unescape},
};

/// One thing that happens to a session.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// The client sends bytes.
    Send(Vec<u8>),
    /// Something that a driver could really tell now; which one is chosen by the number.
    Proceed(u8),
    /// Something that a driver tells by mistake, too late or twice, about the n-th request, transfer or data
    /// connection.
    Disturb(Disturbance, usize),
    /// Time passes, in milliseconds.
    Pass(u64),
    /// The clock is wrong, and goes back by so many milliseconds.
    GoBack(u64),
    /// The client ends its side of the control connection.
    Leave,
    /// The control connection is lost.
    Lose,
    /// The server wants to end.
    ShutDown,
    /// The server has to end now, whether or not it wanted to before.
    EndNow,
}

/// As text that can be read.
impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send(bytes) => write!(f, "Send({})", escape(bytes)),
            Self::Proceed(choice) => write!(f, "Proceed({choice})"),
            Self::Disturb(disturbance, n) => write!(f, "Disturb({disturbance:?}, {n})"),
            Self::Pass(milliseconds) => write!(f, "Pass({milliseconds})"),
            Self::GoBack(milliseconds) => write!(f, "GoBack({milliseconds})"),
            Self::Leave => f.write_str("Leave"),
            Self::Lose => f.write_str("Lose"),
            Self::ShutDown => f.write_str("ShutDown"),
            Self::EndNow => f.write_str("EndNow"),
        }
    }
}

/// An event out of order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    LoggedIn,
    Done,
    UploadOpened,
    Opened,
    Failed(StorageErrorKind),
    Entries,
    Available,
    Text,
    Listening,
    ListenFailed,
    Connected,
    Stranger,
    LowPort,
    Refused,
    Progressed,
    Moved,
    Complete,
    Lost,
    Finished,
    FinishFailed,
    Aborted,
    Elapsed,
    RepliesSent,
    ControlSecured,
    DataSecured,
    Fin,
    SeenOpen,
    SeenEnded,
}

/// All but `Failed`.
pub const DISTURBANCES: [Disturbance; 27] = [
    Disturbance::LoggedIn,
    Disturbance::Done,
    Disturbance::UploadOpened,
    Disturbance::Opened,
    Disturbance::Entries,
    Disturbance::Available,
    Disturbance::Text,
    Disturbance::Listening,
    Disturbance::ListenFailed,
    Disturbance::Connected,
    Disturbance::Stranger,
    Disturbance::LowPort,
    Disturbance::Refused,
    Disturbance::Progressed,
    Disturbance::Complete,
    Disturbance::Lost,
    Disturbance::Finished,
    Disturbance::FinishFailed,
    Disturbance::Aborted,
    Disturbance::Elapsed,
    Disturbance::RepliesSent,
    Disturbance::ControlSecured,
    Disturbance::DataSecured,
    Disturbance::Fin,
    Disturbance::Moved,
    Disturbance::SeenEnded,
    Disturbance::SeenOpen,
];

/// Lines that lead somewhere, some of them more often than others.
pub const USUAL_LINES: [&str; 49] = [
    "USER anna",
    "PASS secret",
    "ACCT sales",
    "TYPE I",
    "TYPE A",
    "PASV",
    "PASV",
    "PASV",
    "EPSV",
    "EPSV ALL",
    "PORT 198,51,100,7,195,80",
    "EPRT |1|198.51.100.7|50000|",
    "EPRT |1|203.0.113.9|50000|",
    "STOR a",
    "STOR a",
    "STOR b",
    "STOU",
    "APPE a",
    "RETR a",
    "RETR a",
    "LIST",
    "NLST a",
    "NLST dir/b",
    "MLSD",
    "ALLO 10",
    "REST 5",
    "ABOR",
    "ABOR",
    "NOOP",
    "NOOP",
    "STAT",
    "STAT a",
    "RNFR a",
    "RNTO b",
    "CWD a",
    "CWD ../..",
    "DELE a/../../b",
    "MKD a \"b\"",
    "PWD",
    "SITE UPLOADS",
    "AUTH TLS",
    "HOST ftp.example.com",
    "REIN",
    "QUIT",
    "PBSZ 0",
    "PROT P",
    "AUTH TLS-P",
    "CCC",
    "ALLO 7",
];

/// Telnet commands: WILL ECHO, DO, and what clients send before ABOR.
pub const TELNET: [&[u8]; 3] = [b"\xff\xfb\x01", b"\xff\xfd\x18", b"\xff\xf4\xff\xf2"];

/// Pieces of lines.
pub const PIECES: [&[u8]; 4] = [b"NO", b"ST", b" ", b"a"];

/// The line of a command of the table with an argument.
pub fn line(row: usize, argument: &[u8]) -> Vec<u8> {
    let blank: &[u8] = if argument.is_empty() { b"" } else { b" " };
    [TABLE[row].verb.as_bytes(), blank, argument, b"\r\n"].concat()
}

/// The right and wrong arguments of a command of the table.
pub fn arguments(row: usize) -> Vec<Vec<u8>> {
    let texts = TABLE[row].good.iter().chain(TABLE[row].bad);
    texts.map(|text| unescape(text).unwrap()).collect()
}
