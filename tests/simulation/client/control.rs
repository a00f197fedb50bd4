//! A client's end of the control connection. It holds the server to the rules of replies.

use std::{collections::VecDeque, time::Duration};

use super::is_easy;
use crate::simulation::{
    store::{Answer, Store, Tag, Told},
    world::{LAG, Socket, World, receive, send_all},
};

/// Replies that a failing store leads to.
const STORE_FAILURES: [u16; 11] = [426, 450, 451, 452, 502, 504, 550, 551, 552, 553, 554];

/// No command waits for longer in fair weather, and no upload that has come whole.
pub const ANSWERED: Duration = Duration::from_secs(10);
/// What is said so long after the server's last words still comes before it has closed the connection.
const BEFORE_THE_END: Duration = Duration::from_secs(1);

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
    pub socket: Socket,
    unparsed: Vec<u8>,
    /// Bytes that were read, without the unparsed ones.
    parsed: usize,
    waiting: VecDeque<Command>,
    answered: Vec<(u64, Answer)>,
    last_id: u64,
    /// Whether the client itself keeps nothing waiting.
    is_good: bool,
    last_said: Duration,
    /// Whether the server has said that it ends.
    is_dismissed: bool,
    pub has_half_closed: bool,
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
            socket,
            unparsed: Vec::new(),
            parsed: 0,
            waiting: VecDeque::new(),
            answered: Vec::new(),
            last_id: 0,
            is_good,
            last_said: Duration::ZERO,
            is_dismissed: false,
            has_half_closed: false,
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
        self.world.note(|| format!("{}: {verb} {rest}", self.socket.local()));
        let id = self.expect(verb, tag);
        match self.world.within(self.patience, send_all(&mut self.socket, &line)).await {
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
        let received = self.world.within(self.patience, receive(&mut self.socket, 500)).await;
        match received {
            None => {
                self.check_silence();
                Err(Gone::Silent)
            }
            Some(Err(_)) => {
                self.check_reset();
                Err(Gone::Ended)
            }
            Some(Ok(bytes)) if bytes.is_empty() => {
                self.check_end();
                Err(Gone::Ended)
            }
            Some(Ok(bytes)) => {
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
                self.parsed += length;
                let stamp = self.stamp();
                return Some(Answer { code: code.parse().unwrap(), text, lines, stamp });
            }
            lines.push(text);
        }
        None
    }

    /// When the server had written what is parsed.
    fn stamp(&self) -> u64 {
        let state = self.world.lock();
        let connection = state.connection(self.socket.id);
        let mark = connection.marks.iter().find(|(end, _)| *end >= self.parsed);
        mark.map_or(u64::MAX, |(_, stamp)| *stamp)
    }

    /// Finds the command that a reply belongs to (promise 3).
    fn assign(&mut self, answer: Answer) {
        self.world.note(|| format!("{} reads {}", self.socket.local(), answer.text));
        if self.is_dismissed {
            return self.violate(&format!("{} comes after the last reply", answer.text));
        }
        if answer.code == 421 {
            self.is_dismissed = true;
            self.world.count("replies: 421");
            if let Some(command) = self.waiting.iter().find(|command| command.has_preliminary) {
                self.violate(&format!("{} has begun, and has no final reply before the 421", command.verb));
            }
            self.check_attention();
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
        is_fitting(first.verb, answer.code).then_some(0)
    }

    fn violate(&self, what: &str) {
        self.world.violate(format!("promise 3: {} of {}: {what}", self.socket.id, self.socket.local()));
    }

    /// The server has closed the connection: it has said so before, or had no choice.
    fn check_end(&self) {
        let is_harmed = self.socket.is_harmed();
        let state = self.world.lock();
        let is_excused =
            is_harmed || self.has_half_closed || state.excuses_ends() || state.was_not_let_in(self.socket.id);
        drop(state);
        if !self.is_dismissed && !is_excused {
            self.violate("the server closes the connection without a word");
        }
    }

    /// It has broken it. That is right only where the client talks on for long after the server's last words.
    fn check_reset(&self) {
        let state = self.world.lock();
        let connection = state.connection(self.socket.id);
        let talks_on =
            connection.has_said_good_bye() && self.last_said > connection.last_written + BEFORE_THE_END;
        drop(state);
        if !talks_on {
            self.check_end();
        }
    }

    /// Who is sent away has not had to wait for an answer before that, where nothing keeps the server from it.
    fn check_attention(&self) {
        let Some(first) = self.waiting.front() else { return };
        let waited = self.world.lock().now - first.said;
        if self.is_good && is_easy(&self.store) && waited > ANSWERED {
            self.violate(&format!("{} has no answer for {waited:?}, but a 421", first.verb));
        }
    }

    /// A server that is shut down lets transfers end, and executes nothing more.
    fn check_closing(&self, command: &Command) {
        let shutdown = self.world.lock().shutdown;
        let is_late = shutdown.is_some_and(|shutdown| command.said > shutdown.asked + 2 * LAG);
        if is_late && command.is_alone && command.verb != "greeting" {
            self.violate(&format!("{} is executed after the shutdown was asked for", command.verb));
        }
    }

    /// In fair weather a server with a good store always answers.
    fn check_silence(&self) {
        let is_fair = self.world.lock().weather.is_fair() && self.store.moods.is_good();
        if is_fair && !self.waiting.is_empty() && self.patience > Duration::from_secs(1000) {
            self.violate(&format!("no reply to {}", self.waiting[0].verb));
        }
    }
}

pub fn is_transfer(verb: &str) -> bool {
    matches!(verb, "STOR" | "STOU" | "APPE" | "RETR" | "LIST" | "NLST" | "MLSD")
}

/// Whether a command can be answered by this.
fn is_fitting(verb: &str, code: u16) -> bool {
    let own: &[u16] = match verb {
        "greeting" | "REIN" => &[220],
        "USER" => &[331],
        "PASS" | "ACCT" => &[230, 332, 503, 202],
        "TYPE" | "ALLO" | "NOOP" | "PORT" | "EPRT" => &[200],
        "PASV" => &[227, 425],
        "EPSV" => &[229, 425],
        "REST" => &[350],
        "PWD" | "MKD" => &[257],
        "RNFR" => &[350],
        "RNTO" => &[250, 503],
        "DELE" | "RMD" | "CWD" | "CDUP" | "MLST" => &[250],
        "SIZE" | "MDTM" | "AVBL" => &[213],
        "STAT" => &[211, 212, 213],
        "SITE" | "FEAT" => &[211],
        "HELP" => &[214],
        "QUIT" => &[221],
        "junk" => &[500, 502],
        _ if is_transfer(verb) => &[226, 425],
        _ => &[],
    };
    let is_free = matches!(verb, "greeting" | "REIN" | "USER" | "NOOP" | "QUIT" | "FEAT" | "HELP" | "junk");
    let is_refusal = [501, 530].contains(&code) || STORE_FAILURES.contains(&code);
    own.contains(&code) || !is_free && is_refusal
}
