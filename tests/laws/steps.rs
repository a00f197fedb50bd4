//! Random sessions: what clients, stores and networks do, in any order.

use proptest::{collection::vec, prelude::*, sample::select};
use sansftp::storage::StorageErrorKind;

use crate::notation::{codes::TABLE, events::ERROR_KINDS, words::unescape};

/// One thing that happens to a session.
#[derive(Debug, Clone)]
pub enum Step {
    /// The client sends bytes. Only a whole line ends with LF.
    Send(Vec<u8>),
    /// Something that a driver could really tell now; which one is chosen by the number.
    Proceed(u8),
    /// Something that a driver tells by mistake, too late or twice, about the n-th request or transfer.
    Disturb(Disturbance, usize),
    /// Time passes, in milliseconds.
    Pass(u64),
    /// The control connection is lost.
    Lose,
    /// The server wants to end.
    ShutDown,
    /// The server has to end now, whether or not it wanted to before.
    EndNow,
}

/// An event out of order.
#[derive(Debug, Clone, Copy)]
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
    Complete,
    Lost,
    Finished,
    FinishFailed,
    Aborted,
    Elapsed,
    RepliesSent,
}

pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..60)
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        24 => command_line().prop_map(Step::Send),
        24 => any::<u8>().prop_map(Step::Proceed),
        6 => (disturbance(), 1_usize..8).prop_map(|(disturbance, n)| Step::Disturb(disturbance, n)),
        3 => (0_u64..30_000).prop_map(Step::Pass),
        1 => (0_u64..4_000_000).prop_map(Step::Pass),
        1 => prop_oneof![3 => Just(Step::Pass(1)), 1 => Just(Step::Lose), 1 => Just(Step::ShutDown), 1 => Just(Step::EndNow)],
    ]
}

/// What a client sends at once: mostly one whole line.
fn command_line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        16 => usual_line(),
        8 => any_line(),
        1 => vec(1_u8..0x80, 0..20).prop_map(|junk| without_line_ends(&junk)),
        1 => vec(0x80_u8..0xff, 0..20).prop_map(|junk| [&junk[..], b"\r\n"].concat()),
        1 => (300_usize..2000).prop_map(|length| [&vec![b'x'; length][..], b"\r\n"].concat()),
        1 => one_of(&[b"NO", b"ST", b" ", b"a"]),
        1 => telnet(),
        2 => vec(prop_oneof![8 => usual_line(), 1 => telnet()], 2..6).prop_map(|lines| lines.concat()),
    ]
}

fn telnet() -> impl Strategy<Value = Vec<u8>> {
    one_of(&[b"\xff\xfb\x01", b"\xff\xfd\x18", b"\xff\xf4\xff\xf2"])
}

fn one_of(pieces: &[&[u8]]) -> impl Strategy<Value = Vec<u8>> + use<> {
    select(pieces.iter().map(|piece| piece.to_vec()).collect::<Vec<_>>())
}

fn without_line_ends(junk: &[u8]) -> Vec<u8> {
    let clean = junk.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n'));
    clean.chain(*b"\r\n").collect()
}

/// Lines that lead somewhere.
fn usual_line() -> impl Strategy<Value = Vec<u8>> {
    let lines = [
        "USER anna",
        "PASS secret",
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
        "REIN",
        "QUIT",
    ];
    let usual: Vec<Vec<u8>> = lines.iter().map(|line| [line.as_bytes(), b"\r\n"].concat()).collect();
    select(usual)
}

/// Any command with any of its arguments, or with another one's.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let arguments: Vec<Vec<u8>> = TABLE
        .iter()
        .flat_map(|row| row.good.iter().chain(row.bad))
        .map(|text| unescape(text).unwrap())
        .collect();
    let own = (0..TABLE.len(), any::<prop::sample::Index>()).prop_map(|(row, index)| {
        let arguments = [TABLE[row].good, TABLE[row].bad].concat();
        line(row, &unescape(arguments[index.index(arguments.len())]).unwrap())
    });
    let foreign = (0..TABLE.len(), select(arguments)).prop_map(|(row, argument)| line(row, &argument));
    prop_oneof![3 => own, 1 => foreign]
}

fn line(row: usize, argument: &[u8]) -> Vec<u8> {
    let blank: &[u8] = if argument.is_empty() { b"" } else { b" " };
    [TABLE[row].verb.as_bytes(), blank, argument, b"\r\n"].concat()
}

fn disturbance() -> impl Strategy<Value = Disturbance> {
    use Disturbance as D;
    let plain = [
        D::LoggedIn,
        D::Done,
        D::UploadOpened,
        D::Opened,
        D::Entries,
        D::Available,
        D::Text,
        D::Listening,
        D::ListenFailed,
        D::Connected,
        D::Stranger,
        D::LowPort,
        D::Refused,
        D::Progressed,
        D::Complete,
        D::Lost,
        D::Finished,
        D::FinishFailed,
        D::Aborted,
        D::Elapsed,
        D::RepliesSent,
    ];
    prop_oneof![8 => select(plain.to_vec()).boxed(), 1 => kind().prop_map(D::Failed).boxed()]
}

fn kind() -> impl Strategy<Value = StorageErrorKind> {
    (0..ERROR_KINDS.len()).prop_map(|i| ERROR_KINDS[i].1)
}
