//! A client's end of its data connections.

use std::{net::SocketAddr, time::Duration};

use super::{Client, Gone, Link, control::ClientSide};
use crate::simulation::{
    store::{Ended, Tag},
    world::SimListener,
};

/// How long a client that has ended its side of the control connection waits for the server to connect, for that may
/// have given the upload up meanwhile, and waits for the next data connection.
const BRIEFLY: Duration = Duration::from_secs(1);

/// How a data connection is to be made.
pub enum Way {
    /// To the server's passive port.
    Dial(SocketAddr),
    /// To this port of the client.
    Accept(SimListener),
}

/// A command that prepares a data connection.
pub struct Proposal {
    id: u64,
    /// The client's port, unless the reply tells the server's.
    listener: Option<SimListener>,
}

impl Proposal {
    pub const fn is_passive(&self) -> bool {
        self.listener.is_none()
    }
}

/// How far a client got with sending.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    All,
    /// The server closed the connection.
    Refused,
    /// It took nothing for longer than the client likes to wait.
    Stuck,
}

impl Client {
    /// Prepares a data connection by one of the four commands; none if the server cannot.
    pub async fn prepare(&mut self) -> Result<Option<Way>, Gone> {
        match self.propose().await? {
            Some(proposal) => self.agree(proposal).await,
            None => Ok(None),
        }
    }

    /// Sends one of them; none if the client has no port for it.
    pub async fn propose(&mut self) -> Result<Option<Proposal>, Gone> {
        let from = self.address;
        let choice = self.choose(|chance| chance.below(4));
        if choice < 2 {
            let verb = if choice == 0 { "EPSV" } else { "PASV" };
            let id = self.control.say(verb, "", None).await?;
            return Ok(Some(Proposal { id, listener: None }));
        }
        let Ok(listener) = self.world.open_port(SocketAddr::new(from, 0), false) else {
            return Ok(None);
        };
        let port = listener.address.port();
        let (verb, argument) = if choice == 2 {
            ("EPRT", format!("|1|{from}|{port}|"))
        } else {
            let host = from.to_string().replace('.', ",");
            ("PORT", format!("{host},{},{}", port >> 8, port & 255))
        };
        let id = self.control.say(verb, &argument, None).await?;
        Ok(Some(Proposal { id, listener: Some(listener) }))
    }

    /// Reads the reply to it, if that has to be known.
    pub async fn agree(&mut self, proposal: Proposal) -> Result<Option<Way>, Gone> {
        let Proposal { id, listener } = proposal;
        self.port = None;
        if let Some(listener) = listener {
            if !self.habits.pipelines {
                self.control.answer(id).await?;
            }
            return Ok(Some(Way::Accept(listener)));
        }
        let text = self.control.answer(id).await?.text;
        let extended = text.split('|').nth(3).and_then(|port| port.parse().ok());
        let extended = extended.map(|port| SocketAddr::new(self.server.ip(), port));
        let address = extended.or_else(|| passive_address(&text));
        if address.is_some() {
            let session = self.control.link.socket.id;
            self.port = self.world.lock().passive_port(session, self.told_ports);
            self.told_ports += 1;
        }
        Ok(address.map(Way::Dial))
    }

    /// Reads the reply to it, and then the first one to the transfer's command, which was sent ahead: the port of one that
    /// is refused may be that of the next one.
    pub async fn agree_late(&mut self, proposal: Proposal, id: u64) -> Result<Option<Way>, Gone> {
        let way = self.agree(proposal).await?;
        if way.is_some() {
            self.control.preliminary(id).await?;
        }
        Ok(way)
    }

    /// Makes the data connection; none if that takes too long or fails.
    pub async fn connect(&mut self, way: Way) -> Option<Link> {
        let patience = self.control.patience.min(Duration::from_secs(60));
        match way {
            Way::Dial(to) => {
                let port = self.world.lock().fresh_port();
                let from = SocketAddr::new(self.address, port);
                let dialled = self.world.within(patience, self.world.dial(from, to, false)).await?;
                dialled.ok().map(Link::new)
            }
            Way::Accept(listener) => {
                let is_brief = self.control.side != ClientSide::Open;
                let patience = if is_brief { patience.min(BRIEFLY) } else { patience };
                let (socket, _) =
                    self.world.within(patience, self.world.accept_next(&listener)).await?.ok()?;
                Some(Link::new(socket))
            }
        }
    }

    /// Sends bytes at the client's own pace.
    pub async fn send(&mut self, data: &mut Link, bytes: &[u8]) -> Sent {
        let mut rest = bytes;
        while !rest.is_empty() {
            let most = rest.len().min(self.habits.piece);
            let cut = self.choose(|chance| chance.between(1, most as u64)) as usize;
            match self.world.within(self.control.patience, data.send_all(&rest[..cut])).await {
                None => return Sent::Stuck,
                Some(Err(_)) => return Sent::Refused,
                Some(Ok(())) => rest = &rest[cut..],
            }
            self.pause().await;
        }
        Sent::All
    }

    /// Says that nothing more comes, where TLS has words for that.
    pub async fn say_close_notify(&mut self, data: &mut Link) -> Sent {
        match self.world.within(self.control.patience, data.say_close_notify()).await {
            None => Sent::Stuck,
            Some(Err(_)) => Sent::Refused,
            Some(Ok(())) => Sent::All,
        }
    }

    /// Waits a moment now and then.
    pub async fn pause(&self) {
        let pause = self.habits.pause;
        if !pause.is_zero() && self.choose(|chance| chance.one_in(3)) {
            self.world.wait(self.choose(|chance| chance.time(pause))).await;
        }
    }

    /// Is killed: the system closes both connections in good order, one after the other, with a small gap. It knows
    /// nothing of TLS.
    pub fn die(&mut self, tag: Tag, data: &Link) -> Gone {
        let data = &data.socket;
        let is_control_first = self.choose(|chance| chance.one_in(3));
        let gap = self.choose(|chance| chance.time(Duration::from_millis(8)));
        let bytes = self.world.bytes_arrival(data);
        if self.choose(|chance| chance.one_in(3)) {
            let last_words = self.control.link.seal(b"NOOP\r\n");
            self.world.send_with_the_end(&self.control.link.socket, &last_words);
        }
        // An end that is held up on its way does not hold up the other one.
        let soon = bytes + Duration::from_secs(1);
        let control = &self.control.link.socket;
        let (first, second) = if is_control_first { (control, data) } else { (data, control) };
        let first_end = self.world.close_late(first, Duration::ZERO);
        let second_end = self.world.close_late(second, first_end.min(soon) + gap);
        let (data, control) =
            if is_control_first { (second_end, first_end) } else { (first_end, second_end) };
        self.set_ended(tag, Ended::Killed { bytes, data, control, has_said_so: false });
        self.world.count("clients: killed in an upload");
        Gone::Left
    }

    /// Vanishes without a word: nothing is heard of its system any more.
    pub fn vanish(&mut self, data: &Link) -> Gone {
        self.world.vanish(&data.socket);
        self.world.vanish(&self.control.link.socket);
        self.world.count("clients: vanished in a transfer");
        Gone::Left
    }

    pub fn set_ended(&self, tag: Tag, ended: Ended) {
        self.store.lock().attempt(tag).ended = ended;
    }
}

/// The address in the reply to `PASV`.
fn passive_address(text: &str) -> Option<SocketAddr> {
    let inner = text.split_once('(')?.1.split_once(')')?.0;
    let numbers: Vec<u8> = inner.split(',').map_while(|number| number.parse().ok()).collect();
    let [a, b, c, d, high, low] = numbers[..] else { return None };
    Some(SocketAddr::from(([a, b, c, d], u16::from(high) << 8 | u16::from(low))))
}
