//! Addresses of data ports.
//!
//! Input: an address (which family, its bytes, a port), a delimiter, and the argument of `PORT`, `EPRT` and `EPSV`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use sansftp::{
    Endpoints,
    address::{AddressError, EpsvArgument, ExtendedPort, HostPort, parse_eprt, parse_port},
    session::DataConnectionMode,
};

#[path = "dialogue.rs"]
mod dialogue;
#[path = "input.rs"]
mod input;
use self::{dialogue::Dialogue, input::Input};

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let [family] = input.bytes();
    let octets: [u8; 16] = input.bytes();
    let host = match family % 3 {
        0 => IpAddr::V4(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3])),
        1 => IpAddr::V6(Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).to_ipv6_mapped()),
        _ => IpAddr::V6(octets.into()),
    };
    let address = SocketAddr::new(host, u16::from_be_bytes(input.bytes()));
    let [delimiter] = input.bytes();
    let argument = input.rest();

    check_port(argument);
    check_eprt(argument);
    check_epsv(argument);
    check_print(address, delimiter);
    if !argument.contains(&b'\n') {
        check_active(address, b"PORT", argument, parse_port(argument));
        check_active(address, b"EPRT", argument, parse_eprt(argument));
    }
    check_passive(address);
}

/// Digits and nothing else, and no more than `most`.
fn number(text: &[u8], most: u64) -> Option<u64> {
    let mut value = 0_u64;
    for byte in text {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        value = value.saturating_mul(10).saturating_add(digit.into());
    }
    (!text.is_empty() && value <= most).then_some(value)
}

/// Blanks around the numbers say nothing.
fn check_port(argument: &[u8]) {
    let numbers: Option<Vec<u8>> = argument
        .trim_ascii()
        .split(|&byte| byte == b',')
        .map(|field| number(field, 255).and_then(|value| value.try_into().ok()))
        .collect();
    let expected = match numbers.as_deref() {
        Some([a, b, c, d, high, low]) => {
            Ok(SocketAddr::from(([*a, *b, *c, *d], u16::from(*high) * 256 + u16::from(*low))))
        }
        _ => Err(AddressError::HostPort),
    };
    assert_eq!(parse_port(argument), expected, "{}", argument.escape_ascii());
    if let Ok(SocketAddr::V4(address)) = expected {
        assert_eq!(parse_port(HostPort(address).to_string().as_bytes()), expected);
    }
}

/// What is accepted can be written anew; only the numbers' leading zeros and the form of an IPv6 address may differ.
fn check_eprt(argument: &[u8]) {
    let parsed = parse_eprt(argument);
    let argument = argument.trim_ascii();
    let fields: Vec<&[u8]> =
        argument.first().map_or(vec![], |delimiter| argument.split(|byte| byte == delimiter).collect());
    let (protocol, host, port) = match fields[..] {
        [b"", protocol, host, port, b""] if (b'!'..=b'~').contains(&argument[0]) => (protocol, host, port),
        _ => return assert_eq!(parsed, Err(AddressError::ExtendedPort)),
    };
    let text = str::from_utf8(host).unwrap_or_default();
    let host = match number(protocol, u32::MAX.into()) {
        Some(1) => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        Some(2) => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        Some(_) => return assert_eq!(parsed, Err(AddressError::UnknownProtocol)),
        None => None,
    };
    let port = number(port, 65535).and_then(|port| u16::try_from(port).ok());
    let expected = host.zip(port).map(SocketAddr::from).ok_or(AddressError::ExtendedPort);
    assert_eq!(parsed, expected, "{}", argument.escape_ascii());
}

fn check_epsv(argument: &[u8]) {
    let expected = match argument.trim_ascii() {
        b"" => Ok(EpsvArgument::Any),
        [b'a' | b'A', b'l' | b'L', b'l' | b'L'] => Ok(EpsvArgument::All),
        argument => match number(argument, u32::MAX.into()) {
            Some(1) => Ok(EpsvArgument::Ipv4),
            Some(2) => Ok(EpsvArgument::Ipv6),
            Some(_) => Err(AddressError::UnknownProtocol),
            None => Err(AddressError::ExtendedPassive),
        },
    };
    assert_eq!(EpsvArgument::parse(argument), expected, "{}", argument.escape_ascii());
}

/// Every address that is written can be read, between any delimiter that is not part of it.
fn check_print(address: SocketAddr, delimiter: u8) {
    if let SocketAddr::V4(address) = address {
        let text = HostPort(address).to_string();
        assert_eq!(text.split(',').filter_map(|field| field.parse::<u8>().ok()).count(), 6);
        assert_eq!(parse_port(text.as_bytes()), Ok(address.into()));
    }
    let text = eprt(address, '|');
    assert_eq!(parse_eprt(text.as_bytes()), Ok(address));
    let delimiter = char::from(delimiter);
    if delimiter.is_ascii_graphic() && !text.contains(delimiter) {
        assert_eq!(parse_eprt(eprt(address, delimiter).as_bytes()), Ok(address));
    }
    assert_eq!(ExtendedPort(address.port()).to_string(), format!("|||{}|", address.port()));
}

fn eprt(address: SocketAddr, delimiter: char) -> String {
    let protocol = if address.is_ipv4() { 1 } else { 2 };
    format!("|{protocol}|{}|{}|", address.ip(), address.port()).replace('|', &delimiter.to_string())
}

/// Promise 9: a data connection leads to the peer of the control connection and to no privileged port, whatever the
/// argument says; and it does lead there.
fn check_active(control: SocketAddr, verb: &[u8], argument: &[u8], parsed: Result<SocketAddr, AddressError>) {
    let own = |port| SocketAddr::new(control.ip(), port);
    let peer = own(50000);
    let mut dialogue = Dialogue::begin(Endpoints { local: own(21), peer }, own(4242));
    let code = dialogue.say(&[verb, b" ", argument].concat()).code();
    let is_own = |address: &SocketAddr| {
        address.ip().to_canonical() == control.ip().to_canonical() && address.port() >= 1024
    };
    let allowed = parsed.ok().filter(is_own);
    assert_eq!(code == 200, allowed.is_some(), "{code} to {}", argument.escape_ascii());
    // The store says that there is no file, so nothing is connected; the session has asked for the file if it would.
    let said = dialogue.say(b"RETR file");
    assert_eq!(said.request.is_some(), allowed.is_some());
    assert!(
        !matches!(said.connection, Some(DataConnectionMode::Connect(address)) if Some(address) != allowed)
    );
}

/// A client reads from a `227` and a `229` where the server listens.
fn check_passive(listening: SocketAddr) {
    let own = |port| SocketAddr::new(listening.ip(), port);
    let mut dialogue = Dialogue::begin(Endpoints { local: own(21), peer: own(50000) }, listening);
    let inside = |text: Vec<u8>| {
        let text = String::from_utf8(text).expect("it is ASCII");
        let (_, inner) = text.split_once('(').expect("an address stands in brackets");
        inner.split_once(')').expect("an address stands in brackets").0.to_owned()
    };
    let extended = dialogue.say(b"EPSV");
    assert_eq!(extended.code(), 229);
    assert_eq!(inside(extended.text()), format!("|||{}|", listening.port()));
    let passive = dialogue.say(b"PASV");
    match listening.ip().to_canonical() {
        IpAddr::V4(host) => {
            let told = parse_port(inside(passive.text()).as_bytes());
            assert_eq!((passive.code(), told), (227, Ok(SocketAddr::from((host, listening.port())))));
        }
        IpAddr::V6(_) => assert_eq!(passive.code(), 502),
    }
}
