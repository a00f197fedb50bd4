//! How clients download files and listings, and how they break off.

use std::{io::ErrorKind, time::Duration};

use super::{Client, Gone, Link, Way};
use crate::simulation::{
    store::{Answer, Source, Subject, Tag},
    world::LAG,
};

/// Bytes that every connection takes before anybody reads them.
const EARLY_TALK: usize = 50;

/// What a client does in the middle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    Whole,
    Closes,
    Resets,
    Vanishes,
    Stalls,
    Aborts,
    Quits,
    /// Sends where it should only receive.
    Talks,
    NeverConnects,
}

/// A download or a listing that has been asked for: its tag, the number of its command, and what the client does when
/// it has received so much.
pub struct Asked {
    tag: Tag,
    pub id: u64,
    ending: Ending,
    most: usize,
}

/// How reading ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Read {
    Whole,
    Enough,
    Broken,
}

impl Client {
    pub async fn download(&mut self) -> Result<(), Gone> {
        let path = self.path();
        let offset = if self.is_ascii { 0 } else { self.choose(|chance| chance.pick(&[0, 0, 0, 1, 500])) };
        self.fetch("RETR", &path, offset).await
    }

    pub async fn list(&mut self) -> Result<(), Gone> {
        let verb = self.choose(|chance| chance.pick(&["LIST", "NLST", "MLSD"]));
        let path = self.choose(|chance| chance.pick(&["/", "/", "/d", "/a"]));
        self.fetch(verb, path, 0).await
    }

    async fn fetch(&mut self, verb: &'static str, path: &str, offset: u64) -> Result<(), Gone> {
        let Some(way) = self.prepare().await? else { return Ok(()) };
        if offset > 0 {
            self.control.ask("REST", &offset.to_string()).await?;
        }
        let source = Source { is_ascii: self.is_ascii, ..Source::default() };
        let tag = self.begin(verb, Subject::Source(source));
        self.world.count("downloads and listings: attempted");
        let wildness = self.habits.wildness;
        let ending = self.choose(|chance| if chance.one_in(wildness) { wild(chance) } else { Ending::Whole });
        let stop = self.choose(|chance| chance.pick(&[0, 10, 2000])) as usize;
        let is_early = ending == Ending::Talks && matches!(way, Way::Dial(_)) && !self.protects_data();
        let mut way = Some(way);
        let made = self.connect_first(tag, ending, &mut way).await;
        let is_refused = made.is_err();
        let data = made.unwrap_or_else(|left| left);
        let id = self.control.say(verb, &format!("{path}~{}", tag.0), Some(tag)).await?;
        if is_refused {
            self.note_transfer(tag);
            return self.await_refusal(id).await;
        }
        let most = if ending == Ending::Whole || is_early { usize::MAX } else { stop };
        let answer = self.collect(&Asked { tag, id, ending, most }, way, data).await?;
        if verb != "RETR" && path == "/" {
            answer.into_iter().for_each(|answer| self.check_success(&answer, "a listing"));
        }
        Ok(())
    }

    /// Asks for all of something.
    pub async fn ask_whole(&mut self, verb: &'static str, path: &str) -> Result<Asked, Gone> {
        let source = Source { is_ascii: self.is_ascii, ..Source::default() };
        let tag = self.begin(verb, Subject::Source(source));
        self.world.count("downloads and listings: attempted");
        let id = self.control.say(verb, &format!("{path}~{}", tag.0), Some(tag)).await?;
        Ok(Asked { tag, id, ending: Ending::Whole, most: usize::MAX })
    }

    /// Gets what has been asked for, or not, over a data connection that is there already or is to be made. The final
    /// reply, if the client did nothing to the transfer.
    pub async fn collect(
        &mut self,
        asked: &Asked,
        way: Option<Way>,
        mut data: Option<Link>,
    ) -> Result<Option<Answer>, Gone> {
        let Asked { tag, id, ending, .. } = *asked;
        self.note_transfer(tag);
        if ending == Ending::NeverConnects {
            self.control.answer(id).await?;
            return Ok(None);
        }
        if !self.habits.reads_late && matches!(way, Some(Way::Accept(_))) {
            self.control.preliminary(id).await?;
        }
        if self.control.is_answered(id) {
            return Ok(None);
        }
        if let Some(way) = way {
            data = self.connect(way).await;
        }
        let Some(data) = data else {
            self.control.answer(id).await?;
            return Ok(None);
        };
        self.store.lock().source(tag).connection = Some(data.socket.id);
        self.get(asked, data).await
    }

    /// What a client does on its data connection before it says what for: it talks there, or begins TLS.
    async fn connect_first(
        &mut self,
        tag: Tag,
        ending: Ending,
        way: &mut Option<Way>,
    ) -> Result<Option<Link>, Option<Link>> {
        let is_private = self.protects_data();
        let talks = ending == Ending::Talks && !is_private;
        let is_early = |way: &mut Way| {
            let may_begin_tls = is_private && ending != Ending::NeverConnects;
            matches!(way, Way::Dial(_)) && (talks || may_begin_tls && self.choose(|chance| chance.one_in(2)))
        };
        let Some(early) = way.take_if(is_early) else { return Ok(None) };
        if !talks {
            return self.connect_early(tag, early).await;
        }
        let mut data = self.connect(early).await;
        if let Some(data) = &mut data {
            self.talk(tag, data, EARLY_TALK).await;
        }
        Ok(data)
    }

    /// Receives what has been asked for. The final reply, if the client did nothing to the transfer.
    async fn get(&mut self, asked: &Asked, data: Link) -> Result<Option<Answer>, Gone> {
        let mut data = match self.secure_data(asked.tag, data).await {
            Ok(data) => data,
            Err(left) => {
                self.await_refusal(asked.id).await?;
                drop(left);
                return Ok(None);
            }
        };
        match self.receive(&mut data, asked.tag, asked.most).await {
            Read::Whole => {
                if data.is_secure() && self.choose(|chance| chance.one_in(2)) {
                    self.say_close_notify(&mut data).await;
                }
                drop(data);
            }
            Read::Broken => data.reset(),
            Read::Enough => {
                self.break_off(asked, data).await?;
                return Ok(None);
            }
        }
        self.control.answer(asked.id).await.map(Some)
    }

    async fn break_off(&mut self, asked: &Asked, mut data: Link) -> Result<(), Gone> {
        let Asked { tag, id, ending, .. } = *asked;
        match ending {
            Ending::Closes | Ending::NeverConnects | Ending::Whole => drop(data),
            Ending::Resets => data.reset(),
            Ending::Vanishes => return Err(self.vanish(&data)),
            Ending::Stalls => {
                self.control.answer(id).await?;
                drop(data);
            }
            Ending::Aborts => {
                let abor = self.control.say("ABOR", "", None).await?;
                self.control.answer(abor).await?;
                drop(data);
            }
            Ending::Quits => {
                self.control.say("QUIT", "", None).await?;
                self.receive(&mut data, tag, usize::MAX).await;
            }
            Ending::Talks => {
                self.talk(tag, &mut data, 3000).await;
                self.receive(&mut data, tag, usize::MAX).await;
            }
        }
        self.control.answer(id).await?;
        Ok(())
    }

    /// Sends something. If all of it comes before the server has sent everything, the client loses nothing by it.
    async fn talk(&mut self, tag: Tag, data: &mut Link, count: usize) {
        let patience = self.control.patience;
        let sent = self.world.within(patience, data.send_all(&vec![b'?'; count])).await;
        let arrival = self.world.bytes_arrival(&data.socket) + 2 * LAG;
        let now = self.world.lock().now;
        self.world.wait(arrival.saturating_sub(now)).await;
        let state = self.world.lock();
        let is_in_time = !state.connection(data.socket.id).sent_by_server().1 && state.weather.is_fair();
        drop(state);
        if is_in_time && matches!(sent, Some(Ok(()))) {
            self.world.count("downloads: the client talks, and loses nothing by it");
            self.store.lock().source(tag).is_owed = true;
        }
    }

    /// Receives at most so much, and writes it down.
    async fn receive(&mut self, data: &mut Link, tag: Tag, most: usize) -> Read {
        let patience = self.control.patience;
        let mut count = 0;
        while count < most {
            let piece = self.habits.piece.min(most - count);
            let received = self.world.within(patience, data.receive(piece)).await;
            let Some(received) = received else {
                self.store.lock().source(tag).is_owed = false;
                return Read::Broken;
            };
            let bytes = match received {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.store.lock().source(tag).is_cut = error.kind() == ErrorKind::UnexpectedEof;
                    return Read::Broken;
                }
            };
            self.note_received(tag, &bytes);
            if bytes.is_empty() {
                return Read::Whole;
            }
            count += bytes.len();
            if self.habits.pause > Duration::ZERO && self.choose(|chance| chance.one_in(4)) {
                let pause = self.habits.pause;
                self.world.wait(self.choose(|chance| chance.time(pause))).await;
            }
        }
        Read::Enough
    }

    /// Nothing means the end.
    fn note_received(&self, tag: Tag, bytes: &[u8]) {
        let mut ledger = self.store.lock();
        let source = ledger.source(tag);
        source.got.extend_from_slice(bytes);
        source.is_whole = bytes.is_empty();
    }
}

fn wild(chance: &mut crate::simulation::chance::Chance) -> Ending {
    chance.pick(&[
        Ending::Closes,
        Ending::Resets,
        Ending::Vanishes,
        Ending::Stalls,
        Ending::Aborts,
        Ending::Quits,
        Ending::Talks,
        Ending::NeverConnects,
    ])
}
