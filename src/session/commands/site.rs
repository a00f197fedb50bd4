//! `SITE` (RFC 959 4.1.3): commands of the server's own, and those that the embedding program adds.

use bytes::Bytes;

use crate::{
    command::{SiteVerb, parse_chmod, parse_utime, split_word},
    reply::{Reply, ReplyCode},
    session::{
        action::Request,
        server_pi::{ServerPi, purpose::Purpose},
    },
    storage::SiteCall,
};

const MODE_CHANGED: Reply = Reply::from_static("200 Mode changed.\r\n");
const TIME_CHANGED: Reply = Reply::from_static("200 Modification time changed.\r\n");

impl ServerPi {
    pub(crate) fn site(&mut self, argument: &[u8]) {
        let (word, rest) = split_word(argument);
        let verb = SiteVerb::parse(word);
        if let Some(verb) = verb {
            self.form.argument = verb.syntax();
        }
        match verb {
            Some(SiteVerb::Chmod) => self.site_chmod(rest),
            Some(SiteVerb::Help) => self.site_help(),
            Some(SiteVerb::Uploads) => self.site_uploads(),
            Some(SiteVerb::Utime) => self.site_utime(rest),
            None => self.site_added(argument),
        }
    }

    fn site_help(&mut self) {
        let mut reply = self.replies.compose(ReplyCode::HELP).text("These SITE commands are known:");
        for verb in SiteVerb::ALL {
            reply = reply.inner_line().text(verb.syntax());
        }
        for command in &self.config.site_commands {
            reply = reply.inner_line().text(&command.syntax);
        }
        let reply = reply.last_line().text("End").finish();
        self.send(reply);
    }

    /// What became of uploads whose finish took too long.
    fn site_uploads(&mut self) {
        let reply = self
            .replies
            .compose(ReplyCode::SYSTEM_STATUS)
            .text("Uploads that were finished in the background:");
        let reply = self.detached.describe(reply).last_line().text("End").finish();
        self.send(reply);
    }

    fn site_chmod(&mut self, argument: &[u8]) {
        let Some((mode, name)) = self.accept(parse_chmod(argument)) else { return };
        if let Some(pathname) = self.resolve(name) {
            self.ask(Request::SetMode(pathname, mode), Purpose::Reply(MODE_CHANGED));
        }
    }

    fn site_utime(&mut self, argument: &[u8]) {
        let Some((modified, name)) = self.accept(parse_utime(argument)) else { return };
        if let Some(pathname) = self.resolve(name) {
            self.ask(Request::SetModified(pathname, modified), Purpose::Reply(TIME_CHANGED));
        }
    }

    /// Runs a `SITE` command of the embedding program, which the settings name.
    fn site_added(&mut self, argument: &[u8]) {
        let (word, rest) = split_word(argument);
        let known = self
            .config
            .site_commands
            .iter()
            .find(|command| command.verb.as_bytes().eq_ignore_ascii_case(word));
        let Some(verb) = known.map(|command| command.verb.clone()) else {
            return self
                .reply(ReplyCode::PARAMETER_NOT_IMPLEMENTED, "Unknown SITE command; SITE HELP lists them.");
        };
        let working_directory = self.parameters.working_directory().clone();
        let call = SiteCall { verb, argument: Bytes::copy_from_slice(rest), working_directory };
        self.ask(Request::Site(call), Purpose::Text);
    }
}
