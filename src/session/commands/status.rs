//! Commands that tell something about the server (RFC 959 4.1.3, RFC 2389), read from the table of commands.

use crate::{
    command::Verb,
    config::TlsStart,
    dtp::Representation,
    listing::Facts,
    reply::{Reply, ReplyCode, ReplyComposer},
    session::{
        commands::rules::{self, FEATURES, Feature, RULES},
        server_pi::ServerPi,
    },
};

const NOOP_DONE: Reply = Reply::from_static("200 OK.\r\n");
const SYSTEM: Reply = Reply::from_static("215 UNIX Type: L8\r\n");
const CLIENT_NOTED: Reply = Reply::from_static("200 Noted.\r\n");
const IDENTITY: Reply =
    Reply::from_static(concat!("200 Name=sansftp; Version=", env!("CARGO_PKG_VERSION"), ";\r\n"));

impl ServerPi {
    pub(crate) fn not_implemented(&mut self, _: &[u8]) {
        self.reply(ReplyCode::NOT_IMPLEMENTED, "This command is not implemented.");
    }

    pub(crate) fn noop(&mut self, _: &[u8]) {
        self.send(NOOP_DONE);
    }

    pub(crate) fn syst(&mut self, _: &[u8]) {
        self.send(SYSTEM);
    }

    pub(crate) fn clnt(&mut self, _: &[u8]) {
        self.send(CLIENT_NOTED);
    }

    pub(crate) fn csid(&mut self, _: &[u8]) {
        self.send(IDENTITY);
    }

    pub(crate) fn feat(&mut self, _: &[u8]) {
        let start = self.config.tls.start;
        let facts = self.parameters.facts();
        let mut reply = self.replies.compose(ReplyCode::SYSTEM_STATUS).text("Features:");
        for rule in RULES.iter().filter(|rule| rule.is_offered(start)) {
            reply = match rule.feature {
                Feature::Nothing => reply,
                Feature::Line(line) => reply.inner_line().text(line),
                Feature::VerbAndFacts => put_facts(reply.inner_line().text(rule.form.verb), facts),
            };
        }
        for feature in FEATURES {
            reply = reply.inner_line().text(feature);
        }
        let reply = reply.last_line().text("End").finish();
        self.send(reply);
    }

    pub(crate) fn help(&mut self, argument: &[u8]) {
        let word = argument.trim_ascii();
        if word.is_empty() {
            return self.help_all();
        }
        let start = self.config.tls.start;
        match Verb::parse(word).ok().and_then(rules::find).filter(|rule| rule.is_offered(start)) {
            Some(rule) => {
                let reply = self.replies.compose(ReplyCode::HELP).value(rule.form).finish();
                self.send(reply);
            }
            None => self.reply(ReplyCode::NOT_IMPLEMENTED, "There is no such command."),
        }
    }

    fn help_all(&mut self) {
        const COLUMNS: usize = 10;
        let start = self.config.tls.start;
        let mut reply = self.replies.compose(ReplyCode::HELP).text("These commands are known:");
        for (i, rule) in RULES.iter().filter(|rule| rule.is_offered(start)).enumerate() {
            reply = if i % COLUMNS == 0 { reply.inner_line() } else { reply.text(" ") };
            reply = reply.text(rule.form.verb);
        }
        let reply = reply.last_line().text("HELP <command> tells its form.").finish();
        self.send(reply);
    }

    pub(crate) fn stat(&mut self, argument: &[u8]) {
        if argument.trim_ascii().is_empty() {
            return self.reply_session_status();
        }
        if !self.requires_login() {
            return;
        }
        self.reply_entries(argument);
    }

    fn reply_session_status(&mut self) {
        let login = self.describe_login();
        let protection = (self.config.tls.start != TlsStart::Never).then(|| self.describe_protection());
        let transfer = self.describe_transfer();
        let representation = match self.parameters.representation() {
            Representation::Ascii => "A",
            Representation::Image => "I",
        };
        let reply = self.replies.compose(ReplyCode::SYSTEM_STATUS).text("Status:");
        let reply = reply.inner_line().text("Connected from ").value(self.control.peer.ip().to_canonical());
        let reply = reply.inner_line().text(&login);
        let reply = match protection {
            Some(protection) => reply.inner_line().text(protection),
            None => reply,
        };
        let reply = reply.inner_line().text("TYPE ").text(representation).text(", STRU F, MODE S");
        let reply = reply.inner_line().text(transfer.as_deref().unwrap_or("No transfer is running"));
        let reply = self.detached.describe(reply).last_line().text("End").finish();
        self.send(reply);
    }
}

/// All facts, those marked that are selected.
fn put_facts(reply: ReplyComposer<'_>, selected: Facts) -> ReplyComposer<'_> {
    Facts::default().names().fold(reply.text(" "), |reply, name| {
        let is_selected = selected.names().any(|other| other == name);
        reply.text(name).text(if is_selected { "*;" } else { ";" })
    })
}
