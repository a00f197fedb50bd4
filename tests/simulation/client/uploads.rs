//! How clients upload, and how they break off.

use std::time::Duration;

use super::{
    Client, Gone, Sent, Way,
    plans::{Ending, Plan},
};
use crate::simulation::{
    store::{Answer, Ended, Subject, Tag, Upload},
    world::Socket,
};

/// No command is on its way for longer in fair weather.
const ON_ITS_WAY: Duration = Duration::from_secs(3);

/// Between two commands of a client that must not look idle.
const KEPT_ALIVE: Duration = Duration::from_secs(20);

/// An upload that has been asked for: its tag, and the number of its command.
pub struct Asked {
    pub plan: Plan,
    pub tag: Tag,
    pub id: u64,
}

impl Client {
    /// Uploads, or tries to.
    pub async fn upload(&mut self, path: String) -> Result<(), Gone> {
        let plan = self.plan(path);
        let Some(way) = self.prepare().await? else { return Ok(()) };
        if let Some(size) = plan.announced {
            self.control.ask("ALLO", &size.to_string()).await?;
        }
        if plan.offset > 0 {
            self.control.ask("REST", &plan.offset.to_string()).await?;
        }
        let is_passive = matches!(way, Way::Dial(_));
        let tag = self.begin_upload(&plan, is_passive);
        let is_early = is_passive && self.choose(|chance| chance.one_in(2));
        let mut way = Some(way);
        let mut data = None;
        if is_early && plan.ending != Ending::NeverConnects {
            data = self.connect(way.take().unwrap()).await;
        }
        let argument = format!("{}~{}", plan.path, tag.0);
        let said = self.control.say(plan.verb, &argument, Some(tag)).await;
        match said {
            Ok(id) => self.carry_out(&Asked { plan, tag, id }, way, data).await,
            Err(gone) => self.part(tag, Err(gone), data),
        }
    }

    pub fn begin_upload(&self, plan: &Plan, is_passive: bool) -> Tag {
        self.world.count("uploads: attempted");
        let upload = Upload { is_passive, ..plan.upload() };
        self.begin(plan.verb, Subject::Upload(upload))
    }

    /// Does what was planned, once the server knows of it.
    pub async fn carry_out(
        &mut self,
        asked: &Asked,
        way: Option<Way>,
        mut data: Option<Socket>,
    ) -> Result<(), Gone> {
        let result = self.perform(asked, way, &mut data).await;
        self.part(asked.tag, result, data)
    }

    fn part(&mut self, tag: Tag, result: Result<(), Gone>, data: Option<Socket>) -> Result<(), Gone> {
        match (result, data) {
            // The client gives up in the middle: what its system says of that must not look like an end.
            (Err(gone), Some(data)) if gone != Gone::Left => Err(self.abandon(tag, data)),
            (result, _) => result,
        }
    }

    /// `data` is the data connection as long as it is to be closed by the caller.
    async fn perform(
        &mut self,
        asked: &Asked,
        way: Option<Way>,
        data: &mut Option<Socket>,
    ) -> Result<(), Gone> {
        let Asked { plan, tag, id } = asked;
        if plan.ending == Ending::AbortsAtOnce {
            self.world.count("clients: ABOR at once");
            return self.abort(*tag, *id).await;
        }
        if !self.habits.reads_late && (data.is_some() || self.choose(|chance| !chance.one_in(3))) {
            self.control.preliminary(*id).await?;
        }
        if plan.ending == Ending::NeverConnects {
            self.control.answer(*id).await?;
            return Ok(());
        }
        if let Some(way) = way
            && !self.control.is_answered(*id)
        {
            *data = self.connect(way).await;
        }
        let Some(mut socket) = data.take() else {
            let answer = self.control.answer(*id).await?;
            return self.conclude(asked, answer).await;
        };
        self.store.lock().upload(*tag).connection = Some(socket.id);
        let first = self.send(&mut socket, &plan.wire[..plan.stop]).await;
        if first == Sent::All {
            return self.deviate(asked, socket, data).await;
        }
        self.finish(asked, first, socket).await
    }

    /// Does in the middle what the plan says.
    async fn deviate(
        &mut self,
        asked: &Asked,
        mut socket: Socket,
        data: &mut Option<Socket>,
    ) -> Result<(), Gone> {
        let Asked { plan, tag, id } = asked;
        match plan.ending {
            Ending::Resets => socket.reset(),
            Ending::Vanishes => return Err(self.vanish(&socket)),
            Ending::Dies => return Err(self.die(*tag, &socket)),
            Ending::LosesControl | Ending::HalfCloses => return self.lose_control(asked, socket).await,
            Ending::Stalls => {
                *data = Some(socket);
                self.control.answer(*id).await?;
                *data = None;
                return Ok(());
            }
            Ending::Aborts => {
                *data = Some(socket);
                self.abort(*tag, *id).await?;
                *data = None;
                return Ok(());
            }
            Ending::Says(verb, times) => {
                *data = Some(socket);
                self.speak(*id, verb, times).await?;
                socket = data.take().unwrap();
                return self.go_on(asked, socket).await;
            }
            Ending::Whole | Ending::SaysAfter(_) | Ending::LeavesAfter => {
                return self.go_on(asked, socket).await;
            }
            Ending::NeverConnects | Ending::AbortsAtOnce => {}
        }
        self.control.answer(*id).await?;
        Ok(())
    }

    async fn abort(&mut self, tag: Tag, id: u64) -> Result<(), Gone> {
        self.store.lock().upload(tag).is_given_up = true;
        let abor = self.control.say("ABOR", "", None).await?;
        self.control.answer(abor).await?;
        self.control.answer(id).await?;
        Ok(())
    }

    /// Says something while nothing moves: the reply does not wait for the transfer.
    async fn speak(&mut self, id: u64, verb: &'static str, times: u64) -> Result<(), Gone> {
        for _ in 0..times {
            let since = self.world.lock().now;
            let said = self.control.say(verb, "", None).await?;
            if matches!(verb, "NOOP" | "STAT") && !self.habits.reads_late {
                self.control.preliminary(id).await?;
                let is_running = !self.control.is_answered(id);
                self.control.answer(said).await?;
                // The transfer may have ended of itself while the command was on its way.
                let has_waited = self.world.lock().now > since + ON_ITS_WAY;
                self.check_order(is_running && has_waited && self.control.is_answered(id), verb);
            }
        }
        Ok(())
    }

    async fn go_on(&mut self, asked: &Asked, mut socket: Socket) -> Result<(), Gone> {
        let sent = self.send(&mut socket, &asked.plan.wire[asked.plan.stop..]).await;
        self.finish(asked, sent, socket).await
    }

    /// Ends the data connection, in good order if everything is sent, and waits for the reply.
    async fn finish(&mut self, asked: &Asked, sent: Sent, socket: Socket) -> Result<(), Gone> {
        let Asked { plan, tag, id } = asked;
        if sent != Sent::All {
            if sent == Sent::Stuck {
                self.check_flow();
            }
            // The server has something to say about it. Until then the connection stays.
            let answered = self.control.answer(*id).await;
            if let Err(gone) = answered {
                return Err(if gone == Gone::Left { gone } else { self.abandon(*tag, socket) });
            }
            socket.reset();
            return Ok(());
        }
        self.set_ended(*tag, Ended::InOrder);
        let ended = self.world.close_late(&socket, Duration::ZERO);
        drop(socket);
        if self.habits.reads_late {
            self.world.wait(Duration::from_secs(3)).await;
        }
        match plan.ending {
            Ending::SaysAfter(verb) => {
                self.pause().await;
                self.store.lock().upload(*tag).is_given_up = verb == "ABOR";
                self.control.say(verb, "", None).await?;
            }
            Ending::LeavesAfter => {
                self.pause().await;
                self.world.count("clients: left before the reply to an upload");
                return Err(Gone::Left);
            }
            _ => {}
        }
        let answer = self.control.answer(*id).await?;
        self.check_promptness(ended);
        self.conclude(asked, answer).await
    }

    async fn conclude(&mut self, asked: &Asked, answer: Answer) -> Result<(), Gone> {
        if asked.plan.is_plain() {
            self.check_success(&answer, "an upload");
        }
        if answer.text.contains("SITE UPLOADS") && self.control.is_settled() {
            self.ask_later().await?;
        }
        Ok(())
    }

    /// Asks what has become of a finish that goes on in the background.
    async fn ask_later(&mut self) -> Result<(), Gone> {
        for _ in 0..self.choose(|chance| chance.below(40)) {
            self.world.wait(KEPT_ALIVE).await;
            self.control.ask("NOOP", "").await?;
        }
        let (verb, argument) = self.choose(|chance| chance.pick(&[("SITE", "UPLOADS"), ("STAT", "")]));
        self.control.ask(verb, argument).await?;
        Ok(())
    }

    /// The control connection goes first, and the data connection comes to its end all the same.
    async fn lose_control(&mut self, asked: &Asked, mut socket: Socket) -> Result<(), Gone> {
        let Asked { plan, tag, .. } = asked;
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
            self.set_ended(*tag, Ended::Killed { bytes, data, control });
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
}
