//! How clients upload, and how they break off.

use std::time::Duration;

use super::{
    Client, Gone, Link, Sent, Way,
    control::ClientSide,
    plans::{Ending, Plan},
};
use crate::simulation::store::{Answer, Ended, Subject, Tag, Upload};

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
        let mut made = Ok(None);
        if is_early && plan.ending != Ending::NeverConnects {
            made = self.connect_early(tag, way.take().unwrap()).await;
        }
        let is_refused = made.is_err();
        let data = made.unwrap_or_else(|left| left);
        let argument = format!("{}~{}", plan.path, tag.0);
        let said = self.control.say(plan.verb, &argument, Some(tag)).await;
        match said {
            Ok(id) if is_refused => {
                self.note_transfer(tag);
                let answered = self.await_refusal(id).await;
                let data = data.filter(|_| answered.is_err());
                self.part(tag, answered, data)
            }
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
        mut data: Option<Link>,
    ) -> Result<(), Gone> {
        self.note_transfer(asked.tag);
        let result = self.perform(asked, way, &mut data).await;
        self.part(asked.tag, result, data)
    }

    fn part(&mut self, tag: Tag, result: Result<(), Gone>, data: Option<Link>) -> Result<(), Gone> {
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
        data: &mut Option<Link>,
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
        let Some(link) = data.take() else {
            let answer = self.control.answer(*id).await?;
            return self.conclude(asked, answer).await;
        };
        self.store.lock().upload(*tag).connection = Some(link.socket.id);
        let mut link = match self.secure_data(*tag, link).await {
            Ok(link) => link,
            Err(left) => {
                *data = left;
                self.await_refusal(*id).await?;
                *data = None;
                return Ok(());
            }
        };
        let first = self.send(&mut link, &plan.wire[..plan.stop]).await;
        if first == Sent::All {
            return self.deviate(asked, link, data).await;
        }
        self.finish(asked, first, link).await
    }

    /// Does in the middle what the plan says.
    async fn deviate(&mut self, asked: &Asked, mut link: Link, data: &mut Option<Link>) -> Result<(), Gone> {
        let Asked { plan, tag, id } = asked;
        match plan.ending {
            Ending::Resets => link.reset(),
            Ending::Vanishes => return Err(self.vanish(&link)),
            Ending::Dies => return Err(self.die(*tag, &link)),
            Ending::LosesControl | Ending::HalfCloses => return self.lose_control(asked, link).await,
            Ending::Truncates => return self.finish(asked, Sent::All, link).await,
            Ending::Stalls => {
                *data = Some(link);
                self.control.answer(*id).await?;
                *data = None;
                return Ok(());
            }
            Ending::Aborts => {
                *data = Some(link);
                self.abort(*tag, *id).await?;
                *data = None;
                return Ok(());
            }
            Ending::Says(verb, times) => {
                *data = Some(link);
                self.speak(*id, verb, times).await?;
                link = data.take().unwrap();
                return self.go_on(asked, link).await;
            }
            Ending::Whole | Ending::SaysAfter(_) | Ending::LeavesAfter => {
                return self.go_on(asked, link).await;
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

    async fn go_on(&mut self, asked: &Asked, mut link: Link) -> Result<(), Gone> {
        let mut sent = self.send(&mut link, &asked.plan.wire[asked.plan.stop..]).await;
        if sent == Sent::All && link.is_secure() {
            sent = self.say_close_notify(&mut link).await;
        }
        self.finish(asked, sent, link).await
    }

    /// Ends the data connection, in good order if everything is sent, and waits for the reply.
    async fn finish(&mut self, asked: &Asked, sent: Sent, mut link: Link) -> Result<(), Gone> {
        let Asked { plan, tag, id } = asked;
        if sent != Sent::All {
            if sent == Sent::Stuck {
                self.check_flow();
            }
            // The server has something to say about it. Until then the connection stays.
            let answered = self.control.answer(*id).await;
            if let Err(gone) = answered {
                return Err(if gone == Gone::Left { gone } else { self.abandon(*tag, link) });
            }
            link.reset();
            return Ok(());
        }
        let is_truncated = plan.ending == Ending::Truncates && link.is_secure();
        self.set_ended(*tag, if is_truncated { Ended::Truncated } else { Ended::InOrder });
        if !is_truncated && link.is_secure() {
            self.await_close_notify(*tag, &mut link).await;
        }
        let bytes = self.world.bytes_arrival(&link.socket);
        let ended = self.world.close_late(&link.socket, Duration::ZERO);
        if let ClientSide::Ended(control) = self.control.side {
            // As far as the server can tell, the client may have been killed.
            let has_said_so = link.is_secure() && !is_truncated;
            self.set_ended(*tag, Ended::Killed { bytes, data: ended, control, has_said_so });
        }
        drop(link);
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
        let can_talk = self.control.side == ClientSide::Open;
        let is_given_up = self.store.lock().upload(asked.tag).is_given_up;
        let counts = match can_talk {
            true => asked.plan.is_plain(),
            false => {
                let is_certain = asked.plan.is_certain(self.protects_data());
                is_certain && !is_given_up && self.has_its_own_port(asked.tag)
            }
        };
        if counts {
            self.check_success(&answer, "an upload");
        }
        if can_talk && answer.text.contains("SITE UPLOADS") && self.control.is_settled() {
            self.ask_later().await?;
        }
        Ok(())
    }

    /// Whether the data connection came to the port that was told for it, if one was. That of a transfer that has been
    /// refused meanwhile may be the next one's.
    fn has_its_own_port(&self, tag: Tag) -> bool {
        let (port, connection) = {
            let mut ledger = self.store.lock();
            (ledger.attempt(tag).port, ledger.upload(tag).connection)
        };
        let state = self.world.lock();
        port.is_none_or(|port| connection.is_some() && state.passive_ports[port].connection == connection)
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
    async fn lose_control(&mut self, asked: &Asked, mut link: Link) -> Result<(), Gone> {
        let Asked { plan, tag, .. } = asked;
        if plan.ending == Ending::HalfCloses {
            self.control.cut_off_side();
        } else {
            self.world.close_late(&self.control.link.socket, Duration::ZERO);
        }
        let control = self.world.end_arrival(&self.control.link.socket);
        let mut sent = self.send(&mut link, &plan.wire[plan.stop..]).await;
        let has_said_so = link.is_secure() && self.choose(|chance| chance.one_in(2));
        if sent == Sent::All && has_said_so {
            sent = self.say_close_notify(&mut link).await;
        }
        if sent == Sent::All {
            let bytes = self.world.bytes_arrival(&link.socket);
            let data = self.world.close_late(&link.socket, Duration::ZERO);
            self.set_ended(*tag, Ended::Killed { bytes, data, control, has_said_so });
            self.world.count("clients: lost the control connection in an upload");
        } else {
            link.reset();
        }
        if plan.ending == Ending::HalfCloses {
            return Err(self.control.outlast().await);
        }
        Err(Gone::Left)
    }

    /// Leaves in the middle of an upload.
    fn abandon(&mut self, tag: Tag, data: Link) -> Gone {
        if self.choose(|chance| chance.one_in(2)) {
            return self.die(tag, &data);
        }
        data.reset();
        Gone::Left
    }
}
