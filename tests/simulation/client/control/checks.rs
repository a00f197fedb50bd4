//! What a server owes whoever is connected to it.

use std::time::Duration;

use super::{ANSWERED, ClientSide, Command, Control, is_easy};
use crate::simulation::world::{LAG, Socket};

/// What is said so long after the server's last words still comes before it has closed the connection.
const BEFORE_THE_END: Duration = Duration::from_secs(1);

impl Control {
    pub(super) fn violate(&self, what: &str) {
        let Socket { id, .. } = self.link.socket;
        self.world.violate(format!("promise 3: {id} of {}: {what}", self.link.socket.local()));
    }

    /// The server has closed the connection: it has said so before, or had no choice.
    pub(super) fn check_end(&self) {
        let is_harmed = self.link.socket.is_harmed();
        let state = self.world.lock();
        let is_excused = is_harmed
            || self.side == ClientSide::CutOff
            || self.is_shaking_hands
            || state.excuses_ends()
            || state.was_not_let_in(self.link.socket.id);
        drop(state);
        if self.is_dismissed || is_excused {
            return;
        }
        match (self.side, self.waiting.front()) {
            (ClientSide::Open, _) => self.violate("the server closes the connection without a word"),
            (_, Some(first)) => self.violate(&format!("{} is not answered before the end", first.verb)),
            (_, None) => self.world.count("clients: ended their side, and got all answers"),
        }
    }

    /// The server's last words are followed by a `close_notify`, so that nobody can cut them off.
    pub(super) fn check_truncation(&self) {
        let is_harmed = self.link.socket.is_harmed();
        if self.is_dismissed && !is_harmed && !self.world.lock().excuses_ends() {
            self.violate("the server ends TLS without a close_notify");
        }
    }

    /// It has broken it. That is right only where the client talks on for long after the server's last words.
    pub(super) fn check_reset(&self) {
        let state = self.world.lock();
        let connection = state.connection(self.link.socket.id);
        let talks_on =
            connection.has_said_good_bye() && self.last_said > connection.last_written + BEFORE_THE_END;
        drop(state);
        if !talks_on {
            self.check_end();
        }
    }

    /// Who is sent away has not had to wait for an answer before that, where nothing keeps the server from it.
    pub(super) fn check_sent_away(&self) {
        let Some(first) = self.waiting.front() else { return };
        let waited = self.world.lock().now - first.said;
        if self.is_good && is_easy(&self.store) && waited > ANSWERED {
            self.violate(&format!("{} has no answer for {waited:?}, but a 421", first.verb));
        }
    }

    /// A server that is shut down lets transfers end, and executes nothing more.
    pub(super) fn check_closing(&self, command: &Command) {
        let shutdown = self.world.lock().shutdown;
        let is_late = shutdown.is_some_and(|shutdown| command.said > shutdown.asked + 2 * LAG);
        if is_late && command.is_alone && command.verb != "greeting" {
            self.violate(&format!("{} is executed after the shutdown was asked for", command.verb));
        }
    }

    /// In fair weather a server with a good store always answers.
    pub(super) fn check_silence(&self) {
        let is_fair = self.world.lock().weather.is_fair() && self.store.moods.is_good();
        if !is_fair || self.patience <= Duration::from_secs(1000) {
            return;
        }
        match self.waiting.front() {
            Some(first) => self.violate(&format!("no reply to {}", first.verb)),
            None if self.side != ClientSide::Open => {
                self.violate("nothing is left to say, and it does not end")
            }
            None => {}
        }
    }
}
