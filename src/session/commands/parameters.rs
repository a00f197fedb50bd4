//! Transfer parameter commands (RFC 959 4.1.2, RFC 2428, RFC 2389, RFC 2640).

use core::net::{IpAddr, SocketAddr};

use crate::{
    address::{AddressError, EpsvArgument, parse_eprt, parse_port},
    command::{parse_only, parse_type, split_word},
    config::{AsciiConversion, DataPeer, PassiveAddress},
    dtp::Representation,
    listing::Facts,
    pathname::{Pathname, names_directory},
    reply::{Reply, ReplyCode},
    session::{
        machines::data_connection::{PassiveCommand, is_allowed},
        server_pi::ServerPi,
    },
};

const TYPE_SET: Reply = Reply::from_static("200 Type set.\r\n");
const STRUCTURE_SET: Reply = Reply::from_static("200 Structure set to file.\r\n");
const MODE_SET: Reply = Reply::from_static("200 Mode set to stream.\r\n");
const PORT_SET: Reply = Reply::from_static("200 Address taken; a transfer will connect to it.\r\n");

impl ServerPi {
    pub(crate) fn type_(&mut self, argument: &[u8]) {
        if let Some(representation) = self.accept(parse_type(argument)) {
            self.parameters.set_representation(representation);
            self.send(TYPE_SET);
        }
    }

    pub(crate) fn stru(&mut self, argument: &[u8]) {
        if let Some(()) = self.accept(parse_only(argument, b'F', b"RP")) {
            self.send(STRUCTURE_SET);
        }
    }

    pub(crate) fn mode(&mut self, argument: &[u8]) {
        if let Some(()) = self.accept(parse_only(argument, b'S', b"BC")) {
            self.send(MODE_SET);
        }
    }

    pub(crate) fn port(&mut self, argument: &[u8]) {
        self.connect_later(parse_port(argument));
    }

    pub(crate) fn eprt(&mut self, argument: &[u8]) {
        let address = match parse_eprt(argument) {
            Ok(address) if self.is_out_of_reach(address) => Err(AddressError::UnknownProtocol),
            address => address,
        };
        self.connect_later(address);
    }

    fn connect_later(&mut self, address: Result<SocketAddr, AddressError>) {
        if self.parameters.is_epsv_only() {
            return self.reply(ReplyCode::ARGUMENT_ERROR, "After EPSV ALL, only EPSV is allowed.");
        }
        match address {
            Ok(address) if is_allowed(address, self.control.peer, self.config.data_peer) => {
                self.connect_later_to(address);
                self.send(PORT_SET);
            }
            Ok(_) => self.reply(
                ReplyCode::PARAMETER_NOT_IMPLEMENTED,
                "Only your own address and ports from 1024 on are connected to.",
            ),
            Err(error) => self.reply_address_error(error),
        }
    }

    fn reply_address_error(&mut self, error: AddressError) {
        match error {
            AddressError::UnknownProtocol => self.reply_unknown_protocol(),
            error => self.reply_error(ReplyCode::ARGUMENT_ERROR, error),
        }
    }

    /// RFC 2428 2: the reply ends with the protocol that would do, which is the control connection's.
    fn reply_unknown_protocol(&mut self) {
        let text = match self.is_over_ipv6() {
            true => "Network protocol not supported, use (2)",
            false => "Network protocol not supported, use (1)",
        };
        self.reply(ReplyCode::PROTOCOL_NOT_SUPPORTED, text);
    }

    fn is_over_ipv6(&self) -> bool {
        self.control.local.ip().to_canonical().is_ipv6()
    }

    /// Whether the client itself cannot have such an address, which is the only one to connect to.
    fn is_out_of_reach(&self, address: SocketAddr) -> bool {
        let is_ipv6 = address.ip().to_canonical().is_ipv6();
        self.config.data_peer == DataPeer::ControlPeer && is_ipv6 != self.is_over_ipv6()
    }

    pub(crate) fn pasv(&mut self, _: &[u8]) {
        if self.parameters.is_epsv_only() {
            return self.reply(ReplyCode::ARGUMENT_ERROR, "After EPSV ALL, only EPSV is allowed.");
        }
        let IpAddr::V4(local) = self.control.local.ip().to_canonical() else {
            return self.reply(ReplyCode::NOT_IMPLEMENTED, "PASV cannot tell an IPv6 address; use EPSV.");
        };
        let address = match &self.config.passive_address {
            PassiveAddress::Local => local,
            PassiveAddress::Fixed(address) => *address,
            PassiveAddress::Resolve(resolve) => resolve(&self.control),
        };
        self.listen(PassiveCommand::Pasv(address));
    }

    pub(crate) fn epsv(&mut self, argument: &[u8]) {
        let is_ipv6 = self.is_over_ipv6();
        match EpsvArgument::parse(argument) {
            Ok(EpsvArgument::All) => {
                self.parameters.handle_epsv_all();
                self.reply(ReplyCode::OK, "Only EPSV is allowed from now on.");
            }
            Ok(EpsvArgument::Ipv4) if is_ipv6 => self.reply_unknown_protocol(),
            Ok(EpsvArgument::Ipv6) if !is_ipv6 => self.reply_unknown_protocol(),
            Ok(_) => self.listen(PassiveCommand::Epsv),
            Err(error) => self.reply_address_error(error),
        }
    }

    pub(crate) fn opts(&mut self, argument: &[u8]) {
        let (command, options) = split_word(argument);
        match (command.to_ascii_uppercase().as_slice(), options.trim_ascii().to_ascii_uppercase().as_slice())
        {
            (b"UTF8", b"" | b"ON") => self.reply(ReplyCode::OK, "Names are UTF-8 here, always."),
            (b"UTF8", b"OFF") => {
                self.reply(ReplyCode::PARAMETER_NOT_IMPLEMENTED, "Names are UTF-8 here, always.");
            }
            (b"UTF8" | b"UTF-8", _) => self.reply_form_of_options("UTF8 [ON]"),
            // RFC 3659 7.9: the facts stand without blanks between them.
            (b"MLST", list) if list.contains(&b' ') => self.reply_form_of_options("MLST [fact;fact;...]"),
            (b"MLST", _) => {
                let facts = Facts::select(options.trim_ascii()).with_times_in(self.config.time_precision);
                self.parameters.set_facts(facts);
                let reply = self.replies.compose(ReplyCode::OK).text("MLST OPTS ");
                let reply = facts.names().fold(reply, |reply, name| reply.text(name).text(";"));
                let reply = reply.finish();
                self.send(reply);
            }
            _ => self.reply(ReplyCode::ARGUMENT_ERROR, "There are options of UTF8 and MLST only."),
        }
    }

    fn reply_form_of_options(&mut self, argument: &'static str) {
        self.form.argument = argument;
        self.reply_form();
    }

    /// RFC 2640 4: English is spoken here.
    pub(crate) fn lang(&mut self, argument: &[u8]) {
        let tag = argument.trim_ascii().to_ascii_uppercase();
        match tag.as_slice() {
            b"" | b"EN" | [b'E', b'N', b'-', ..] => self.reply(ReplyCode::OK, "Replies are in English."),
            _ => self.reply(ReplyCode::PARAMETER_NOT_IMPLEMENTED, "English (EN) is the only language here."),
        }
    }

    // What they mean for the other commands.

    /// The pathname that an argument means (promise 11); if it means none, the client is told.
    pub(crate) fn resolve(&mut self, argument: &[u8]) -> Option<Pathname> {
        match self.parameters.working_directory().resolve(argument) {
            Ok(pathname) => Some(pathname),
            Err(error) => {
                self.reply_error(ReplyCode::ARGUMENT_ERROR, error);
                None
            }
        }
    }

    /// The same for a file. A name that ends in a slash is a directory's, there or not; the client is told with `code`.
    pub(crate) fn resolve_file(&mut self, argument: &[u8], code: ReplyCode) -> Option<Pathname> {
        if names_directory(argument) {
            self.reply(code, "A name that ends in a slash means a directory.");
            return None;
        }
        self.resolve(argument)
    }

    /// What a transfer does to the bytes of a file.
    pub(crate) fn representation(&self) -> Representation {
        match self.config.ascii_conversion {
            AsciiConversion::LineEnds => self.parameters.representation(),
            AsciiConversion::Nothing => Representation::Image,
        }
    }
}
