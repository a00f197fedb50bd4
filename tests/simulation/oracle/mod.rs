//! Compares what clients were told with what the store was asked and holds.

mod passive_ports;
mod protection;

use std::time::Duration;

use sansftp::{AbortReason, Settings, config::FinishOverdue};

use super::{
    client::{Hearings, confirmations, to_wire},
    store::{Answer, Attempt, Ended, Fate, Ledger, Source, Store, Subject, Tag, Told, Upload},
    world::{LAG, World},
};

/// Of a smaller upload that came in one go, the end of the control connection is not waited for.
const ONE_GO_LIMIT: usize = 64 << 10;
/// It was prompt if its end came not so long after the last of its bytes, or as much later as the machine is slow and a
/// notice late.
const PAUSE: Duration = Duration::from_micros(200).saturating_add(LAG.saturating_mul(2));
/// Behind a longer pause, the end of the control connection is waited for this many times as long, …
const PAUSE_FACTOR: u32 = 64;
/// … or behind a smaller upload.
const SMALL_PAUSE_FACTOR: u32 = 4;

/// What a client is told whose upload takes long.
const GOES_ON: &str = "it goes on, and STAT";
/// The store may just have been done when its finish was dropped.
const GIVEN_UP: &str = "given up; what was there before stays unless it was just stored";

/// Judges a world that has come to its end.
pub fn judge(world: &World, store: &Store, settings: &Settings) {
    let mut violations = world.lock().leftovers();
    let mut ledger = store.lock();
    passive_ports::redirect(world, &mut ledger);
    let hearings: Hearings = std::mem::take(&mut ledger.hearings);
    if ledger.tree.is_directory("/smuggled") {
        violations.push("promise 5: a command that was said in clear is executed under TLS".into());
    }
    if ledger.tree.is_directory("/cut-off") {
        violations.push("a command is executed whose line has no end".into());
    }
    if ledger.tree.reserved > 0 || ledger.open_sources > 0 {
        let (reserved, open) = (ledger.tree.reserved, ledger.open_sources);
        violations
            .push(format!("{reserved} bytes are still reserved, {open} downloads or listings are open"));
    }
    let oracle = Oracle { world, ledger: &ledger, settings };
    violations.extend(oracle.judge_passive_ports());
    for (number, attempt) in ledger.attempts.iter().enumerate() {
        if attempt.is_beyond_judgement {
            continue;
        }
        if let Err(what) = oracle.judge(attempt) {
            violations.push(format!("{:?} ({} of {}): {what}", Tag(number), attempt.verb, attempt.peer));
        }
    }
    violations.extend(oracle.judge_unread_replies(hearings));
    drop(ledger);
    violations.extend(store.differences());
    violations.into_iter().for_each(|what| world.violate(what));
}

struct Oracle<'a> {
    world: &'a World,
    ledger: &'a Ledger,
    settings: &'a Settings,
}

type Judgement = Result<(), String>;

fn ensure(is_true: bool, what: impl FnOnce() -> String) -> Judgement {
    if is_true { Ok(()) } else { Err(what()) }
}

impl Oracle<'_> {
    fn judge(&self, attempt: &Attempt) -> Judgement {
        self.judge_protection(attempt)?;
        match &attempt.subject {
            Subject::Upload(upload) => {
                self.count_upload(attempt, upload);
                self.judge_end(attempt, upload)?;
                self.judge_content(attempt, upload)?;
                self.judge_answer(attempt, upload)?;
                upload.told.iter().try_for_each(|told| self.judge_told(attempt, upload, told))
            }
            Subject::Source(source) => {
                self.count("downloads and listings: answered ", attempt.answer.as_ref());
                match &attempt.answer {
                    Some(answer) if answer.code == 226 => self.judge_source(attempt, source),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Promise 2: exactly one of finish, abort and drop; finish only after a clean end.
    fn judge_end(&self, attempt: &Attempt, upload: &Upload) -> Judgement {
        let has_ended = attempt.opened.is_none() || !matches!(attempt.fate, Fate::Open | Fate::Finishing);
        ensure(has_ended, || format!("opened, and never ended: {:?}", attempt.fate))?;
        let is_finished = attempt.is_finished();
        ensure(!is_finished || attempt.finishing <= self.finish_limit(), || {
            format!("the finish was awaited for {:?}", attempt.finishing)
        })?;
        self.judge_reason(attempt, upload)?;
        self.judge_truncation(attempt, upload)?;
        match attempt.ended {
            Ended::InOrder | Ended::Truncated => Ok(()),
            Ended::NotInOrder => {
                ensure(!is_finished, || "finished, though the client did not end it in good order".into())
            }
            Ended::Killed { bytes, data, control, has_said_so } => {
                // Where nothing has come, it is not known since when the server had waited.
                let is_empty = upload.written.is_empty();
                let pause = if is_empty { PAUSE } else { data.saturating_sub(bytes.max(upload.has_written)) };
                let is_prompt = !attempt.is_secure && pause < PAUSE;
                let is_small = !attempt.is_secure && (1..ONE_GO_LIMIT).contains(&upload.written.len());
                let is_one_go = is_prompt && is_small;
                // What the client says itself needs no grace.
                let Settings { killed_client_grace, prompt_client_grace, .. } = *self.settings;
                let factor = if is_small { SMALL_PAUSE_FACTOR } else { PAUSE_FACTOR };
                let paused = pause.saturating_sub(LAG * 2).saturating_mul(factor);
                let (end, grace) = match has_said_so {
                    true => (bytes, Duration::ZERO),
                    false if is_prompt => (data, prompt_client_grace.min(killed_client_grace)),
                    false if attempt.is_secure => (data, killed_client_grace),
                    false => (data, paused.max(prompt_client_grace).min(killed_client_grace)),
                };
                let can_look = self.world.lock().weather.can_look;
                // Where the system cannot be asked, the runtime may notice the end of the control connection later.
                let noticed = if can_look { control } else { control.saturating_add(LAG) };
                let is_told_late = end.checked_add(grace).is_none_or(|settled| noticed >= settled);
                // Where the promise ends, as `killed_client_grace` and `Runtime::has_ended` say.
                let is_beyond = is_told_late || is_one_go && (control >= data || !can_look);
                if is_finished && is_beyond {
                    self.world.count("uploads: finished for a killed client, where the promise ends");
                }
                let is_certain = has_said_so || upload.has_announced_size();
                if is_finished && is_certain {
                    self.world
                        .count("uploads: finished for a client that had left, and certain all the same");
                }
                ensure(!is_finished || is_beyond || is_certain, || {
                    format!("finished, though the client was killed: {:?}", attempt.ended)
                })
            }
        }
    }

    /// Nothing is given up for a reason that is none. What has come whole is stored, whoever is gone meanwhile.
    fn judge_reason(&self, attempt: &Attempt, upload: &Upload) -> Judgement {
        let state = self.world.lock();
        let is_stopped = state.is_shutdown_overdue(attempt.since);
        let has_panicked = state.has_panicked;
        drop(state);
        let is_true = match &attempt.fate {
            Fate::Aborted(why) => self.is_true(*why, attempt, upload),
            // A store that is to be aborted is told so. Only a session that is lost can do no more than drop it, or one whose
            // finish takes too long: the time of that includes what is prepared for it.
            Fate::Dropped if upload.preparing_since.is_none() => has_panicked,
            Fate::DroppedInFinish | Fate::Dropped => {
                let goes_on = attempt.answer.as_ref().is_some_and(|answer| answer.text.contains(GOES_ON));
                let more = if goes_on { self.settings.detached_timeout } else { Duration::ZERO };
                let finishing =
                    upload.preparing_since.map_or(attempt.finishing, |since| attempt.since - since);
                let is_overdue = finishing + LAG >= self.settings.finish_timeout + more;
                let is_told_to_stop = upload.is_given_up && upload.can_stop && !goes_on;
                is_overdue || is_stopped || has_panicked || is_told_to_stop
            }
            Fate::Open | Fate::Finishing | Fate::Finished(_) => true,
        };
        ensure(is_true, || format!("{:?} after {:?}, for no reason", attempt.fate, attempt.finishing))
    }

    fn is_true(&self, why: AbortReason, attempt: &Attempt, upload: &Upload) -> bool {
        let state = self.world.lock();
        let waited = attempt.since.saturating_sub(attempt.opened.unwrap_or_default()) + LAG;
        let is_harmed = upload.connection.is_none_or(|id| state.connection(id).is_harmed);
        match why {
            AbortReason::ClientAborted => upload.is_given_up,
            AbortReason::NoDataConnection => {
                let may_lack_tls = self.may_lack_tls(attempt) || attempt.is_secure && is_harmed;
                !upload.is_passive || waited >= self.settings.data_connect_timeout || may_lack_tls
            }
            AbortReason::DataConnectionLost => attempt.ended == Ended::NotInOrder || is_harmed,
            AbortReason::DataStalled => {
                let opened = attempt.opened.unwrap_or_default();
                let last = if upload.is_ascii { opened } else { upload.last_written };
                attempt.since - last >= self.settings.data_stall_timeout
            }
            AbortReason::Truncated => self.is_truncated(attempt),
            AbortReason::ControlConnectionLost => {
                let mut connections = state.connections().map(|(_, connection)| connection);
                let control = connections.find(|one| one.is_control() && one.client() == attempt.peer);
                let is_certain = upload.has_announced_size() || attempt.has_said_so();
                control.is_none_or(|control| {
                    let has_ended = if attempt.reads_on && is_certain {
                        control.client_closed
                    } else {
                        control.client_ended()
                    };
                    control.is_harmed || has_ended.is_some_and(|ended| ended <= attempt.since)
                })
            }
            AbortReason::Incomplete => {
                upload.least_size.is_some_and(|size| size > (upload.base.len() + upload.written.len()) as u64)
            }
            AbortReason::StoreFailed | AbortReason::Refused => upload.failure.is_some(),
            AbortReason::ShuttingDown => state.is_shutdown_overdue(attempt.since),
        }
    }

    /// Promise 10 for the finish.
    fn finish_limit(&self) -> Duration {
        let Settings { finish_timeout, finish_overdue, detached_timeout, .. } = *self.settings;
        let detached = match finish_overdue {
            FinishOverdue::Abort => Duration::ZERO,
            FinishOverdue::Detach => detached_timeout,
        };
        finish_timeout + detached + 2 * LAG
    }

    /// Every content is the whole of what a client sent, with what was to stay before it.
    fn judge_content(&self, attempt: &Attempt, upload: &Upload) -> Judgement {
        let Some(commit) = &upload.committed else { return Ok(()) };
        let is_torn = commit.content != upload.result();
        let is_cut = matches!(attempt.ended, Ended::Killed { .. } | Ended::Truncated);
        if is_torn && is_cut && !attempt.has_said_so() {
            return ensure(upload.is_begun_by(&commit.content), || {
                "stored for a client that was cut off, and it is nothing that it sent".into()
            });
        }
        ensure(!is_torn, || {
            let (found, whole) = (commit.content.len(), upload.result().len());
            format!("torn: {found} bytes are stored, and {whole} were sent, or others")
        })?;
        let is_short =
            upload.least_size.is_some_and(|size| size > (upload.base.len() + upload.wire.len()) as u64);
        ensure(!is_short, || "stored, though shorter than announced".into())
    }

    /// Promise 1, and that a failure is none.
    fn judge_answer(&self, attempt: &Attempt, upload: &Upload) -> Judgement {
        let Some(answer) = &attempt.answer else { return Ok(()) };
        let is_stored = matches!(attempt.fate, Fate::Finished(Ok(_)));
        match (answer.code, &upload.committed) {
            (226, Some(commit)) => ensure(commit.stamp < answer.stamp && is_stored, || {
                format!("the 226 left before the file was stored: {:?}", attempt.fate)
            }),
            (226, None) => Err(format!("226, and nothing was stored: {:?}", attempt.fate)),
            (_, None) => Ok(()),
            (_, Some(_)) => {
                let is_documented = answer.text.contains("takes longer than")
                    || answer.text.contains("unless the file was just stored");
                if is_documented {
                    self.world.count("uploads: stored after the client was told that it may be");
                }
                ensure(answer.code == 451 && is_documented, || {
                    format!("stored, and the client is told {}", answer.text)
                })
            }
        }
    }

    /// What the client is told of a finish that has gone on without it is what became of it, and is known by then.
    fn judge_told(&self, attempt: &Attempt, upload: &Upload, told: &Told) -> Judgement {
        let is_over = attempt.stamp < told.written;
        let (is_true, what) = match (told.sentence.as_str(), &attempt.fate) {
            // Its finish could not be prepared, and it may take its time to abort.
            (sentence, Fate::Aborted(AbortReason::StoreFailed | AbortReason::Refused))
                if upload.preparing_since.is_some() =>
            {
                let is_true = match sentence {
                    "still being stored" => upload.aborted.is_none_or(|aborted| told.asked < aborted),
                    GIVEN_UP => is_over && upload.aborted.is_none(),
                    _ => is_over && upload.failure.as_deref() == Some(sentence),
                };
                (is_true, "of what the store could not prepare")
            }
            ("still being stored", fate) => {
                (matches!(fate, Fate::Finishing) || told.asked < attempt.stamp, "still being stored")
            }
            ("stored", Fate::Finished(Ok(_))) => (is_over, "stored"),
            (GIVEN_UP, Fate::DroppedInFinish | Fate::Dropped) => (is_over, "given up"),
            (sentence, Fate::Finished(Err(why))) => (is_over && sentence == why, "the store's own sentence"),
            _ => (false, "a lie"),
        };
        self.world.count(&format!("uploads: told later, {what}"));
        ensure(is_true, || format!("told {:?} of what is {:?}", told.sentence, attempt.fate))
    }

    /// A 226: the server has sent what the store gave, to its end, and that is what came, unless the network harmed it.
    fn judge_source(&self, attempt: &Attempt, source: &Source) -> Judgement {
        let expected = if source.is_ascii { to_wire(&source.given) } else { source.given.clone().into() };
        let sent = source.connection.map(|id| self.world.lock().connection(id).sent_by_server());
        // Who connects late, or not at all, does not know which connection it was.
        let (length, is_retr) = (expected.len() as u64, attempt.verb == "RETR");
        let is_sent = sent.is_none_or(|(sent, has_ended)| match attempt.is_secure {
            true => sent > length && has_ended,
            false => sent == length && has_ended,
        });
        ensure(is_sent || !is_retr, || format!("226, and of {} bytes were sent {sent:?}", expected.len()))?;
        ensure(!source.is_cut, || "226, and no close_notify".into())?;
        ensure(source.is_whole || !source.is_owed, || {
            format!("226, and {} bytes came without an end, though nothing was in the way", source.got.len())
        })?;
        if !source.is_whole {
            return Ok(());
        }
        self.world.count("downloads and listings: whole");
        if is_retr {
            return ensure(source.got == expected, || {
                format!("226, and of {} bytes came others", expected.len())
            });
        }
        let lines: Vec<&[u8]> = source.got.split_inclusive(|byte| *byte == b'\n').collect();
        let names = &source.names;
        let is_same = lines.len() == names.len()
            && lines.iter().zip(names).all(|(line, name)| line.ends_with(format!("{name}\r\n").as_bytes()));
        ensure(is_same || attempt.opened.is_none(), || {
            format!("226, and the listing of {names:?} is {:?}", String::from_utf8_lossy(&source.got))
        })
    }

    /// The server has not sent more confirmations than the store gave it, read or unread, nor any too early.
    fn judge_unread_replies(&self, mut hearings: Hearings) -> Vec<String> {
        let mut violations = Vec::new();
        let state = self.world.lock();
        for (id, connection) in state.connections().filter(|(_, one)| !one.transcript.is_empty()) {
            let sent = match hearings.remove(id) {
                Some((hearing, reading)) => hearing.complete(reading, connection).confirmations(),
                None => confirmations(&connection.transcript, &connection.marks),
            };
            let of_client = |attempt: &&Attempt| attempt.peer == connection.client();
            let mut stored: Vec<u64> = self
                .ledger
                .attempts
                .iter()
                .filter(of_client)
                .filter_map(|attempt| match (&attempt.subject, &attempt.fate) {
                    (Subject::Upload(upload), Fate::Finished(Ok(_))) => {
                        upload.committed.as_ref().map(|commit| commit.stamp)
                    }
                    _ => None,
                })
                .collect();
            stored.sort_unstable();
            let is_too_early = sent
                .iter()
                .enumerate()
                .any(|(index, sent)| stored.get(index).is_none_or(|stored| stored > sent));
            if is_too_early {
                violations.push(format!("promise 1: {} was told of a store too early", connection.client()));
            }
        }
        violations
    }

    fn count_upload(&self, attempt: &Attempt, upload: &Upload) {
        self.count("uploads: answered ", attempt.answer.as_ref());
        if attempt.opened.is_none() {
            return;
        }
        let name = match &attempt.fate {
            Fate::Aborted(why) => format!("uploads: aborted, {}", name_of(*why)),
            Fate::Finished(Ok(_)) if attempt.answer.is_none() => "uploads: stored, and nobody read it".into(),
            Fate::Finished(Ok(_)) if upload.misses_close_notify => "uploads: stored, perhaps cut off".into(),
            Fate::Finished(Ok(_)) => "uploads: stored".into(),
            Fate::Finished(Err(_)) => "uploads: finish failed".into(),
            Fate::Dropped => "uploads: dropped".into(),
            Fate::DroppedInFinish => "uploads: dropped in the finish".into(),
            Fate::Open | Fate::Finishing => return,
        };
        self.world.count(&name);
    }

    fn count(&self, what: &str, answer: Option<&Answer>) {
        let Some(answer) = answer else { return };
        self.world.count(&format!("{what}{}", answer.code));
        let sentences = [
            GOES_ON,
            "it was stopped, and what was there",
            "The server is shutting down",
            "shorter than",
            "size that ALLO announced",
            "did not answer in time",
        ];
        for sentence in sentences.into_iter().filter(|sentence| answer.text.contains(sentence)) {
            self.world.count(&format!("answers: {sentence}"));
        }
    }
}

/// The name of a reason, and so each of them.
pub const fn name_of(why: AbortReason) -> &'static str {
    match why {
        AbortReason::ClientAborted => "ClientAborted",
        AbortReason::NoDataConnection => "NoDataConnection",
        AbortReason::DataConnectionLost => "DataConnectionLost",
        AbortReason::Truncated => "Truncated",
        AbortReason::DataStalled => "DataStalled",
        AbortReason::ControlConnectionLost => "ControlConnectionLost",
        AbortReason::Incomplete => "Incomplete",
        AbortReason::StoreFailed => "StoreFailed",
        AbortReason::Refused => "Refused",
        AbortReason::ShuttingDown => "ShuttingDown",
    }
}
