//! Plays the client, the driver and the clock of one conversation.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use sansftp::{
    instant::Instant,
    session::{Action, Event, Session},
};

use crate::{
    notation::{Ledger, actions, events, words},
    script::{Conversation, Step, StepKind},
    setup::configure,
};

/// How the client's bytes are cut. The session must not notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cutting {
    /// Each line comes at once.
    Lines,
    /// Each byte comes alone.
    Bytes,
    /// All lines up to the next event come at once.
    Pipelined,
}

/// Plays a conversation.
///
/// # Errors
///
/// What was expected and what came, with the whole transcript.
pub fn run(conversation: &Conversation, cutting: Cutting) -> Result<(), String> {
    let mut runner = Runner::start(conversation)?;
    let mut steps = conversation.steps.iter();
    let mut outcome = Ok(());
    let mut place = conversation.name.clone();
    while outcome.is_ok() {
        let Some(step) = steps.next() else { break };
        place.clone_from(&step.place);
        let ahead = steps.as_slice();
        outcome = runner.perform(step, ahead, cutting).map_err(|error| format!("{}\n{error}", step.text));
    }
    outcome = outcome.and_then(|()| runner.expect_silence());
    outcome.map_err(|error| {
        format!(
            "{place}, conversation {:?}, cut in {cutting:?}\n{error}\n\nthe transcript:\n{}",
            conversation.name,
            runner.transcript.join("\n")
        )
    })
}

struct Runner {
    session: Session,
    ledger: Ledger,
    now: Instant,
    replies_sent: RepliesSent,
    /// What the session did and the script has not come to yet.
    output: VecDeque<String>,
    /// Lines that were sent ahead of their turn.
    sent_ahead: usize,
    transcript: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RepliesSent {
    AtOnce,
    Withheld,
}

impl Runner {
    fn start(conversation: &Conversation) -> Result<Self, String> {
        let (config, endpoints) = configure(conversation)?;
        let now = Instant::from_origin(Duration::from_secs(60 * 60));
        let mut runner = Self {
            session: Session::new(Arc::new(config), endpoints, now),
            ledger: Ledger::default(),
            now,
            replies_sent: RepliesSent::AtOnce,
            output: VecDeque::new(),
            sent_ahead: 0,
            transcript: Vec::new(),
        };
        runner.drain();
        Ok(runner)
    }

    fn perform(&mut self, step: &Step, ahead: &[Step], cutting: Cutting) -> Result<(), String> {
        match &step.kind {
            StepKind::Send(bytes) => self.send(bytes, ahead, cutting)?,
            StepKind::Expect(pattern) => self.expect(pattern)?,
            StepKind::Happen(text) => {
                self.expect_silence()?;
                self.transcript.push(format!("E: {text}"));
                let event = events::parse(text, &self.ledger)?;
                self.deliver(event);
            }
            StepKind::Pass(time) => self.pass(*time)?,
            StepKind::Set { .. } => {}
            StepKind::WithholdRepliesSent => self.replies_sent = RepliesSent::Withheld,
            StepKind::WantsInput(wants) => {
                if self.session.wants_input() != *wants {
                    return Err(format!("came: {}", if *wants { "no" } else { "yes" }));
                }
            }
            StepKind::NextDeadline(expected) => {
                let deadline = self.session.poll_timeout().map(|at| at.saturating_since(self.now));
                if deadline != *expected {
                    return Err(format!("came: {deadline:?}"));
                }
            }
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8], ahead: &[Step], cutting: Cutting) -> Result<(), String> {
        match cutting {
            Cutting::Lines => {
                self.expect_silence()?;
                self.receive(bytes);
            }
            Cutting::Bytes => {
                self.expect_silence()?;
                for byte in bytes {
                    self.receive(&[*byte]);
                }
            }
            Cutting::Pipelined if self.sent_ahead > 0 => self.sent_ahead -= 1,
            Cutting::Pipelined => {
                self.expect_silence()?;
                let together = ahead
                    .iter()
                    .take_while(|step| matches!(step.kind, StepKind::Send(_) | StepKind::Expect(_)))
                    .filter_map(|step| match &step.kind {
                        StepKind::Send(bytes) => Some(&bytes[..]),
                        _ => None,
                    });
                let segment: Vec<&[u8]> = std::iter::once(bytes).chain(together).collect();
                self.sent_ahead = segment.len() - 1;
                self.receive(&segment.concat());
            }
        }
        Ok(())
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.transcript.push(format!("C~: {}", words::escape(bytes)));
        self.deliver(Event::Received(bytes));
    }

    fn deliver(&mut self, event: Event<'_>) {
        self.session.handle(self.now, event);
        self.drain();
    }

    /// Takes all actions, and tells the session that its replies are sent.
    fn drain(&mut self) {
        loop {
            let mut has_sent = false;
            while let Some(action) = self.session.poll_action() {
                has_sent |=
                    matches!(action, Action::SendReply(_) | Action::SendReplyLine(_) | Action::SendTelnet(_));
                let lines = actions::describe(&action, &mut self.ledger);
                self.transcript.extend(lines.iter().cloned());
                self.output.extend(lines);
            }
            if !has_sent || self.replies_sent == RepliesSent::Withheld {
                break;
            }
            self.session.handle(self.now, Event::RepliesSent);
        }
    }

    fn pass(&mut self, time: Duration) -> Result<(), String> {
        self.expect_silence()?;
        let end = self.now + time;
        while let Some(due) = self.session.poll_timeout().filter(|due| *due <= end) {
            self.transcript.push(format!("+{:?} Elapsed", due.saturating_since(self.now)));
            self.now = self.now.max(due);
            self.deliver(Event::Elapsed);
            if self.session.poll_timeout().is_some_and(|next| next <= self.now) {
                return Err("poll_timeout did not move on after Elapsed (promise 10)".into());
            }
        }
        self.transcript.push(format!("+{:?}", end.saturating_since(self.now)));
        self.now = end;
        Ok(())
    }

    fn expect(&mut self, pattern: &str) -> Result<(), String> {
        match self.output.pop_front() {
            Some(line) if words::matches(pattern, &line) => Ok(()),
            Some(line) => Err(format!("came:     {line}")),
            None => Err("came:     nothing".into()),
        }
    }

    fn expect_silence(&self) -> Result<(), String> {
        match self.output.front() {
            Some(line) => Err(format!("before that, unexpected: {line}")),
            None => Ok(()),
        }
    }
}
