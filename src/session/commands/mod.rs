//! The commands: `rules` is the table of them. The methods that it names are in the other files, in the order of RFC 959
//! 4.1, and a line of the control connection finds its own here.

mod access;
mod listings;
mod parameters;
mod protection;
pub(crate) mod rules;
mod service;
mod site;
mod status;

use self::rules::{Argument, Carries, LogIn, Rule};
use crate::{
    command::{Command, is_blank},
    line::Line,
    reply::ReplyCode,
    session::server_pi::ServerPi,
};

impl ServerPi {
    /// Looks the command up in the table and runs it.
    pub(super) fn execute_line(&mut self, line: Line<'_>) {
        self.start_idle();
        let line = match line {
            Line::Complete(line) => line,
            Line::TooLong => return self.refuse_line(),
            Line::Endless => return self.close_because("The line has no end."),
        };
        let found = Command::parse(line).ok().and_then(|command| Some((rules::find(command.verb)?, command)));
        let Some((rule, command)) = found else {
            self.parameters.forget_sequence();
            return self.reply(ReplyCode::SYNTAX_ERROR, "Unknown command; HELP lists the known ones.");
        };
        self.execute(rule, command.argument);
    }

    fn refuse_line(&mut self) {
        self.parameters.forget_sequence();
        let limit = self.config.line_limit;
        let reply = self.replies.compose(ReplyCode::SYNTAX_ERROR);
        let reply = reply.text("The line is longer than ").value(limit).text(" bytes.").finish();
        self.send(reply);
    }

    /// Checks the command against its row (promise 4 among others), and calls its method.
    fn execute(&mut self, rule: &Rule, argument: &[u8]) {
        self.form = rule.form;
        if rule.carries != Carries::Restart {
            self.parameters.take_restart();
        }
        if rule.carries != Carries::Rename {
            self.parameters.take_rename_from();
        }
        if !rule.is_offered(self.config.tls.start) {
            return self.not_implemented(argument);
        }
        if rule.log_in == LogIn::Needed && !self.requires_login() {
            return;
        }
        let is_wrong = match rule.argument {
            Argument::None => !argument.trim_ascii().is_empty(),
            Argument::Required => is_blank(argument),
            Argument::Optional | Argument::Verbatim => false,
        };
        if is_wrong {
            self.parameters.forget_sequence();
            return self.reply_form();
        }
        let is_nothing = rule.argument == Argument::Optional && is_blank(argument);
        (rule.run)(self, if is_nothing { &[] } else { argument });
    }
}
