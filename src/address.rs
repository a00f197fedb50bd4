//! Addresses of data ports: `PORT` and the `227` reply (RFC 959 4.1.2), `EPRT`, `EPSV` and the `229` reply (RFC 2428).

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4},
    str::{self, FromStr},
};

/// Reads the argument of `PORT`, `h1,h2,h3,h4,p1,p2`; blanks around it are forgiven, for some cameras send one.
///
/// ```
/// use sansftp::address::parse_port;
///
/// assert_eq!(parse_port(b"192,0,2,7,19,137")?, "192.0.2.7:5001".parse().unwrap());
/// # Ok::<(), sansftp::address::AddressError>(())
/// ```
///
/// # Errors
///
/// [`AddressError::HostPort`] unless it is six numbers from 0 to 255.
pub fn parse_port(argument: &[u8]) -> Result<SocketAddr, AddressError> {
    let mut numbers = argument.trim_ascii().split(|&byte| byte == b',').map(parse_number::<u8>);
    let mut next = || numbers.next().flatten().ok_or(AddressError::HostPort);
    let host = Ipv4Addr::new(next()?, next()?, next()?, next()?);
    let port = u16::from_be_bytes([next()?, next()?]);
    match numbers.next() {
        None => Ok(SocketAddr::from((host, port))),
        Some(_) => Err(AddressError::HostPort),
    }
}

/// Reads the argument of `EPRT`, `|1|192.0.2.7|5001|` or `|2|2001:db8::7|5001|`; any other printable character may
/// stand for the `|`. Blanks around it are forgiven.
///
/// # Errors
///
/// [`AddressError::UnknownProtocol`] for a network protocol that is neither 1 nor 2, which a `522` reply tells.
/// [`AddressError::ExtendedPort`] for everything else.
pub fn parse_eprt(argument: &[u8]) -> Result<SocketAddr, AddressError> {
    let (delimiter, fields) = match argument.trim_ascii() {
        [delimiter @ b'!'..=b'~', fields @ .., last] if delimiter == last => (delimiter, fields),
        _ => return Err(AddressError::ExtendedPort),
    };
    let mut fields = fields.split(|byte| byte == delimiter);
    let mut next = || fields.next().ok_or(AddressError::ExtendedPort);
    let (protocol, host, port) = (next()?, next()?, next()?);
    if fields.next().is_some() {
        return Err(AddressError::ExtendedPort);
    }
    let host = match parse_number::<u32>(protocol) {
        Some(1) => parse_text::<Ipv4Addr>(host).map(IpAddr::V4),
        Some(2) => parse_text::<Ipv6Addr>(host).map(IpAddr::V6),
        Some(_) => return Err(AddressError::UnknownProtocol),
        None => None,
    };
    match (host, parse_number(port)) {
        (Some(host), Some(port)) => Ok(SocketAddr::new(host, port)),
        _ => Err(AddressError::ExtendedPort),
    }
}

/// The argument of `EPSV` (RFC 2428 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EpsvArgument {
    /// None: the network protocol of the control connection.
    Any,
    /// `1`: IPv4.
    Ipv4,
    /// `2`: IPv6.
    Ipv6,
    /// `ALL`: from now on, the client makes data connections by `EPSV` only.
    All,
}

impl EpsvArgument {
    /// Reads it; blanks around it are forgiven.
    ///
    /// # Errors
    ///
    /// [`AddressError::UnknownProtocol`] for a number that is neither 1 nor 2, [`AddressError::ExtendedPassive`] for
    /// something else.
    pub fn parse(argument: &[u8]) -> Result<Self, AddressError> {
        let argument = argument.trim_ascii();
        if argument.is_empty() {
            return Ok(Self::Any);
        }
        if argument.eq_ignore_ascii_case(b"ALL") {
            return Ok(Self::All);
        }
        match parse_number::<u32>(argument) {
            Some(1) => Ok(Self::Ipv4),
            Some(2) => Ok(Self::Ipv6),
            Some(_) => Err(AddressError::UnknownProtocol),
            None => Err(AddressError::ExtendedPassive),
        }
    }
}

/// An address as the `227` reply tells it: `h1,h2,h3,h4,p1,p2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HostPort(pub SocketAddrV4);

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [h1, h2, h3, h4] = self.0.ip().octets();
        let [p1, p2] = self.0.port().to_be_bytes();
        write!(f, "{h1},{h2},{h3},{h4},{p1},{p2}")
    }
}

/// A port as the `229` reply tells it: `|||port|`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtendedPort(pub u16);

impl fmt::Display for ExtendedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "|||{}|", self.0)
    }
}

/// Why an argument is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The argument of `PORT` is wrong.
    #[error("an address is six numbers from 0 to 255, separated by commas: h1,h2,h3,h4,p1,p2")]
    HostPort,
    /// The argument of `EPRT` is wrong.
    #[error("an address is written |1|IPv4 address|port| or |2|IPv6 address|port|")]
    ExtendedPort,
    /// The argument of `EPSV` is wrong.
    #[error("EPSV takes no argument, or 1, or 2, or ALL")]
    ExtendedPassive,
    /// The argument is well formed, but its network protocol is neither IPv4 (1) nor IPv6 (2).
    #[error("the network protocol is neither IPv4 (1) nor IPv6 (2)")]
    UnknownProtocol,
}

/// A number of digits alone: a sign, which `FromStr` would take, is none.
fn parse_number<N: FromStr>(text: &[u8]) -> Option<N> {
    if text.iter().all(u8::is_ascii_digit) { parse_text(text) } else { None }
}

fn parse_text<T: FromStr>(text: &[u8]) -> Option<T> {
    str::from_utf8(text).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_port() {
        assert_eq!(parse_port(b"10,0,0,1,4,0"), Ok("10.0.0.1:1024".parse().unwrap()));
        assert_eq!(parse_port(b"255,255,255,255,255,255"), Ok("255.255.255.255:65535".parse().unwrap()));
        assert_eq!(parse_port(b"0,0,0,0,0,0"), Ok("0.0.0.0:0".parse().unwrap()));
        assert_eq!(parse_port(b" 10,0,0,1,4,0 "), Ok("10.0.0.1:1024".parse().unwrap()));
        for argument in [
            &b""[..],
            b"10,0,0,1,4",
            b"10,0,0,1,4,0,",
            b"10,0,0,1,4,0,0",
            b"10,0,0,1,4,256",
            b"10,0,0,1,4,-1",
            b"10,0,0,1,4,+1",
            b"10,0,0,1,4, 1",
            b" ",
            b"10,0,0,,4,1",
            b"10.0.0.1.4.1",
            b"10,0,0,1,4,99999999999999999999",
            b"10,0,0,1,4,\xB2",
        ] {
            assert_eq!(parse_port(argument), Err(AddressError::HostPort), "{}", argument.escape_ascii());
        }
    }

    /// The examples of RFC 2428 2, and others.
    #[test]
    fn reads_eprt() {
        for (argument, expected) in [
            (&b"|1|132.235.1.2|6275|"[..], "132.235.1.2:6275"),
            (b"|2|1080::8:800:200C:417A|5282|", "[1080::8:800:200c:417a]:5282"),
            (b"!2!::1!1024!", "[::1]:1024"),
            (b"~1~1.2.3.4~65535~", "1.2.3.4:65535"),
            (b" |1|1.2.3.4|6275| ", "1.2.3.4:6275"),
        ] {
            assert_eq!(parse_eprt(argument), Ok(expected.parse().unwrap()), "{}", argument.escape_ascii());
        }
        for argument in [
            &b""[..],
            b"|",
            b"||",
            b"|||",
            b"||||",
            b"|1|1.2.3.4|6275",
            b"1|1.2.3.4|6275|",
            b"|1|1.2.3.4|6275|x",
            b"|1|1.2.3.4|6275||",
            b"|1|1.2.3.4|65536|",
            b"|1|1.2.3.4|+1|",
            b"|1|1.2.3.4||",
            b"|1|1.2.3|6275|",
            b"|1|::1|6275|",
            b"|2|1.2.3.4|6275|",
            b"|x|1.2.3.4|6275|",
            b"||1.2.3.4|6275|",
            b"|1|host.example|6275|",
            b" 1 1.2.3.4 6275 ",
            b"\xFF1\xFF1.2.3.4\xFF6275\xFF",
        ] {
            assert_eq!(parse_eprt(argument), Err(AddressError::ExtendedPort), "{}", argument.escape_ascii());
        }
    }

    #[test]
    fn tells_an_unknown_protocol_apart() {
        assert_eq!(parse_eprt(b"|3|whatever|6275|"), Err(AddressError::UnknownProtocol));
        assert_eq!(parse_eprt(b"|0|1.2.3.4|6275|"), Err(AddressError::UnknownProtocol));
        assert_eq!(EpsvArgument::parse(b"3"), Err(AddressError::UnknownProtocol));
    }

    #[test]
    fn reads_epsv() {
        assert_eq!(EpsvArgument::parse(b""), Ok(EpsvArgument::Any));
        assert_eq!(EpsvArgument::parse(b"1"), Ok(EpsvArgument::Ipv4));
        assert_eq!(EpsvArgument::parse(b"2"), Ok(EpsvArgument::Ipv6));
        assert_eq!(EpsvArgument::parse(b"all"), Ok(EpsvArgument::All));
        assert_eq!(EpsvArgument::parse(b" "), Ok(EpsvArgument::Any));
        assert_eq!(EpsvArgument::parse(b"2 "), Ok(EpsvArgument::Ipv6));
        assert_eq!(EpsvArgument::parse(b"ALL "), Ok(EpsvArgument::All));
        assert_eq!(EpsvArgument::parse(b"some"), Err(AddressError::ExtendedPassive));
        assert_eq!(EpsvArgument::parse(b"-1"), Err(AddressError::ExtendedPassive));
    }

    #[test]
    fn shows_what_replies_say() {
        assert_eq!(HostPort("192.0.2.7:5001".parse().unwrap()).to_string(), "192,0,2,7,19,137");
        assert_eq!(ExtendedPort(5001).to_string(), "|||5001|");
    }

    proptest! {
        #[test]
        fn reads_the_host_port_it_shows(host in any::<[u8; 4]>(), port in any::<u16>()) {
            let address = SocketAddrV4::new(host.into(), port);
            prop_assert_eq!(parse_port(HostPort(address).to_string().as_bytes()), Ok(address.into()));
        }

        #[test]
        fn reads_every_address_between_any_delimiter(
            host in any::<core::net::IpAddr>(),
            port in any::<u16>(),
            delimiter in "[!-,;-@g-~]",
        ) {
            let protocol = if host.is_ipv4() { 1 } else { 2 };
            let argument = format!("|{protocol}|{host}|{port}|").replace('|', &delimiter);
            prop_assert_eq!(parse_eprt(argument.as_bytes()), Ok(SocketAddr::new(host, port)));
        }

        #[test]
        fn reads_anything_without_a_panic(argument in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..40),
            "[|0-9:.,]{0,40}".prop_map(Vec::from),
        ]) {
            let _ = parse_port(&argument);
            let _ = parse_eprt(&argument);
            let _ = EpsvArgument::parse(&argument);
        }
    }
}
