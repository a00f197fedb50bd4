//! Access control commands (RFC 959 4.1.1, RFC 7151).

use alloc::string::{String, ToString};

use crate::{
    accounts::Credentials,
    command::parse_host,
    reply::{Reply, ReplyCode},
    session::{
        action::Request,
        machines::{
            login::{HostRefused, OutOfSequence},
            timer::Timer,
        },
        server_pi::{ServerPi, purpose::Purpose},
    },
};

const GOODBYE: Reply = Reply::from_static("221 Goodbye.\r\n");

impl ServerPi {
    /// The answer is the same whether or not there is such a user. The transfer parameters stay (RFC 959 4.1.1).
    pub(crate) fn user(&mut self, argument: &[u8]) {
        match core::str::from_utf8(argument) {
            Ok(_) if !self.is_secure_enough() => {}
            Ok(user) => {
                self.log_out();
                self.parameters.handle_new_user();
                match self.login.handle_user(String::from(user), self.control) {
                    Some(credentials) => self.ask(Request::LogIn(credentials), Purpose::LogIn),
                    None => self.ask_password(),
                }
            }
            Err(_) => self.reply(ReplyCode::ARGUMENT_ERROR, "A user name is UTF-8."),
        }
    }

    pub(crate) fn pass(&mut self, argument: &[u8]) {
        let credentials = self.login.handle_pass(argument, self.control);
        self.log_in(credentials, "Send USER first.");
    }

    pub(crate) fn acct(&mut self, argument: &[u8]) {
        if self.login.is_logged_in() {
            return self.reply(ReplyCode::SUPERFLUOUS, "No account is needed.");
        }
        let credentials = self.login.handle_acct(argument);
        self.log_in(credentials, "Send USER and PASS first.");
    }

    fn log_in(&mut self, credentials: Result<Credentials, OutOfSequence>, what_first: &str) {
        match credentials {
            Ok(credentials) => self.ask(Request::LogIn(credentials), Purpose::LogIn),
            Err(OutOfSequence) => self.reply(ReplyCode::BAD_SEQUENCE, what_first),
        }
    }

    pub(crate) fn host(&mut self, argument: &[u8]) {
        let Some(host) = self.accept(parse_host(argument)) else { return };
        if !self.config.serves_host(&host) {
            return self.reply(ReplyCode::PARAMETER_NOT_IMPLEMENTED, "There is no such host here.");
        }
        match self.login.handle_host(host) {
            Ok(()) => self.reply(ReplyCode::READY, "Host accepted."),
            Err(HostRefused::OutOfSequence) => {
                self.reply(ReplyCode::BAD_SEQUENCE, "HOST comes before USER; send REIN first.");
            }
            Err(HostRefused::Secured) => {
                self.reply(ReplyCode::PARAMETER_NOT_IMPLEMENTED, "TLS began for another host.");
            }
        }
    }

    pub(crate) fn cwd(&mut self, argument: &[u8]) {
        if let Some(pathname) = self.resolve(argument) {
            self.ask(Request::Stat(pathname.clone()), Purpose::ChangeDirectory(pathname));
        }
    }

    /// The parent of a directory is one, so the store is not asked.
    pub(crate) fn cdup(&mut self, _: &[u8]) {
        if let Some(parent) = self.parameters.working_directory().parent() {
            self.parameters.set_working_directory(parent);
        }
        self.reply(ReplyCode::FILE_ACTION_DONE, "Directory changed.");
    }

    pub(crate) fn rein(&mut self, _: &[u8]) {
        self.log_out();
        self.login.handle_reinitialise();
        self.close_data_connection();
        self.parameters.handle_reinitialise(&self.config);
        self.reply(ReplyCode::READY, "Ready for a new user.");
        self.reinitialise_security();
    }

    pub(crate) fn quit(&mut self, _: &[u8]) {
        self.send(GOODBYE);
        self.close();
    }

    /// The time to log in begins again for one who was logged in, and goes on for one who was not.
    pub(crate) fn log_out(&mut self) {
        self.detached.handle_new_user();
        if self.login.is_logged_in() {
            self.start_timer(Timer::LogIn, self.config.log_in_timeout);
        }
    }

    /// Who is logged in, for `STAT`.
    pub(crate) fn describe_login(&self) -> String {
        self.login
            .user()
            .map_or_else(|| String::from("Not logged in"), |user| "Logged in as ".to_string() + user)
    }

    /// Whether a user is logged in; if not, the client is told.
    pub(crate) fn requires_login(&mut self) -> bool {
        let is_logged_in = self.login.is_logged_in();
        if !is_logged_in {
            self.reply(ReplyCode::NOT_LOGGED_IN, "Not logged in; send USER and PASS first.");
        }
        is_logged_in
    }
}
