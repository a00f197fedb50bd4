//! Conversations between a client and a session, as text: `tests/conversations/*.txt`.
//!
//! Each file has a theme, and each `## heading` in it a conversation of its own:
//!
//! ```text
//! ## an upload is answered after its finish
//! @after a passive port is open          first comes that conversation, of this file or of states.txt
//! @config finish_timeout=30s             a field of Settings; `local` and `peer` are the control connection's ends
//! # a comment
//! C: STOR a                              the client sends a line; escapes: \r \n \t \\ \xff
//! C~: NO                                 the client sends bytes without a line end
//! A: Ask OpenUpload /a Replace           the next action
//! E: UploadOpened /a                     something happens
//! S: 150 …                               the next line of a reply; … stands for any text
//! +5s                                    time passes; deadlines in between elapse, each at its time
//! @deadline 15s                          the next deadline is so far away (or: none)
//! @wants-input yes                       the session wants input (or: no)
//! @withhold                              from here on RepliesSent is not told after each reply
//! ```
//!
//! The forms of `A:` and `E:` are listed in `tests/notation`. The order is exact: nothing more and nothing less may
//! come than what the script says. Each conversation is run three times, with the client's bytes cut at each line,
//! at each byte, and not at all between two events.

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test code"
)]

#[allow(dead_code, reason = "each test uses its part")]
mod notation;
#[path = "conversations/runner.rs"]
mod runner;
#[path = "conversations/script.rs"]
mod script;
#[path = "conversations/setup.rs"]
mod setup;

use runner::Cutting;

macro_rules! scripts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                hold(stringify!($name), include_str!(concat!("conversations/", stringify!($name), ".txt")));
            }
        )*
        const SCRIPTS: &[&str] = &[$(stringify!($name)),*];
    };
}

scripts! {
    states
    logging_in
    pathnames
    parameters
    patience
    data_connections
    uploads
    downloads
    listings
    settling
    aborting
    finishing
    ending_the_control_connection
    losing_the_control_connection
    deadlines
    pipelining
    lines_and_telnet
    facts_and_times
    features
    site
    restarting_and_renaming
    shutting_down
    security
}

/// Plays all conversations of a file in all ways; panics with everything that went wrong.
fn hold(name: &str, text: &str) {
    let states = script::parse("states.txt", include_str!("conversations/states.txt"), &[]).unwrap();
    // The states are conversations themselves, and may be named by the others.
    let named = if name == "states" { &[][..] } else { &states };
    let conversations = script::parse(&format!("{name}.txt"), text, named).unwrap();
    let mut failures = Vec::new();
    for conversation in &conversations {
        // One failure of a conversation is enough to read.
        let mut cuttings = [Cutting::Lines, Cutting::Bytes, Cutting::Pipelined].into_iter();
        failures.extend(cuttings.find_map(|cutting| runner::run(conversation, cutting).err()));
    }
    let (failed, all) = (failures.len(), conversations.len());
    assert!(all > 0, "{name}.txt has no conversation");
    assert!(failed == 0, "{failed} of {all} conversations went wrong\n\n{}\n", failures.join("\n\n----\n"));
}

#[test]
fn every_script_is_run() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conversations");
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let name = path.file_stem().unwrap().to_string_lossy();
            assert!(SCRIPTS.contains(&&*name), "{name}.txt is not in the list of scripts");
        }
    }
}

/// A runner that accepts everything would prove nothing.
#[test]
fn a_script_that_is_wrong_fails() {
    let failure_of = |text: &str| {
        let conversations = script::parse("wrong.txt", text, &[]).unwrap();
        runner::run(&conversations[0], Cutting::Lines).unwrap_err()
    };
    let wrong = failure_of("## wrong text\nS: 220 FTP server ready.\nC: NOOP\nS: 999 …\n");
    assert!(wrong.starts_with("wrong.txt:4, conversation \"wrong text\""), "{wrong}");
    assert!(wrong.contains("C~: NOOP\\r\\nS: 200") || wrong.contains("C~: NOOP\\r\\n\nS: 200"), "{wrong}");
    let missing = failure_of("## missing\nS: 220 …\nS: 220 …\n");
    assert!(missing.contains("nothing"), "{missing}");
    let left = failure_of("## one too many\nS: 220 …\nC: NOOP\n");
    assert!(left.contains("unexpected: S: 200"), "{left}");
    let unseen = failure_of("## one too many before an event\nC: NOOP\nS: 200 …\n");
    assert!(unseen.contains("unexpected: S: 220"), "{unseen}");
}
