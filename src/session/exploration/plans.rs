//! The walks there are: who the server and its client are, where each starts, and what may happen in it.

use std::time::Duration;

use super::{super::RequestId, alphabet::Alphabet, laws::watch::Reading, world::Step};
use crate::config::{
    FinishOverdue, FinishPatience, SessionReuse, TlsRequirement, TlsSettings, TlsStart, Truncation,
};

/// A walk: the server and its client, where it starts, and what may happen in it.
pub(super) struct Plan {
    pub(super) name: &'static str,
    pub(super) reading: Reading,
    pub(super) finish_overdue: FinishOverdue,
    pub(super) finish_patience: FinishPatience,
    pub(super) tls: TlsSettings,
    /// What comes before it.
    pub(super) before: &'static [Step],
    pub(super) alphabet: Alphabet,
    /// No more states than these.
    pub(super) bound: usize,
}

const NO_TLS: TlsSettings = TlsSettings {
    start: TlsStart::Never,
    requirement: TlsRequirement::Nothing,
    session_reuse: SessionReuse::Require,
    truncation: Truncation::Refuse,
    handshake_timeout: Duration::from_secs(1),
};

const EXPLICIT_TLS: TlsSettings = TlsSettings { start: TlsStart::Explicit, ..NO_TLS };

/// For walks in which the client may end its side of the control connection; in all of them, they would take twice as long.
const LEAVES: &[&str] = &["ControlEnded"];

const PORT: &str = "PORT 198,51,100,7,195,80";

const LOG_IN: &[Step] =
    &[Step::Send("USER anna"), Step::Send("PASS secret"), Step::Answer("LoggedIn", RequestId(1))];

/// In `TYPE I` a size can tell that an upload is whole.
const LOG_IN_FOR_IMAGES: &[Step] = &[
    Step::Send("USER anna"),
    Step::Send("PASS secret"),
    Step::Answer("LoggedIn", RequestId(1)),
    Step::Send("TYPE I"),
];

/// What most of the small walks have.
const SMALL_WALK: Plan = Plan {
    name: "",
    reading: Reading::Promptly,
    finish_overdue: FinishOverdue::Abort,
    finish_patience: FinishPatience::Silent,
    tls: NO_TLS,
    before: &[],
    alphabet: Alphabet { lines: &[], waiting: 1, events: &[], early: 0 },
    bound: 10_000,
};

pub(super) const SMALL: &[Plan] = &[
    Plan {
        name: "log-in",
        alphabet: Alphabet {
            lines: &["USER anna", "PASS secret", "ACCT sales", "LIST", "PASV", "REIN", "AUTH TLS"],
            waiting: 1,
            events: &[],
            early: 1,
        },
        ..SMALL_WALK
    },
    Plan {
        name: "uploads",
        before: LOG_IN,
        alphabet: Alphabet {
            lines: &["PASV", PORT, "ALLO 2", "STOR a", "ABOR", "QUIT"],
            waiting: 1,
            events: &[],
            early: 1,
        },
        ..SMALL_WALK
    },
    Plan {
        name: "a client that leaves",
        before: LOG_IN_FOR_IMAGES,
        alphabet: Alphabet {
            lines: &["PASV", "ALLO 1", "STOR a", "LIST a*", "ABOR"],
            waiting: 1,
            events: LEAVES,
            early: 0,
        },
        ..SMALL_WALK
    },
    Plan {
        name: "detached finishes",
        finish_overdue: FinishOverdue::Detach,
        before: LOG_IN,
        alphabet: Alphabet { lines: &["PASV", "STOR a", "USER anna"], waiting: 1, events: &[], early: 0 },
        ..SMALL_WALK
    },
    Plan {
        name: "finishes of which the client hears",
        finish_patience: FinishPatience::ContinueAfter {
            silence: Duration::from_secs(1),
            every: Duration::from_secs(1),
        },
        before: LOG_IN,
        alphabet: Alphabet { lines: &["PASV", "STOR a", "ABOR", "NOOP"], waiting: 1, events: &[], early: 0 },
        ..SMALL_WALK
    },
    Plan {
        name: "downloads and listings",
        before: LOG_IN,
        alphabet: Alphabet {
            lines: &["PASV", "LIST a", "RETR a", "ABOR", "STAT", "STAT a", "QUIT"],
            waiting: 1,
            events: &[],
            early: 1,
        },
        ..SMALL_WALK
    },
    Plan {
        name: "a client that hardly reads",
        reading: Reading::Hardly,
        before: LOG_IN_UNREAD,
        alphabet: Alphabet { lines: &["PASV", "STOR a", "ABOR"], waiting: 1, events: LEAVES, early: 0 },
        ..SMALL_WALK
    },
    Plan {
        name: "security",
        tls: EXPLICIT_TLS,
        alphabet: Alphabet {
            lines: &[
                "USER anna",
                "ACCT sales",
                "AUTH TLS",
                "AUTH TLS-P",
                "PBSZ 0",
                "PROT P",
                "PROT C",
                "CCC",
                "REIN",
                "PASV",
            ],
            waiting: 1,
            events: &["ControlSecured certificate=anna"],
            early: 1,
        },
        ..SMALL_WALK
    },
    Plan {
        name: "TLS from the beginning",
        tls: TlsSettings { start: TlsStart::Implicit, requirement: TlsRequirement::ControlAndData, ..NO_TLS },
        alphabet: Alphabet {
            lines: &["USER anna", "PASS secret", "PROT C", "CCC", "REIN", "PASV", "LIST a"],
            waiting: 1,
            events: &["ControlSecured certificate=anna"],
            early: 0,
        },
        ..SMALL_WALK
    },
    Plan {
        name: "uploads over TLS, whose end it has to tell",
        tls: EXPLICIT_TLS,
        before: LOG_IN_SECURED,
        alphabet: Alphabet { lines: &["PASV", "STOR a"], waiting: 1, events: LEAVES, early: 0 },
        ..SMALL_WALK
    },
    Plan {
        name: "uploads over TLS",
        tls: TlsSettings { truncation: Truncation::Accept, ..EXPLICIT_TLS },
        before: LOG_IN_SECURED,
        alphabet: Alphabet {
            lines: &["PASV", PORT, "STOR a", "ABOR", "PROT C", "AUTH TLS"],
            waiting: 1,
            events: LEAVES,
            early: 0,
        },
        ..SMALL_WALK
    },
];

/// A client that is logged in, and whose connections are protected.
const LOG_IN_SECURED: &[Step] = &[
    Step::Send("AUTH TLS-P"),
    Step::Tell("ControlSecured"),
    Step::Send("USER anna"),
    Step::Send("PASS secret"),
    Step::Answer("LoggedIn", RequestId(1)),
];

const LOG_IN_UNREAD: &[Step] = &[
    Step::Tell("RepliesSent"),
    Step::Send("USER anna"),
    Step::Tell("RepliesSent"),
    Step::Send("PASS secret"),
    Step::Answer("LoggedIn", RequestId(1)),
    Step::Tell("RepliesSent"),
];

const ALL_LINES: &[&str] = &[
    "USER anna",
    "PASS secret",
    "ACCT sales",
    "REIN",
    "QUIT",
    "PASV",
    PORT,
    "ALLO 2",
    "RETR a",
    "STOR a",
    "ABOR",
    "LIST a",
    "STAT",
    "NOOP",
    "AUTH TLS",
];

pub(super) const TWO_COMMANDS_WAIT: Plan = Plan {
    name: "everything, while two commands wait",
    reading: Reading::Promptly,
    finish_overdue: FinishOverdue::Abort,
    finish_patience: FinishPatience::Silent,
    tls: NO_TLS,
    before: &[],
    alphabet: Alphabet { lines: ALL_LINES, waiting: 2, events: &[], early: 0 },
    bound: 1_000_000,
};

/// With the commands that lead to a handshake, or to what depends on one.
pub(super) const OVER_TLS: Plan = Plan {
    name: "everything, over TLS",
    tls: EXPLICIT_TLS,
    alphabet: Alphabet {
        lines: &[
            "USER anna",
            "PASS secret",
            "AUTH TLS",
            "PBSZ 0",
            "PROT P",
            "PROT C",
            "CCC",
            "REIN",
            "QUIT",
            "PASV",
            PORT,
            "RETR a",
            "STOR a",
            "ABOR",
            "STAT",
        ],
        waiting: 1,
        events: &[],
        early: 1,
    },
    ..TWO_COMMANDS_WAIT
};

pub(super) const FINISHES_ARE_DETACHED: Plan = Plan {
    name: "everything, with detached finishes",
    finish_overdue: FinishOverdue::Detach,
    alphabet: Alphabet { lines: ALL_LINES, waiting: 1, events: &[], early: 1 },
    ..TWO_COMMANDS_WAIT
};

pub(super) const THE_CLIENT_HARDLY_READS: Plan = Plan {
    name: "everything, and the client hardly reads",
    reading: Reading::Hardly,
    alphabet: Alphabet { lines: ALL_LINES, waiting: 1, events: LEAVES, early: 1 },
    ..TWO_COMMANDS_WAIT
};
