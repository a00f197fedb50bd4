//! Clients that say all that they have to say in one go, end their side of the control connection, and read what comes:
//! as a script does that is piped into `nc`.

use super::{
    Client, Gone,
    data::Proposal,
    downloads, errands,
    plans::{Ending, Plan},
    uploads,
};

/// What has to come, in this order, when the script is said.
enum Part {
    Answer(u64),
    Upload(Proposal, uploads::Asked),
    Download(Proposal, downloads::Asked),
}

/// What a script says of a directory that must not come to be: the end of that line is missing.
const CUT_OFF: &[u8] = b"MKD /cut-off";

impl Client {
    /// A session that is a script, from the first command on if it needs no TLS.
    pub async fn recite(&mut self) -> Result<(), Gone> {
        // The next transfer of a script does not wait for who is late with the last one.
        self.habits.reads_late = false;
        self.be_greeted().await?;
        self.protect().await?;
        if self.control.link.is_secure() || !self.may_log_in() || self.choose(|chance| chance.one_in(2)) {
            self.log_in().await?;
            self.clear_control().await?;
            return self.say_the_rest().await;
        }
        let mut parts = Vec::new();
        for (verb, argument) in [("USER", "anna"), ("PASS", "secret"), ("TYPE", "I")] {
            parts.push(Part::Answer(self.control.say(verb, argument, None).await?));
        }
        self.is_ascii = false;
        self.say_script(parts).await
    }

    /// All that is left to say, and the end.
    pub async fn say_the_rest(&mut self) -> Result<(), Gone> {
        self.control.settle().await?;
        self.say_script(Vec::new()).await
    }

    async fn say_script(&mut self, mut parts: Vec<Part>) -> Result<(), Gone> {
        self.world.count("clients: ended their side behind a script");
        for _ in 0..self.choose(|chance| chance.between(0, 5)) {
            match self.choose(|chance| chance.below(5)) {
                0 => self.say_upload(&mut parts).await?,
                1 => self.say_download(&mut parts).await?,
                _ => {
                    let (verb, argument) = self.choose(errands::small_or_altering);
                    if verb == "ABOR" {
                        self.give_up(&parts);
                    }
                    parts.push(Part::Answer(self.control.say(verb, argument, None).await?));
                }
            }
        }
        if self.choose(|chance| chance.one_in(3)) {
            parts.push(Part::Answer(self.control.say("QUIT", "", None).await?));
        }
        let last = if self.choose(|chance| chance.one_in(3)) { CUT_OFF } else { &[] };
        self.control.end_side(last).await?;
        for part in parts {
            match part {
                Part::Answer(id) => drop(self.control.answer(id).await?),
                Part::Upload(proposal, asked) => match self.agree_late(proposal, asked.id).await? {
                    Some(way) => self.carry_out(&asked, Some(way), None).await?,
                    None => drop(self.control.answer(asked.id).await?),
                },
                Part::Download(proposal, asked) => match self.agree_late(proposal, asked.id).await? {
                    Some(way) => drop(self.collect(&asked, Some(way), None).await?),
                    None => drop(self.control.answer(asked.id).await?),
                },
            }
        }
        Err(self.control.outlast().await)
    }

    /// An `ABOR` is for whatever runs when it comes.
    fn give_up(&self, parts: &[Part]) {
        for part in parts {
            if let Part::Upload(_, asked) = part {
                self.store.lock().upload(asked.tag).is_given_up = true;
            }
        }
    }

    async fn say_upload(&mut self, parts: &mut Vec<Part>) -> Result<(), Gone> {
        let Some(proposal) = self.propose().await? else { return Ok(()) };
        let plan = Plan { ending: Ending::Whole, announced: None, offset: 0, ..self.plan(self.path()) };
        let size = plan.wire.len() as u64;
        let is_announced = plan.verb != "APPE" && self.choose(|chance| chance.one_in(2));
        let plan = Plan { announced: is_announced.then_some(size), ..plan };
        if is_announced {
            parts.push(Part::Answer(self.control.say("ALLO", &size.to_string(), None).await?));
        }
        let tag = self.begin_upload(&plan, proposal.is_passive());
        let id = self.control.say(plan.verb, &format!("{}~{}", plan.path, tag.0), Some(tag)).await?;
        parts.push(Part::Upload(proposal, uploads::Asked { plan, tag, id }));
        Ok(())
    }

    async fn say_download(&mut self, parts: &mut Vec<Part>) -> Result<(), Gone> {
        let Some(proposal) = self.propose().await? else { return Ok(()) };
        let path = self.path();
        let (verb, path) = self.choose(|chance| chance.pick(&[("RETR", path.as_str()), ("LIST", "/")]));
        let asked = self.ask_whole(verb, path).await?;
        parts.push(Part::Download(proposal, asked));
        Ok(())
    }
}
