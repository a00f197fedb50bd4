//! How clients protect their connections where there is TLS, and what they do instead of shaking hands.

use std::time::Duration;

use sansftp::{SessionReuse, TlsRequirement, TlsSettings, TlsStart};

use super::{Client, Gone, Link, Way, control::ANSWERED, is_easy, link::Shaken};
use crate::simulation::{
    store::{Fate, Tag},
    tls::{Manner, Trust},
    world::{World, send_all},
};

/// What somebody in between puts behind a client's `AUTH` (promise 5). The directory is nobody else's.
const SMUGGLED: [&str; 3] = ["\r\nUSER anna\r\nPASS secret\r\nMKD /smuggled", SMUGGLED_NAME, "\r\nNOOP"];
const SMUGGLED_NAME: &str = "\r\nUSER anna";
/// Sent instead of a handshake: commands, and what begins like a record.
const GARBAGE: [&[u8]; 2] =
    [b"USER anna\r\nPASS secret\r\nMKD /smuggled\r\n", b"\x16\x03\x01\x00\x08\x01\x00\x00\x04what"];
/// No handshake of a client has so many bytes.
const LONGEST_GREETING: u64 = 400;
/// No deadline passes before this time of a session.
const FIRST_DEADLINE: Duration = Duration::from_secs(4);
/// Records of a client whose connections may take few bytes at once.
const SMALL_RECORD: usize = 600;

/// What TLS a client speaks.
#[derive(Clone)]
pub struct Protection {
    manner: Manner,
    trust: Trust,
    /// Whether data connections are protected.
    pub protects_data: bool,
}

/// What a client does in a handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Greeting {
    Proper,
    /// It does not resume the session of its control connection.
    AsAStranger,
    /// It says so many bytes of it, and …
    Stops(usize, Then),
    Garbage(&'static [u8]),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Then {
    Waits,
    Closes,
    Resets,
}

impl Protection {
    /// None for a client that speaks no TLS, or where there is none.
    pub fn new(world: &World, is_good: bool) -> Option<Self> {
        let mut state = world.lock();
        let TlsSettings { start, requirement, session_reuse, .. } = state.tls;
        if start == TlsStart::Never {
            return None;
        }
        let is_narrow = state.weather.narrow;
        let chance = &mut state.chance;
        let needs_none = requirement == TlsRequirement::Nothing && start == TlsStart::Explicit;
        let lacks = if needs_none { chance.one_in(6) } else { !is_good && chance.one_in(16) };
        if lacks {
            return None;
        }
        let is_able = session_reuse == SessionReuse::Require && is_good;
        let manner = Manner {
            is_old: chance.one_in(4),
            resumes: is_able || !chance.one_in(6),
            record: if is_narrow { SMALL_RECORD } else { chance.pick(&[16 << 10, 1000]) },
        };
        drop(state);
        let trust = Trust::new(manner);
        Some(Self { manner, trust, protects_data: start == TlsStart::Implicit })
    }
}

impl Client {
    fn tls(&self) -> TlsSettings {
        self.world.lock().tls
    }

    pub fn protects_data(&self) -> bool {
        self.protection.as_ref().is_some_and(|protection| protection.protects_data)
    }

    /// Whether the server lets somebody log in over the control connection as it is.
    pub fn may_log_in(&self) -> bool {
        self.tls().requirement == TlsRequirement::Nothing || self.control.link.is_secure()
    }

    /// The greeting, under TLS if that begins at once.
    pub async fn be_greeted(&mut self) -> Result<(), Gone> {
        let begins_at_once = self.tls().start == TlsStart::Implicit;
        if begins_at_once {
            self.secure_control(false).await?;
        }
        self.control.greeting().await?;
        if begins_at_once && !self.control.link.is_secure() {
            self.world.violate("a client is greeted in clear where TLS begins at once".into());
        }
        Ok(())
    }

    /// Protects the connections as the client likes it.
    pub async fn protect(&mut self) -> Result<(), Gone> {
        let TlsSettings { start, requirement, .. } = self.tls();
        if self.protection.is_none() {
            return Ok(());
        }
        let is_good = self.habits.is_good();
        if start == TlsStart::Explicit {
            let is_late = requirement == TlsRequirement::Nothing && !is_good;
            if is_late && self.choose(|chance| chance.one_in(6)) {
                self.log_in().await?;
            }
            self.authenticate().await?;
        }
        let protects_data = match requirement {
            TlsRequirement::ControlAndData => is_good || !self.choose(|chance| chance.one_in(10)),
            _ => !self.choose(|chance| chance.one_in(4)),
        };
        self.agree_upon(if protects_data { "P" } else { "C" }).await
    }

    /// `AUTH`, and what may have been put behind it.
    async fn authenticate(&mut self) -> Result<(), Gone> {
        let mechanism = self.choose(|chance| chance.pick(&["TLS", "TLS", "TLS-C", "SSL"]));
        if !self.habits.is_good() && self.choose(|chance| chance.one_in(3)) {
            // Its reply may still be on its way when TLS is to begin.
            self.control.say("FEAT", "", None).await?;
        }
        let is_smuggled = !self.habits.is_good() && self.choose(|chance| chance.one_in(2));
        let smuggled = if is_smuggled { self.choose(|chance| chance.pick(&SMUGGLED)) } else { "" };
        // Where it comes later than the AUTH it is taken for a handshake, which fails.
        self.control.is_shaking_hands = is_smuggled;
        let answer = self.control.ask("AUTH", &format!("{mechanism}{smuggled}")).await?;
        if answer.code != 234 {
            self.world.violate(format!("AUTH is refused: {}", answer.text));
        }
        self.set_protects_data(mechanism == "SSL");
        self.secure_control(!smuggled.is_empty()).await?;
        if !self.control.link.is_secure() {
            self.world.violate("the server speaks in clear behind AUTH".into());
        }
        if !smuggled.is_empty() {
            self.world.count("clients: shook hands behind what was smuggled");
            self.control.ask("NOOP", "").await?;
        }
        if smuggled == SMUGGLED_NAME && self.control.ask("PASS", "secret").await?.code != 503 {
            self.world.violate("promise 5: a name that was said in clear is used under TLS".into());
        }
        Ok(())
    }

    /// `PROT`, and what has to come before it.
    async fn agree_upon(&mut self, level: &'static str) -> Result<(), Gone> {
        self.control.ask("PBSZ", "0").await?;
        let answer = self.control.ask("PROT", level).await?;
        let is_refused = level == "C" && self.tls().requirement == TlsRequirement::ControlAndData;
        if (answer.code == 534) != is_refused {
            self.world.violate(format!("PROT {level} is answered {}", answer.text));
        }
        if answer.code == 200 {
            self.set_protects_data(level == "P");
        }
        Ok(())
    }

    fn set_protects_data(&mut self, protects_data: bool) {
        if let Some(protection) = &mut self.protection {
            protection.protects_data = protects_data;
        }
    }

    /// A handshake on the control connection, or what the client does instead.
    async fn secure_control(&mut self, is_smuggled: bool) -> Result<(), Gone> {
        let protection = self.protection.clone();
        // Who speaks no TLS speaks in clear.
        let (greeting, trust) = match &protection {
            Some(protection) => (self.choose_greeting(24), Some(&protection.trust)),
            None => (Greeting::Garbage(GARBAGE[0]), None),
        };
        let since = self.world.lock().now;
        self.control.prepare_handshake();
        match (self.greet_control(greeting, trust).await, greeting) {
            // One of too many clients is told so in clear.
            (Some(Shaken::Done { .. } | Shaken::InClear), _) => Ok(()),
            (_, Greeting::Stops(_, Then::Closes)) => Err(Gone::Left),
            (_, Greeting::Stops(_, Then::Resets)) => {
                self.control.link.socket.break_off();
                Err(Gone::Left)
            }
            (None, _) => {
                self.check_handshake(since);
                Err(Gone::Silent)
            }
            (Some(Shaken::Short), _) => {
                let gone = self.control.await_end().await;
                self.check_handshake(since);
                Err(gone)
            }
            (Some(Shaken::Failed), _) => {
                self.check_failure(is_smuggled);
                Err(Gone::Ended)
            }
        }
    }

    /// None if it takes too long.
    async fn greet_control(&mut self, greeting: Greeting, trust: Option<&Trust>) -> Option<Shaken> {
        let (world, patience, link) = (self.world.clone(), self.control.patience, &mut self.control.link);
        world.within(patience, greet(link, greeting, trust)).await
    }

    /// TLS on a data connection, where that is agreed. If it does not come to be, what is left is kept until the
    /// transfer is answered.
    pub async fn secure_data(&mut self, tag: Tag, mut link: Link) -> Result<Link, Option<Link>> {
        let Some(protection) = self.protection.clone().filter(|protection| protection.protects_data) else {
            return Ok(link);
        };
        if link.is_secure() {
            return Ok(link);
        }
        let greeting = self.choose_greeting(10);
        let trust = match greeting {
            Greeting::AsAStranger => Trust::new(protection.manner),
            _ => protection.trust,
        };
        let shaken = greet(&mut link, greeting, Some(&trust));
        let shaken = self.world.within(self.control.patience, shaken).await;
        match (shaken, greeting) {
            (Some(Shaken::Done { is_resumed }), _) => {
                self.store.lock().attempt(tag).resumption = Some(is_resumed);
                self.world.count(if is_resumed { "TLS: resumed" } else { "TLS: not resumed" });
                return Ok(link);
            }
            (Some(Shaken::InClear), _) => {
                self.world.violate("a data connection is clear where TLS was agreed".into());
            }
            (_, Greeting::Stops(_, Then::Resets)) => link.reset(),
            (_, Greeting::Stops(_, Then::Closes)) => {}
            _ => return Err(Some(link)),
        }
        Err(None)
    }

    /// Makes the data connection before its command. Some clients begin TLS on it even then; the same is left if that
    /// does not come to be.
    pub async fn connect_early(&mut self, tag: Tag, way: Way) -> Result<Option<Link>, Option<Link>> {
        let Some(link) = self.connect(way).await else { return Ok(None) };
        if !self.protects_data() || self.choose(|chance| chance.one_in(2)) {
            return Ok(Some(link));
        }
        self.world.count("TLS: begun before the command");
        self.secure_data(tag, link).await.map(Some)
    }

    /// Some clients wait for the server's `close_notify` at the end of an upload.
    ///
    /// It comes, unless the server has not opened the upload or given it up by then: why, the oracle judges.
    pub async fn await_close_notify(&mut self, tag: Tag, data: &mut Link) {
        if !self.choose(|chance| chance.one_in(2)) {
            return;
        }
        let answer = self.world.within(self.control.patience, data.receive(100)).await;
        let is_answered = answer.is_some_and(|end| end.is_ok_and(|bytes| bytes.is_empty()));
        let is_taken = {
            let mut ledger = self.store.lock();
            let attempt = ledger.attempt(tag);
            attempt.opened.is_some() && !matches!(attempt.fate, Fate::Aborted(_))
        };
        if !is_answered && is_taken && self.has_it_easy() {
            self.world.violate("a close_notify is not answered in fair weather".into());
        }
    }

    /// Waits for what the server says of a data connection that is not secured.
    pub async fn await_refusal(&mut self, id: u64) -> Result<(), Gone> {
        self.world.count("TLS: no handshake on the data connection");
        let since = self.world.lock().now;
        let answered = self.control.answer(id).await;
        self.check_handshake(since);
        answered.map(drop)
    }

    fn choose_greeting(&self, rarely: u64) -> Greeting {
        if self.habits.is_good() || !self.choose(|chance| chance.one_in(rarely)) {
            return Greeting::Proper;
        }
        self.choose(|chance| {
            let most = chance.below(LONGEST_GREETING) as usize;
            let then = chance.pick(&[Then::Waits, Then::Closes, Then::Resets]);
            let garbage = chance.pick(&GARBAGE);
            chance.pick(&[
                Greeting::AsAStranger,
                Greeting::AsAStranger,
                Greeting::Stops(most, then),
                Greeting::Stops(most, then),
                Greeting::Garbage(garbage),
            ])
        })
    }

    /// `CCC`, now and then.
    pub async fn clear_control(&mut self) -> Result<(), Gone> {
        let is_wanted = self.control.link.is_secure() && !self.habits.is_good();
        if !is_wanted || !self.choose(|chance| chance.one_in(6)) {
            return Ok(());
        }
        let TlsSettings { start, requirement, .. } = self.tls();
        let is_allowed = start == TlsStart::Explicit && requirement == TlsRequirement::Nothing;
        let answer = self.control.ask("CCC", "").await?;
        if (answer.code == 200) != is_allowed {
            self.world.violate(format!("CCC is answered {}", answer.text));
        }
        if answer.code == 200 {
            self.world.count("TLS: ended by CCC");
            self.follow_into_clear().await?;
        }
        Ok(())
    }

    /// What `REIN` does to TLS.
    pub async fn begin_anew(&mut self) -> Result<(), Gone> {
        let start = self.tls().start;
        self.set_protects_data(start == TlsStart::Implicit);
        if start == TlsStart::Explicit && self.control.link.is_secure() {
            self.world.count("TLS: ended by REIN");
            self.follow_into_clear().await?;
        }
        self.protect().await?;
        self.log_in().await
    }

    async fn follow_into_clear(&mut self) -> Result<(), Gone> {
        let answers = self.choose(|chance| chance.one_in(2));
        self.control.follow_into_clear(answers).await
    }

    /// Promise 10: nobody waits longer for a handshake.
    fn check_handshake(&self, since: Duration) {
        let waited = self.world.lock().now - since;
        if waited > self.tls().handshake_timeout + ANSWERED && is_easy(&self.store) {
            self.world.violate(format!("promise 10: a handshake is awaited for {waited:?}"));
        }
    }

    /// Where nothing goes wrong a handshake succeeds.
    fn check_failure(&self, is_smuggled: bool) {
        let state = self.world.lock();
        let is_early = state.now < self.arrived + FIRST_DEADLINE;
        let is_excused = is_smuggled || state.was_not_let_in(self.control.link.socket.id);
        drop(state);
        if is_early && !is_excused && self.has_it_easy() {
            self.world.violate("a handshake fails in fair weather".into());
        }
    }
}

async fn greet(link: &mut Link, greeting: Greeting, trust: Option<&Trust>) -> Shaken {
    match (greeting, trust) {
        (Greeting::Garbage(garbage), _) => {
            let _ = send_all(&mut link.socket, garbage).await;
            Shaken::Short
        }
        (Greeting::Stops(most, _), Some(trust)) => link.shake_hands(trust, most).await,
        (_, Some(trust)) => link.shake_hands(trust, usize::MAX).await,
        (_, None) => Shaken::Short,
    }
}
