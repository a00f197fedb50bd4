//! What clients do besides transfers, and in which order they do it all.

use std::time::Duration;

use super::{Client, Gone};
use crate::simulation::chance::Chance;

/// Commands that can be sent in one go; the store is asked about some of them.
const SMALL: [(&str, &str); 16] = [
    ("NOOP", ""),
    ("PWD", ""),
    ("STAT", ""),
    ("STAT", "/"),
    ("SIZE", "/a"),
    ("MDTM", "/b"),
    ("MLST", "/a"),
    ("CWD", "/d"),
    ("CDUP", ""),
    ("AVBL", ""),
    ("FEAT", ""),
    ("HELP", ""),
    ("SITE", "UPLOADS"),
    ("CWD", "/"),
    ("ABOR", ""),
    ("junk", "\u{fffd}? nobody knows this"),
];

/// The same of a script, which does not look at replies.
pub fn small_or_altering(chance: &mut Chance) -> (&'static str, &'static str) {
    const ALTERING: [(&str, &str); 6] =
        [("MKD", "/d"), ("RMD", "/d"), ("DELE", "/a"), ("RNFR", "/b"), ("RNTO", "/c"), ("RNTO", "/d/a")];
    if chance.one_in(2) { chance.pick(&SMALL) } else { chance.pick(&ALTERING) }
}

impl Client {
    pub async fn log_in(&mut self) -> Result<(), Gone> {
        if !self.habits.is_good() && self.choose(|chance| chance.one_in(8)) {
            let verb = self.choose(|chance| chance.pick(&["DELE", "MKD", "PASV", "TYPE", "RNFR"]));
            let answer = self.control.ask(verb, "/a").await?;
            if answer.code != 530 && answer.code != 501 {
                self.world.violate(format!("promise 4: {verb} is answered {}", answer.text));
            }
        }
        if !self.habits.is_good() && self.choose(|chance| chance.one_in(10)) {
            self.control.ask("USER", "mallory").await?;
            self.control.ask("PASS", "guess").await?;
        }
        let user = self.choose(|chance| chance.pick(&["anna", "anna", "berta"]));
        let answer = self.control.ask("USER", user).await?;
        if !self.may_log_in() {
            if answer.code != 530 {
                self.world.violate(format!("a name is taken without TLS: {}", answer.text));
            }
            return Err(Gone::Left);
        }
        let answer = self.control.ask("PASS", "secret").await?;
        if answer.code == 332 {
            self.control.ask("ACCT", "17").await?;
        }
        self.is_ascii = self.choose(|chance| chance.one_in(4));
        let kind = if self.is_ascii { "A" } else { "I" };
        self.control.ask("TYPE", kind).await?;
        Ok(())
    }

    pub async fn run_errand(&mut self, repeated: &mut Option<String>) -> Result<(), Gone> {
        match self.choose(|chance| chance.below(16)) {
            // Who reads late would come too late, to a passive port that may be the next transfer's by then.
            0..7 if self.habits.pipelines
                && !self.habits.reads_late
                && self.choose(|chance| chance.one_in(2)) =>
            {
                self.upload_in_one_go().await
            }
            0..7 => {
                let path = self.path();
                *repeated = Some(path.clone());
                self.upload(path).await
            }
            7..10 => self.download().await,
            10 => self.list().await,
            11 | 12 => self.alter().await,
            13 | 14 => self.chat().await,
            _ => self.idle().await,
        }
    }

    /// Removes, renames, makes.
    async fn alter(&mut self) -> Result<(), Gone> {
        match self.choose(|chance| chance.below(5)) {
            0 => {
                self.control.ask("MKD", "/d").await?;
            }
            1 => {
                self.control.ask("RMD", "/d").await?;
            }
            2 => {
                let path = self.path();
                self.control.ask("DELE", &path).await?;
            }
            _ => {
                let (from, to) = (self.path(), self.path());
                if self.control.ask("RNFR", &from).await?.code == 350 {
                    self.control.ask("RNTO", &to).await?;
                }
            }
        }
        Ok(())
    }

    /// Several small commands, in one go if the client is of that kind.
    async fn chat(&mut self) -> Result<(), Gone> {
        for _ in 0..self.choose(|chance| chance.between(1, 6)) {
            let (verb, argument) = self.choose(|chance| chance.pick(&SMALL));
            let id = self.control.say(verb, argument, None).await?;
            if !self.habits.pipelines {
                self.control.answer(id).await?;
            }
        }
        self.control.settle().await
    }

    async fn idle(&mut self) -> Result<(), Gone> {
        let time = self.choose(|chance| chance.time(Duration::from_secs(400)));
        self.world.wait(time).await;
        if self.habits.is_good() || self.choose(|chance| chance.below(4)) > 0 {
            return Ok(());
        }
        self.control.settle().await?;
        self.control.ask("REIN", "").await?;
        self.begin_anew().await
    }

    pub async fn leave(&mut self) -> Result<(), Gone> {
        let way = if self.habits.is_good() { 0 } else { self.choose(|chance| chance.below(6)) };
        match way {
            0..2 => {
                self.control.settle().await?;
                self.control.ask("QUIT", "").await?;
                return Err(self.control.outlast().await);
            }
            2 => self.world.vanish(&self.control.link.socket),
            3 => {
                self.control.say("QUIT", "", None).await?;
            }
            4 => return self.say_the_rest().await,
            _ => {}
        }
        Err(Gone::Left)
    }
}
