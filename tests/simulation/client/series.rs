//! Uploads whose commands are sent in one go, by clients that do not wait for each reply.

use super::{
    Client, Gone,
    data::Proposal,
    plans::{Ending, Plan},
    uploads::Asked,
};

impl Client {
    /// Uploads a few files, and sends the commands for all of them before it reads a reply.
    pub async fn upload_in_one_go(&mut self) -> Result<(), Gone> {
        self.world.count("clients: uploads in one go");
        let mut series: Vec<(Proposal, Asked)> = Vec::new();
        for _ in 0..self.choose(|chance| chance.between(2, 4)) {
            let Some(proposal) = self.propose().await? else { break };
            let path = self.path();
            let plan = Plan { ending: Ending::Whole, announced: None, offset: 0, ..self.plan(path) };
            let tag = self.begin_upload(&plan, proposal.is_passive());
            let id = self.control.say(plan.verb, &format!("{}~{}", plan.path, tag.0), Some(tag)).await?;
            series.push((proposal, Asked { plan, tag, id }));
        }
        for (proposal, asked) in series {
            match self.agree_late(proposal, asked.id).await? {
                Some(way) => self.carry_out(&asked, Some(way), None).await?,
                None => drop(self.control.answer(asked.id).await?),
            }
        }
        Ok(())
    }
}
