//! Random sessions: what clients, stores and networks do, in any order.

use std::time::Duration;

use proptest::{collection::vec, prelude::*, sample::select};
use sansftp::{
    config::{
        Config, FinishOverdue, FinishPatience, SessionReuse, Settings, TlsRequirement, TlsSettings, TlsStart,
        Truncation,
    },
    storage::StorageErrorKind,
};

use crate::{
    laws::{
        steps::{DISTURBANCES, Disturbance, PIECES, Step, TELNET, USUAL_LINES, arguments, line},
        world::Ending,
    },
    notation::{codes::TABLE, events::ERROR_KINDS},
};

const PATIENT: FinishPatience =
    FinishPatience::ContinueAfter { silence: Duration::from_secs(10), every: Duration::from_secs(20) };

/// Small limits and large ones.
pub fn configs() -> impl Strategy<Value = Config> {
    let limits = (
        prop_oneof![Just(1_usize), Just(100), Just(16 << 10)],
        prop_oneof![Just(1_usize), Just(16 << 10)],
        1_usize..3,
        select(vec![0_u64, 5, 3000]),
    );
    (limits, any::<(bool, bool)>(), 5_u64..1000, tls()).prop_map(
        |((backlog, replies, detached, grace), (detaches, continues), stall, tls)| {
            let settings = Settings {
                line_limit: 256,
                skip_limit: 512,
                backlog_limit: backlog,
                reply_limit: replies,
                detached_limit: detached,
                finish_patience: if continues { PATIENT } else { FinishPatience::Silent },
                finish_overdue: if detaches { FinishOverdue::Detach } else { FinishOverdue::Abort },
                data_stall_timeout: Duration::from_secs(stall),
                killed_client_grace: Duration::from_millis(grace),
                log_in_timeout: Duration::from_secs(60 * 60),
                tls,
                ..Settings::default()
            };
            Config::new(settings).unwrap()
        },
    )
}

/// Mostly none or what clients may begin; not much is done by a random client that has to begin.
fn tls() -> impl Strategy<Value = TlsSettings> {
    let starts = prop_oneof![
        3 => Just(TlsStart::Never),
        6 => Just(TlsStart::Explicit),
        1 => Just(TlsStart::Implicit),
    ];
    let requirements = prop_oneof![
        8 => Just(TlsRequirement::Nothing),
        1 => Just(TlsRequirement::Control),
        1 => Just(TlsRequirement::ControlAndData),
    ];
    let reuse = prop_oneof![3 => Just(SessionReuse::Offer), 1 => Just(SessionReuse::Require)];
    let truncation = prop_oneof![Just(Truncation::Refuse), Just(Truncation::Accept)];
    (starts, requirements, reuse, truncation).prop_map(|(start, requirement, session_reuse, truncation)| {
        let requirement = if start == TlsStart::Never { TlsRequirement::Nothing } else { requirement };
        TlsSettings { start, requirement, session_reuse, truncation, ..TlsSettings::default() }
    })
}

pub fn endings() -> impl Strategy<Value = Ending> {
    prop_oneof![Just(Ending::ControlLost), Just(Ending::Silence)]
}

/// A whole session: most often it begins with a log-in.
pub fn sessions() -> impl Strategy<Value = Vec<Step>> {
    (beginnings(), steps()).prop_map(|(beginning, steps)| [beginning, steps].concat())
}

fn beginnings() -> impl Strategy<Value = Vec<Step>> {
    let log_in =
        || vec![Step::Send(b"USER anna\r\nPASS secret\r\nTYPE I\r\nPASV\r\n".to_vec()), Step::Proceed(0)];
    let listening = move || [log_in(), vec![Step::Proceed(100)]].concat();
    let listening_again =
        move || [listening(), vec![Step::Send(b"PASV\r\n".to_vec()), Step::Proceed(100)]].concat();
    let uploading = move || {
        [listening(), vec![Step::Send(b"STOR a\r\n".to_vec()), Step::Proceed(0), Step::Proceed(0)]].concat()
    };
    let secured = || {
        vec![
            Step::Send(b"AUTH TLS\r\n".to_vec()),
            Step::Proceed(0),
            Step::Send(b"PBSZ 0\r\nPROT P\r\n".to_vec()),
        ]
    };
    let account_needed = vec![
        Step::Send(b"USER anna\r\nPASS secret\r\n".to_vec()),
        Step::Proceed(32),
        Step::Send(b"ACCT sales\r\n".to_vec()),
    ];
    prop_oneof![
        2 => Just(Vec::new()),
        3 => Just(log_in()),
        3 => Just(listening()),
        3 => Just(uploading()),
        2 => Just(listening_again()),
        1 => Just(account_needed),
        1 => Just(secured()),
        3 => Just([secured(), uploading()].concat()),
    ]
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
        1 => rare(),
    ]
}

fn rare() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => Just(Step::Pass(1)),
        1 => (0_u64..100_000).prop_map(Step::GoBack),
        1 => Just(Step::Lose),
        1 => Just(Step::Leave),
        1 => Just(Step::ShutDown),
        1 => Just(Step::EndNow),
    ]
}

/// What a client sends at once: mostly one whole line.
fn command_line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        16 => usual_line(),
        8 => any_line(),
        1 => vec(1_u8..0x80, 0..20).prop_map(|junk| without_line_ends(&junk)),
        1 => vec(any::<u8>(), 0..20).prop_map(|junk| [&junk[..], b"\r\n"].concat()),
        1 => (300_usize..2000).prop_map(|length| [&vec![b'x'; length][..], b"\r\n"].concat()),
        1 => one_of(&PIECES),
        1 => one_of(&TELNET),
        2 => vec(prop_oneof![8 => usual_line(), 1 => one_of(&TELNET)], 2..6).prop_map(|lines| lines.concat()),
    ]
}

fn one_of(pieces: &[&[u8]]) -> impl Strategy<Value = Vec<u8>> + use<> {
    select(pieces.iter().map(|piece| piece.to_vec()).collect::<Vec<_>>())
}

fn without_line_ends(junk: &[u8]) -> Vec<u8> {
    let clean = junk.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n'));
    clean.chain(*b"\r\n").collect()
}

fn usual_line() -> impl Strategy<Value = Vec<u8>> {
    (0..USUAL_LINES.len()).prop_map(|i| [USUAL_LINES[i].as_bytes(), b"\r\n"].concat())
}

/// Any command with any of its arguments, or with another one's.
fn any_line() -> impl Strategy<Value = Vec<u8>> {
    let own = (0..TABLE.len(), any::<prop::sample::Index>()).prop_map(|(row, index)| {
        let arguments = arguments(row);
        if arguments.is_empty() {
            line(row, b"")
        } else {
            line(row, &arguments[index.index(arguments.len())])
        }
    });
    let all: Vec<Vec<u8>> = (0..TABLE.len()).flat_map(arguments).collect();
    let foreign = (0..TABLE.len(), select(all)).prop_map(|(row, argument)| line(row, &argument));
    prop_oneof![3 => own, 1 => foreign]
}

fn disturbance() -> impl Strategy<Value = Disturbance> {
    prop_oneof![
        8 => select(DISTURBANCES.to_vec()).boxed(),
        1 => kind().prop_map(Disturbance::Failed).boxed(),
    ]
}

fn kind() -> impl Strategy<Value = StorageErrorKind> {
    (0..ERROR_KINDS.len()).prop_map(|i| ERROR_KINDS[i].1)
}
