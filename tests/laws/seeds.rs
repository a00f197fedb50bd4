//! What the corpus of the fuzz target `session` begins with: short plays, each with an aim.
//!
//! `cargo test --test laws write_seeds -- --ignored` writes them anew.

use std::{fs, path::PathBuf};

use crate::{
    laws::{
        bytes::{decode, encode},
        steps::{Disturbance, Step},
    },
    session_target,
};

/// A play of the corpus.
struct Seed {
    name: &'static str,
    /// The first byte of the file.
    choice: u8,
    steps: Vec<Step>,
    /// What the session does in it, in this order.
    aim: &'static [&'static str],
}

fn send(lines: &str) -> Step {
    Step::Send(lines.replace('\n', "\r\n").into_bytes())
}

/// What goes well: the accounts agree, the port is open, the client connects, bytes move and are stored.
const WELL: Step = Step::Proceed(0);
const PORT_OPENS: Step = Step::Proceed(100);
const MOVED: Step = Step::Proceed(4);
const SEEN: Step = Step::Proceed(0);
const ENDED: Step = Step::Proceed(5);
const STORED: Step = Step::Proceed(2);

/// A client that is logged in, and has a passive port.
fn prepared(more: &[Step]) -> Vec<Step> {
    let log_in = [send("USER anna\n"), send("PASS secret\n"), WELL, send("PASV\n"), PORT_OPENS];
    [&log_in, more].concat()
}

/// A client that is logged in, has a passive port, and stores.
fn storing(more: &[Step]) -> Vec<Step> {
    prepared(&[&[send("STOR a\n"), WELL, WELL], more].concat())
}

const fn seed(name: &'static str, choice: u8, steps: Vec<Step>, aim: &'static [&'static str]) -> Seed {
    Seed { name, choice, steps, aim }
}

fn seeds() -> impl Iterator<Item = Seed> {
    [log_ins(), stores(), retrievals(), rest()].into_iter().flatten()
}

/// A client that says who it is.
fn log_ins() -> Vec<Seed> {
    vec![
        seed("log_in", 0, vec![send("USER anna\n"), send("PASS secret\n"), WELL], &["S: 331", "S: 230"]),
        seed(
            "log_in_refused",
            0,
            vec![send("USER anna\n"), send("PASS secret\n"), Step::Proceed(24)],
            &["S: 331", "S: 530"],
        ),
        seed(
            "pipelined",
            64,
            vec![
                send("USER anna\nPASS secret\nTYPE I\nPASV\nSTOR a\n"),
                WELL,
                PORT_OPENS,
                WELL,
                WELL,
                MOVED,
                SEEN,
                STORED,
            ],
            &["S: 331", "S: 230", "S: 200", "S: 227", "S: 150", "S: 226"],
        ),
    ]
}

/// A client that stores a file.
fn stores() -> Vec<Seed> {
    vec![
        seed(
            "store",
            0,
            storing(&[MOVED, SEEN, STORED]),
            &[
                "S: 230",
                "S: 227",
                "S: 150",
                "A: Transfer Receive",
                "A: LookAtControl",
                "A: AwaitFinish",
                "S: 226",
            ],
        ),
        seed("store_fails", 0, storing(&[MOVED, SEEN, WELL]), &["A: AwaitFinish", "S: 452"]),
        seed("store_lost", 0, storing(&[WELL, WELL]), &["A: Abort DataConnectionLost", "S: 426"]),
        seed(
            "store_then_abor",
            0,
            storing(&[send("NOOP\n"), send("ABOR\n"), WELL]),
            &["S: 200", "A: Abort ClientAborted", "S: 426", "S: 226"],
        ),
        seed(
            "store_detached",
            4,
            storing(&[
                MOVED,
                SEEN,
                Step::Pass(1 << 19),
                send("SITE UPLOADS\n"),
                STORED,
                send("SITE UPLOADS\n"),
            ]),
            &["A: AwaitFinish", "A: Detach", "S: 451", "still being stored", ": stored"],
        ),
        seed(
            "store_settles",
            0,
            storing(&[ENDED, Step::Pass(1 << 7), SEEN, STORED]),
            &["> TransferEnded", "> +128ms", "A: LookAtControl", "A: AwaitFinish", "S: 226"],
        ),
        seed(
            "store_killed",
            0,
            storing(&[ENDED, Step::Leave, WELL]),
            &["A: Abort ControlConnectionLost", "S: 426", "A: CloseControl"],
        ),
        seed(
            "store_killed_behind_commands",
            0,
            storing(&[ENDED, Step::Pass(1 << 7), Step::Proceed(7), WELL]),
            &["A: LookAtControl", "A: Abort ControlConnectionLost", "S: 426"],
        ),
        seed(
            "store_not_looked_at",
            0,
            storing(&[ENDED, Step::Pass(1 << 7), Step::Pass(1 << 19), WELL]),
            &["A: LookAtControl", "A: Abort ControlConnectionLost", "S: 451"],
        ),
        seed("store_stalls", 16, storing(&[Step::Pass(1 << 19), WELL]), &["A: Abort DataStalled", "S: 426"]),
    ]
}

/// A client that retrieves a file or a listing, over connections of every kind.
fn retrievals() -> Vec<Seed> {
    vec![
        seed(
            "retrieve",
            0,
            prepared(&[send("RETR a\n"), WELL, WELL, MOVED]),
            &["S: 150", "A: Transfer Send", "S: 226"],
        ),
        seed("list", 0, prepared(&[send("LIST\n"), WELL, WELL, MOVED]), &["A: Transfer List", "S: 226"]),
        seed(
            "list_a_file",
            0,
            prepared(&[send("NLST a\n"), Step::Proceed(12), Step::Proceed(12), WELL, MOVED]),
            &["A: Ask OpenListing", "A: Ask Stat", "A: Transfer Text", "S: 226"],
        ),
        seed(
            "active",
            0,
            vec![
                send("USER anna\n"),
                send("PASS secret\n"),
                WELL,
                send("PORT 198,51,100,7,195,80\nRETR a\n"),
                WELL,
                Step::Proceed(100),
                MOVED,
            ],
            &["S: 200", "A: OpenDataConnection Connect", "A: Transfer Send", "S: 226"],
        ),
        seed(
            "stranger",
            0,
            prepared(&[Step::Disturb(Disturbance::Stranger, 1), send("RETR a\n"), WELL, WELL, MOVED]),
            &["A: RefuseDataConnection", "A: Transfer Send", "S: 226"],
        ),
    ]
}

/// What else a session may come to.
fn rest() -> Vec<Seed> {
    vec![
        seed(
            "rename",
            0,
            prepared(&[send("RNFR a\n"), WELL, send("RNTO b\n"), WELL]),
            &["S: 350", "A: Ask Rename /a to /b", "S: 250"],
        ),
        seed(
            "quit_in_a_transfer",
            0,
            storing(&[send("QUIT\n"), MOVED, SEEN, STORED]),
            &["S: 226", "S: 221", "A: CloseControl"],
        ),
        seed(
            "shut_down",
            0,
            storing(&[Step::ShutDown, Step::EndNow, WELL]),
            &["A: Abort ShuttingDown", "S: 426", "S: 421", "A: CloseControl"],
        ),
        seed(
            "replies_are_not_read",
            9,
            prepared(&[send("NOOP\nNOOP\n"), Step::Disturb(Disturbance::RepliesSent, 1)]),
            &["S: 220"],
        ),
        seed(
            "wrong_driver",
            32,
            vec![send("USER anna\n"), send("PASS secret\n"), Step::Disturb(Disturbance::UploadOpened, 1)],
            &["S: 331", "S: 421"],
        ),
    ]
}

impl Seed {
    fn path(&self) -> PathBuf {
        let corpus = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/session");
        corpus.join(self.name)
    }

    fn data(&self) -> Vec<u8> {
        [&[self.choice][..], &encode(&self.steps)].concat()
    }
}

#[test]
fn seeds_reach_their_aim() {
    for seed in seeds() {
        assert_eq!(decode(&encode(&seed.steps)), seed.steps, "{}", seed.name);
        let transcript = session_target::record(&seed.data()).transcript;
        let mut lines = transcript.iter();
        for aim in seed.aim {
            let is_reached = lines.any(|line| line.contains(aim));
            assert!(is_reached, "{} does not reach {aim:?}:\n{}", seed.name, transcript.join("\n"));
        }
        session_target::run(&seed.data());
    }
}

#[test]
fn seeds_are_what_the_corpus_has() {
    for seed in seeds() {
        let data = fs::read(seed.path()).unwrap_or_default();
        assert!(
            data == seed.data(),
            "{} is not what it should be; write_seeds writes it",
            seed.path().display()
        );
    }
}

#[test]
#[ignore = "it changes the checkout"]
fn write_seeds() {
    for seed in seeds() {
        fs::create_dir_all(seed.path().parent().unwrap()).unwrap();
        fs::write(seed.path(), seed.data()).unwrap();
    }
}
