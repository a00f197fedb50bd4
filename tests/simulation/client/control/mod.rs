//! A client's end of the control connection. It holds the server to the rules of replies.

mod checks;
mod side;

use std::{collections::VecDeque, io::ErrorKind, mem, time::Duration};

use sansftp::TlsStart;

pub use self::side::ClientSide;
use super::{
    fitting::{is_fitting, is_fitting_under_tls, is_transfer},
    is_easy,
    link::Link,
    reading::Hearing,
};
use crate::simulation::{
    store::{Answer, Store, Tag, Told},
    world::{Socket, World, receive},
};

/// No command waits for longer in fair weather, and no upload that has come whole.
pub const ANSWERED: Duration = Duration::from_secs(10);

/// Why there is nothing more to be done on a control connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gone {
    /// The server has ended it, or it broke.
    Ended,
    /// Nothing came for longer than the client likes to wait.
    Silent,
    /// The client itself left or was killed.
    Left,
}

pub struct Control {
    world: World,
    store: Store,
    pub link: Link,
    hearing: Hearing,
    unparsed: Vec<u8>,
    waiting: VecDeque<Command>,
    answered: Vec<(u64, Answer)>,
    last_id: u64,
    /// Whether the client itself keeps nothing waiting.
    is_good: bool,
    last_said: Duration,
    /// Whether the server has said that it ends.
    is_dismissed: bool,
    /// Whether the client has ended its side, and reads on.
    pub side: ClientSide,
    /// Whether a handshake is under way, as far as the client knows: if it does not succeed, nothing can be said. What
    /// comes under TLS shows that the server is done with it, too.
    pub is_shaking_hands: bool,
    /// How long the client waits for a reply.
    pub patience: Duration,
}

/// A command that has no final reply yet.
struct Command {
    id: u64,
    verb: &'static str,
    tag: Option<Tag>,
    /// When it was sent, and by which stamp.
    said: Duration,
    stamp: u64,
    has_preliminary: bool,
    /// Whether everything before it had been answered by then.
    is_alone: bool,
}

impl Control {
    pub fn new(store: &Store, socket: Socket, patience: Duration, is_good: bool) -> Self {
        Self {
            world: store.world.clone(),
            store: store.clone(),
            link: Link::new(socket),
            hearing: Hearing::default(),
            unparsed: Vec::new(),
            waiting: VecDeque::new(),
            answered: Vec::new(),
            last_id: 0,
            is_good,
            last_said: Duration::ZERO,
            is_dismissed: false,
            side: ClientSide::Open,
            is_shaking_hands: false,
            patience,
        }
    }

    /// The `220`, or what comes instead of it.
    pub async fn greeting(&mut self) -> Result<Answer, Gone> {
        self.expect("greeting", None);
        self.answer(1).await
    }

    /// Sends a command, and tells its number.
    pub async fn say(&mut self, verb: &'static str, rest: &str, tag: Option<Tag>) -> Result<u64, Gone> {
        let line = match verb {
            "ABOR" if self.world.choose(|chance| chance.one_in(2)) => b"\xFF\xF4\xFF\xF2ABOR\r\n".to_vec(),
            "junk" => format!("{rest}\r\n").into_bytes(),
            _ if rest.is_empty() => format!("{verb}\r\n").into_bytes(),
            _ => format!("{verb} {rest}\r\n").into_bytes(),
        };
        self.world.note(|| format!("{}: {verb} {rest}", self.link.socket.local()));
        let id = self.expect(verb, tag);
        match self.world.within(self.patience, self.link.send_all(&line)).await {
            Some(Ok(())) => Ok(id),
            // The server may have said why it does not listen any more.
            Some(Err(_)) => loop {
                self.read().await?;
            },
            None => Err(Gone::Silent),
        }
    }

    /// A command and its final reply.
    pub async fn ask(&mut self, verb: &'static str, rest: &str) -> Result<Answer, Gone> {
        let id = self.say(verb, rest, None).await?;
        self.answer(id).await
    }

    /// The final reply to a command.
    pub async fn answer(&mut self, id: u64) -> Result<Answer, Gone> {
        loop {
            if let Some(index) = self.answered.iter().position(|(answered, _)| *answered == id) {
                return Ok(self.answered.swap_remove(index).1);
            }
            self.read().await?;
        }
    }

    /// Waits until a command has its preliminary reply, or its final one.
    pub async fn preliminary(&mut self, id: u64) -> Result<(), Gone> {
        while self.waiting.iter().any(|command| command.id == id && !command.has_preliminary) {
            self.read().await?;
        }
        Ok(())
    }

    pub fn is_answered(&self, id: u64) -> bool {
        !self.waiting.iter().any(|command| command.id == id)
    }

    /// Whether every command has been answered.
    pub fn is_settled(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Waits for the replies to everything.
    pub async fn settle(&mut self) -> Result<(), Gone> {
        while !self.waiting.is_empty() {
            self.read().await?;
        }
        self.answered.clear();
        Ok(())
    }

    /// Reads until the server has closed the connection.
    pub async fn outlast(&mut self) -> Gone {
        loop {
            if let Err(gone) = self.read().await {
                return gone;
            }
        }
    }

    /// Reads until the server has closed the connection, whatever it says.
    pub async fn await_end(&mut self) -> Gone {
        loop {
            match self.world.within(self.patience, receive(&mut self.link.socket, 500)).await {
                None => return Gone::Silent,
                Some(Ok(bytes)) if !bytes.is_empty() => {}
                Some(_) => return Gone::Ended,
            }
        }
    }

    /// From here on TLS is expected; what has come behind the last reply belongs to it.
    pub fn prepare_handshake(&mut self) {
        self.is_shaking_hands = true;
        self.link.socket.become_secret();
        self.link.reading.give_back(&mem::take(&mut self.unparsed));
    }

    /// Waits for the end of TLS, behind which this connection is clear.
    pub async fn follow_into_clear(&mut self, answers: bool) -> Result<(), Gone> {
        match self.world.within(self.patience, self.link.receive(500)).await {
            None => return Err(Gone::Silent),
            Some(Err(_)) => {
                self.check_end();
                return Err(Gone::Ended);
            }
            Some(Ok(bytes)) if !bytes.is_empty() => self.violate("it is not the end of TLS"),
            Some(Ok(_)) => {}
        }
        if answers && self.world.within(self.patience, self.link.say_close_notify()).await.is_none() {
            return Err(Gone::Silent);
        }
        self.link.reading.end_tls();
        Ok(())
    }

    fn expect(&mut self, verb: &'static str, tag: Option<Tag>) -> u64 {
        self.last_id += 1;
        let stamp = {
            let mut state = self.world.lock();
            self.last_said = state.now;
            state.stamp()
        };
        let (said, is_alone) = (self.last_said, self.waiting.is_empty());
        let command = Command { id: self.last_id, verb, tag, said, stamp, has_preliminary: false, is_alone };
        self.waiting.push_back(command);
        self.last_id
    }

    /// Reads some bytes, and the replies that are whole by then.
    async fn read(&mut self) -> Result<(), Gone> {
        let received = self.world.within(self.patience, self.link.receive(500)).await;
        match received {
            None => {
                self.check_silence();
                Err(Gone::Silent)
            }
            Some(Err(error)) => {
                if error.kind() == ErrorKind::UnexpectedEof {
                    self.check_truncation();
                }
                self.check_reset();
                Err(Gone::Ended)
            }
            Some(Ok(bytes)) if bytes.is_empty() => {
                self.check_end();
                Err(Gone::Ended)
            }
            Some(Ok(bytes)) => {
                self.is_shaking_hands &= !self.link.is_secure();
                self.note_heard(&bytes);
                self.unparsed.extend(bytes);
                while let Some(answer) = self.next_answer() {
                    self.assign(answer);
                }
                Ok(())
            }
        }
    }

    /// Takes a whole reply off what has come.
    fn next_answer(&mut self) -> Option<Answer> {
        let mut length = 0;
        let mut lines = Vec::new();
        let mut first: Option<String> = None;
        for line in self.unparsed.split_inclusive(|byte| *byte == b'\n') {
            let text = String::from_utf8_lossy(line.strip_suffix(b"\r\n")?).into_owned();
            length += line.len();
            let code = first.get_or_insert_with(|| text.get(..3).unwrap_or_default().to_owned());
            let is_first = length == line.len();
            let is_wrong = code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_digit());
            if is_wrong || is_first && !matches!(text.as_bytes().get(3), Some(b' ' | b'-')) {
                self.violate(&format!("{text:?} is no reply"));
                return None;
            }
            if text.strip_prefix(code.as_str()).is_some_and(|rest| rest.starts_with(' ')) {
                self.unparsed.drain(..length);
                let stamp = self.stamp();
                return Some(Answer { code: code.parse().unwrap(), text, lines, stamp });
            }
            lines.push(text);
        }
        None
    }

    /// When the server had written what is parsed, or the record that it came in.
    fn stamp(&self) -> u64 {
        let unparsed = if self.link.is_secure() { 0 } else { self.unparsed.len() };
        let state = self.world.lock();
        state.connection(self.link.socket.id).stamp_of(self.link.reading.read() - unparsed)
    }

    /// For the oracle, who cannot read what TLS protects.
    fn note_heard(&mut self, bytes: &[u8]) {
        let state = self.world.lock();
        if state.tls.start != TlsStart::Never {
            let read = self.link.reading.read();
            self.hearing.note(bytes, state.connection(self.link.socket.id), read);
        }
    }

    /// Finds the command that a reply belongs to (promise 3).
    fn assign(&mut self, answer: Answer) {
        self.world.note(|| format!("{} reads {}", self.link.socket.local(), answer.text));
        if self.is_dismissed {
            return self.violate(&format!("{} comes after the last reply", answer.text));
        }
        if answer.code == 421 {
            self.is_dismissed = true;
            self.world.count("replies: 421");
            if let Some(command) = self.waiting.iter().find(|command| command.has_preliminary) {
                self.violate(&format!("{} has begun, and has no final reply before the 421", command.verb));
            }
            self.check_sent_away();
            return;
        }
        if answer.code < 200 {
            let first = self.waiting.iter_mut().find(|command| is_transfer(command.verb));
            match first.filter(|command| !command.has_preliminary) {
                Some(command) => command.has_preliminary = true,
                None => self.violate(&format!("{} is preliminary to nothing", answer.text)),
            }
            return;
        }
        let Some(index) = self.find(&answer) else {
            let waiting: Vec<_> = self.waiting.iter().map(|command| command.verb).collect();
            return self.violate(&format!("{} answers none of {waiting:?}", answer.text));
        };
        let command = self.waiting.remove(index).unwrap();
        self.check_closing(&command);
        self.is_dismissed = answer.code == 221;
        if let Some(tag) = command.tag {
            self.store.lock().attempt(tag).answer = Some(answer.clone());
        }
        if answer.code == 211 {
            self.note_uploads(&answer, command.stamp);
        }
        self.answered.push((command.id, answer));
    }

    /// What is told of uploads that were finished in the background.
    fn note_uploads(&self, answer: &Answer, asked: u64) {
        for line in &answer.lines {
            let Some((path, sentence)) = line.split_once(": ") else { continue };
            let Some((_, Ok(number))) = path.rsplit_once('~').map(|(name, tag)| (name, tag.parse())) else {
                continue;
            };
            let told = Told { sentence: sentence.into(), asked, written: answer.stamp };
            self.store.lock().upload(Tag(number)).told.push(told);
        }
    }

    fn find(&self, answer: &Answer) -> Option<usize> {
        if answer.text.starts_with("226 ABOR done") {
            return self.waiting.iter().position(|command| command.verb == "ABOR");
        }
        let first = self.waiting.front()?;
        // Only in a transfer do NOOP and STAT overtake.
        let overtakes = match answer.code {
            200 => "NOOP",
            211 => "STAT",
            _ => "",
        };
        if is_transfer(first.verb) && first.has_preliminary && !overtakes.is_empty() {
            return self.waiting.iter().position(|command| command.verb == overtakes);
        }
        let has_tls = self.world.lock().tls.start != TlsStart::Never;
        let is_fitting =
            is_fitting(first.verb, answer.code) || has_tls && is_fitting_under_tls(first.verb, answer.code);
        is_fitting.then_some(0)
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let (hearing, reading) = (mem::take(&mut self.hearing), mem::take(&mut self.link.reading));
        if self.world.lock().tls.start != TlsStart::Never {
            self.store.lock().hearings.insert(self.link.socket.id, (hearing, reading));
        }
    }
}
