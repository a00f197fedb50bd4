//! Security commands (RFC 2228 3, RFC 4217).

use crate::{
    command::parse_number,
    config::{TlsRequirement, TlsStart},
    reply::{Reply, ReplyCode},
    session::{
        action::Action,
        machines::security::{DataProtection, OutOfSequence},
        server_pi::ServerPi,
    },
};

const AUTH_ACCEPTED: Reply = Reply::from_static("234 Begin the TLS handshake now.\r\n");
const BUFFER_SIZE: Reply = Reply::from_static("200 PBSZ=0\r\n");
const DATA_CLEAR: Reply = Reply::from_static("200 Data connections are clear.\r\n");
const DATA_PRIVATE: Reply = Reply::from_static("200 TLS protects data connections.\r\n");
const CLEARED: Reply = Reply::from_static("200 The control connection is clear from here on.\r\n");

impl ServerPi {
    // The control connection.

    /// Nothing that was said in clear is of use behind the handshake: an attacker may have said it (promise 5).
    pub(crate) fn auth(&mut self, argument: &[u8]) {
        let protection = match argument.trim_ascii().to_ascii_uppercase().as_slice() {
            b"TLS" | b"TLS-C" => DataProtection::NotAgreed,
            b"SSL" | b"TLS-P" => DataProtection::Private,
            _ => return self.reply(ReplyCode::PARAMETER_NOT_IMPLEMENTED, "TLS is the one mechanism here."),
        };
        if self.security.is_secured() {
            return self.reply(ReplyCode::BAD_SEQUENCE, "TLS protects this connection already.");
        }
        self.log_out();
        self.login.handle_auth();
        self.close_data_connection();
        self.parameters.handle_reinitialise(&self.config);
        self.send(AUTH_ACCEPTED);
        self.security.handle_auth(protection);
        self.secure_control();
    }

    pub(crate) fn pbsz(&mut self, argument: &[u8]) {
        if self.accept(parse_number(argument)).is_none() {
            return;
        }
        match self.security.handle_pbsz() {
            Ok(()) => self.send(BUFFER_SIZE),
            Err(OutOfSequence) => self.reply(ReplyCode::BAD_SEQUENCE, "Send AUTH TLS first."),
        }
    }

    pub(crate) fn prot(&mut self, argument: &[u8]) {
        let (wanted, reply) = match argument.trim_ascii().to_ascii_uppercase().as_slice() {
            b"C" if self.config.tls.requirement == TlsRequirement::ControlAndData => {
                return self
                    .reply(ReplyCode::REFUSED_BY_POLICY, "Data connections need TLS here; use PROT P.");
            }
            b"C" => (DataProtection::Clear, DATA_CLEAR),
            b"P" => (DataProtection::Private, DATA_PRIVATE),
            b"S" | b"E" => {
                return self.reply(ReplyCode::PROTECTION_NOT_SUPPORTED, "TLS has the levels C and P only.");
            }
            _ => return self.reply(ReplyCode::PARAMETER_NOT_IMPLEMENTED, "There are the levels C and P."),
        };
        match self.security.handle_prot(wanted) {
            Ok(()) => {
                self.send(reply);
                self.renew_data_connection();
            }
            Err(OutOfSequence) => self.reply(ReplyCode::BAD_SEQUENCE, "Send AUTH TLS and PBSZ 0 first."),
        }
    }

    pub(crate) fn ccc(&mut self, _: &[u8]) {
        let tls = self.config.tls;
        if tls.start == TlsStart::Implicit || tls.requirement != TlsRequirement::Nothing {
            return self.reply(ReplyCode::REFUSED_BY_POLICY, "The control connection needs TLS here.");
        }
        match self.security.handle_ccc() {
            Ok(()) => {
                self.send(CLEARED);
                self.clear_control();
            }
            Err(OutOfSequence) => {
                self.reply(ReplyCode::NOT_PROTECTED, "The control connection is not protected.");
            }
        }
    }

    /// `REIN`: behind its reply, which TLS still protects, the control connection is clear (RFC 4217 11).
    pub(crate) fn reinitialise_security(&mut self) {
        if self.security.handle_reinitialise(self.config.tls.start) {
            self.clear_control();
        }
    }

    fn clear_control(&mut self) {
        self.login.handle_cleared();
        self.act(Action::ClearControl);
    }

    /// Whether a user may log in over this connection; if not, the client is told.
    pub(crate) fn is_secure_enough(&mut self) -> bool {
        let is_enough = self.config.tls.requirement == TlsRequirement::Nothing || self.security.is_secured();
        if !is_enough {
            self.reply(ReplyCode::NOT_LOGGED_IN, "Passwords need TLS here; send AUTH TLS first.");
        }
        is_enough
    }

    /// For `STAT`.
    pub(crate) fn describe_protection(&self) -> &'static str {
        match (self.security.is_secured(), self.security.protects_data()) {
            (true, true) => "TLS protects the control connection and data connections",
            (true, false) => "TLS protects the control connection; data connections are clear",
            (false, true) => "TLS protects data connections; the control connection is clear",
            (false, false) => "Without TLS",
        }
    }

    // The data connection.

    /// Whether a transfer may go over a data connection as it is agreed; if not, the client is told.
    pub(crate) fn is_data_secure_enough(&mut self) -> bool {
        let is_required = self.config.tls.requirement == TlsRequirement::ControlAndData;
        let is_enough = !is_required || self.security.protects_data();
        if !is_enough {
            self.reply(
                ReplyCode::PROTECTION_REQUIRED,
                "Data connections need TLS here; send PBSZ 0 and PROT P.",
            );
        }
        is_enough
    }
}
