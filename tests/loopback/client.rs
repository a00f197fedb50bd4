//! A client that says what a test wants, byte by byte.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use super::running::connect;

pub(crate) struct Client {
    pub(crate) control: TcpStream,
    server: SocketAddr,
}

impl Client {
    pub(crate) fn log_in(server: SocketAddr) -> Self {
        let mut client = Self { control: connect(server).unwrap(), server };
        client.expect("220 ");
        for (command, reply) in [("USER anna", "331 "), ("PASS secret", "230 "), ("TYPE I", "200 ")] {
            client.say(command);
            client.expect(reply);
        }
        client
    }

    pub(crate) fn say(&mut self, command: &str) {
        self.control.write_all(format!("{command}\r\n").as_bytes()).unwrap();
    }

    pub(crate) fn expect(&mut self, start: &str) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let mut byte = [0];
            self.control.read_exact(&mut byte).unwrap();
            line.extend(byte);
        }
        let line = String::from_utf8(line).unwrap();
        assert!(line.starts_with(start), "{line}");
        line
    }

    /// Begins a transfer; the data connection.
    pub(crate) fn begin(&mut self, command: &str) -> TcpStream {
        self.begin_after(command, &[])
    }

    /// The same, with bytes that are sent before the command.
    pub(crate) fn begin_after(&mut self, command: &str, early: &[u8]) -> TcpStream {
        self.say("EPSV");
        let reply = self.expect("229 ");
        let port = reply.split('|').nth(3).unwrap().parse().unwrap();
        let mut data = connect(SocketAddr::new(self.server.ip(), port)).unwrap();
        data.write_all(early).unwrap();
        self.say(command);
        self.expect("1");
        data
    }
}
