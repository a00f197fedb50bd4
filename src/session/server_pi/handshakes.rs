//! What becomes of TLS handshakes (RFC 4217).

use crate::{
    command::parse_host,
    config::TlsStart,
    session::{action::Action, event::TlsClient, machines::timer::Timer, server_pi::ServerPi},
};

impl ServerPi {
    /// Begins the handshake on the control connection. Until it has succeeded nothing is said, and nothing heard.
    pub(crate) fn secure_control(&mut self) {
        self.act(Action::SecureControl);
        self.await_handshake();
    }

    pub(crate) fn await_handshake(&mut self) {
        self.start_timer(Timer::Handshake, self.config.tls.handshake_timeout);
    }

    /// A name of the server that is none of its hosts' is only how its client found it.
    pub(crate) fn handle_control_secured(&mut self, client: TlsClient) {
        if !self.security.handle_secured() {
            return;
        }
        let host = client.server_name.and_then(|name| parse_host(name.as_bytes()).ok());
        let host = host.filter(|host| self.config.serves_host(host));
        self.login.handle_secured(host, client.certificate);
        self.stop_timer(Timer::Handshake);
        self.start_idle();
        if self.config.tls.start == TlsStart::Implicit {
            self.greet();
        }
    }

    /// A handshake takes too long, on one of the connections. Nothing more can be said over a control connection of
    /// which nobody knows whether it is clear.
    pub(crate) fn handle_handshake_overdue(&mut self) {
        if self.security.is_securing() {
            self.close();
        } else {
            let effect = self.data.handle_handshake_overdue();
            self.follow_data_effect(effect);
        }
    }
}
