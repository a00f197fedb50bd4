//! How clients upload, and how they break off.

use std::time::Duration;

use bytes::Bytes;

use super::{Client, Gone, Sent, Way};
use crate::simulation::{
    chance::Chance,
    store::{Ended, Subject, Tag, Upload},
    world::Socket,
};

/// What a client has in mind.
struct Plan {
    verb: &'static str,
    path: String,
    /// On the wire, and in the store.
    wire: Bytes,
    whole: Bytes,
    announced: Option<u64>,
    offset: u64,
    ending: Ending,
    /// Where it ends, or says something.
    stop: usize,
}

/// What a client does in the middle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    Whole,
    Says(&'static str),
    Aborts,
    Resets,
    Vanishes,
    Dies,
    Stalls,
    NeverConnects,
    LosesControl,
    HalfCloses,
}

impl Plan {
    /// Whether nothing but a failure can keep it from being stored.
    fn is_plain(&self) -> bool {
        let is_in_root = self.path.rfind('/') == Some(0);
        self.verb != "APPE" && is_in_root && self.offset == 0 && self.announced.is_none()
    }
}

impl Client {
    pub async fn upload(&mut self, path: String) -> Result<(), Gone> {
        let plan = self.plan(path);
        let Some(way) = self.prepare().await? else { return Ok(()) };
        if let Some(size) = plan.announced {
            self.control.ask("ALLO", &size.to_string()).await?;
        }
        if plan.offset > 0 {
            self.control.ask("REST", &plan.offset.to_string()).await?;
        }
        let upload = Upload::new(plan.path.clone(), plan.whole.clone(), plan.announced);
        let tag = self.begin(plan.verb, Subject::Upload(upload));
        self.world.count("uploads: attempted");
        let is_early = matches!(way, Way::Dial(_)) && self.choose(|chance| chance.one_in(2));
        let mut way = Some(way);
        let mut data = None;
        if is_early && plan.ending != Ending::NeverConnects {
            data = self.connect(way.take().unwrap()).await;
        }
        let argument = format!("{}~{}", plan.path, tag.0);
        let said = self.control.say(plan.verb, &argument, Some(tag)).await;
        let result = match said {
            Ok(id) => self.perform(&plan, tag, id, way, &mut data).await,
            Err(gone) => Err(gone),
        };
        match (result, data) {
            // The client gives up in the middle: what its system says of that must not look like an end.
            (Err(gone), Some(data)) if gone != Gone::Left => Err(self.abandon(tag, data)),
            (result, _) => result,
        }
    }

    async fn perform(
        &mut self,
        plan: &Plan,
        tag: Tag,
        id: u64,
        way: Option<Way>,
        data: &mut Option<Socket>,
    ) -> Result<(), Gone> {
        if !self.habits.reads_late && (data.is_some() || self.choose(|chance| !chance.one_in(3))) {
            self.control.preliminary(id).await?;
        }
        if plan.ending == Ending::NeverConnects {
            self.control.answer(id).await?;
            return Ok(());
        }
        if let Some(way) = way
            && !self.control.is_answered(id)
        {
            *data = self.connect(way).await;
        }
        let Some(mut socket) = data.take() else {
            self.control.answer(id).await?;
            return Ok(());
        };
        let first = self.send(&mut socket, &plan.wire[..plan.stop]).await;
        if first == Sent::All && plan.ending != Ending::Whole {
            return self.deviate(plan, tag, id, socket, data).await;
        }
        let sent = match first {
            Sent::All => self.send(&mut socket, &plan.wire[plan.stop..]).await,
            cut_short => cut_short,
        };
        self.finish(plan, tag, (id, sent), socket).await
    }

    /// Does in the middle what the plan says.
    async fn deviate(
        &mut self,
        plan: &Plan,
        tag: Tag,
        id: u64,
        mut socket: Socket,
        data: &mut Option<Socket>,
    ) -> Result<(), Gone> {
        match plan.ending {
            Ending::Resets => socket.reset(),
            Ending::Vanishes => return Err(self.vanish(&socket)),
            Ending::Dies => return Err(self.die(tag, &socket)),
            Ending::Stalls => {
                *data = Some(socket);
                self.control.answer(id).await?;
                *data = None;
                return Ok(());
            }
            Ending::Aborts => {
                *data = Some(socket);
                let abor = self.control.say("ABOR", "", None).await?;
                self.control.answer(abor).await?;
                *data = None;
            }
            Ending::LosesControl | Ending::HalfCloses => return self.lose_control(plan, tag, socket).await,
            Ending::Says(verb) => {
                *data = Some(socket);
                let said = self.control.say(verb, "", None).await?;
                // Nothing moves meanwhile, so the reply to these does not wait for the transfer.
                if matches!(verb, "NOOP" | "STAT") && !self.habits.reads_late {
                    self.control.preliminary(id).await?;
                    self.control.answer(said).await?;
                }
                socket = data.take().unwrap();
                let rest = self.send(&mut socket, &plan.wire[plan.stop..]).await;
                return self.finish(plan, tag, (id, rest), socket).await;
            }
            Ending::Whole | Ending::NeverConnects => {}
        }
        self.control.answer(id).await?;
        Ok(())
    }

    /// Ends the data connection, in good order if everything is sent, and waits for the reply.
    async fn finish(
        &mut self,
        plan: &Plan,
        tag: Tag,
        (id, sent): (u64, Sent),
        socket: Socket,
    ) -> Result<(), Gone> {
        match sent {
            Sent::All => {
                self.set_ended(tag, Ended::InOrder);
                drop(socket);
            }
            // The server has something to say about it. Until then the connection stays.
            Sent::Refused | Sent::Stuck => {
                let answered = self.control.answer(id).await;
                if let Err(gone) = answered {
                    return Err(if gone == Gone::Left { gone } else { self.abandon(tag, socket) });
                }
                socket.reset();
                return Ok(());
            }
        }
        if self.habits.reads_late {
            self.world.wait(Duration::from_secs(3)).await;
        }
        let answer = self.control.answer(id).await?;
        if plan.is_plain() {
            self.check_success(&answer, "an upload");
        }
        Ok(())
    }

    /// The control connection goes first, and the data connection comes to its end all the same.
    async fn lose_control(&mut self, plan: &Plan, tag: Tag, mut socket: Socket) -> Result<(), Gone> {
        if plan.ending == Ending::HalfCloses {
            self.control.socket.finish();
            self.control.has_half_closed = true;
        } else {
            self.world.close_late(&self.control.socket, Duration::ZERO);
        }
        let control = self.world.end_arrival(&self.control.socket);
        if self.send(&mut socket, &plan.wire[plan.stop..]).await == Sent::All {
            let bytes = self.world.bytes_arrival(&socket);
            let data = self.world.close_late(&socket, Duration::ZERO);
            self.set_ended(tag, Ended::Killed { bytes, data, control });
            self.world.count("clients: lost the control connection in an upload");
        } else {
            socket.reset();
        }
        if plan.ending == Ending::HalfCloses {
            return Err(self.control.outlast().await);
        }
        Err(Gone::Left)
    }

    /// Leaves in the middle of an upload.
    fn abandon(&mut self, tag: Tag, data: Socket) -> Gone {
        if self.choose(|chance| chance.one_in(2)) {
            return self.die(tag, &data);
        }
        data.reset();
        Gone::Left
    }

    fn plan(&mut self, path: String) -> Plan {
        let is_ascii = self.is_ascii;
        let number = self.store.lock().attempts.len();
        let wildness = self.habits.wildness;
        let mut guard = self.world.lock();
        let chance = &mut guard.chance;
        let size = size(chance, self.habits.sizes);
        let wire = content(number as u64, size, is_ascii);
        let whole = if is_ascii { to_store(&wire) } else { wire.clone() };
        let verb = chance.pick(&["STOR", "STOR", "STOR", "STOR", "APPE", "STOU"]);
        let offset =
            if verb == "STOR" && !is_ascii && chance.one_in(10) { chance.between(1, 2000) } else { 0 };
        let announced = match chance.below(24) {
            1 => Some(size as u64 + offset),
            2 => Some((size as u64 + offset) / 2),
            3 if wildness > 0 => Some(size as u64 + offset + 1 + chance.below(2000)),
            _ => None,
        };
        let ending = if chance.one_in(wildness) { wild_ending(chance) } else { Ending::Whole };
        let stop = chance.below(wire.len() as u64 + 1) as usize;
        Plan { verb, path, wire, whole, announced, offset, ending, stop }
    }
}

fn wild_ending(chance: &mut Chance) -> Ending {
    chance.pick(&[
        Ending::Says("NOOP"),
        Ending::Says("STAT"),
        Ending::Says("QUIT"),
        Ending::Aborts,
        Ending::Resets,
        Ending::Dies,
        Ending::Dies,
        Ending::Vanishes,
        Ending::Stalls,
        Ending::NeverConnects,
        Ending::LosesControl,
        Ending::HalfCloses,
    ])
}

fn size(chance: &mut Chance, largest: usize) -> usize {
    let sizes = [100, 0, 1, 3000, 20_000, 3000, 100_000];
    let most = chance.pick(&sizes).min(largest);
    chance.below(most as u64 + 1) as usize
}

/// Bytes that no other upload has.
fn content(number: u64, size: usize, is_ascii: bool) -> Bytes {
    let mut noise = Chance::from_seed(number);
    let bytes = (0..size).map(|_| {
        let byte = noise.below(256) as u8;
        match byte {
            _ if !is_ascii => byte,
            0..40 => b'\n',
            40..80 => b'\r',
            _ => byte,
        }
    });
    bytes.collect()
}

/// Lines on the wire end with CR LF.
pub fn to_wire(stored: &[u8]) -> Bytes {
    let mut wire = Vec::new();
    for &byte in stored {
        if byte == b'\n' && wire.last() != Some(&b'\r') {
            wire.push(b'\r');
        }
        wire.push(byte);
    }
    wire.into()
}

/// Lines in the store end with LF.
fn to_store(wire: &[u8]) -> Bytes {
    let mut stored: Vec<u8> = Vec::new();
    for &byte in wire {
        if byte == b'\n' && stored.last() == Some(&b'\r') {
            stored.pop();
        }
        stored.push(byte);
    }
    stored.into()
}
