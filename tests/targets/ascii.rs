//! `TYPE A` and `TYPE I`.
//!
//! Input: eight bytes that say how the file is cut; the file.

use bytes::BytesMut;
use sansftp::dtp::{Dtp, Representation};

#[path = "input.rs"]
mod input;
use self::input::Input;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let sizes: [u8; 8] = input.bytes();
    let file = input.rest();
    let pieces = cut(file, &sizes);

    check_image(file, &pieces);
    let sent = check_encoding(file, &pieces);
    let stored = check_decoding(file, &pieces);
    check_laws(file, &sent, &stored, &sizes);
}

/// Pieces of these sizes, some of them empty.
fn cut<'a>(file: &'a [u8], sizes: &[u8; 8]) -> Vec<&'a [u8]> {
    let mut rest = file;
    let mut pieces = vec![];
    for size in sizes.iter().map(|size| usize::from(*size)).chain([1]).cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, following) = rest.split_at(size.min(rest.len()));
        pieces.push(piece);
        rest = following;
    }
    pieces
}

fn encode(representation: Representation, pieces: &[&[u8]]) -> Vec<u8> {
    let (mut dtp, mut out) = (Dtp::new(representation), BytesMut::new());
    for piece in pieces {
        let before = out.len();
        dtp.encode(piece, &mut out);
        assert!(out.len() - before <= 2 * piece.len(), "memory is bounded by the piece");
    }
    out.to_vec()
}

fn decode(representation: Representation, pieces: &[&[u8]]) -> Vec<u8> {
    let (mut dtp, mut out) = (Dtp::new(representation), BytesMut::new());
    let mut received = 0;
    for piece in pieces {
        let before = out.len();
        dtp.decode(piece, &mut out);
        assert!(out.len() - before <= piece.len() + 1, "memory is bounded by the piece");
        received += piece.len();
        assert!(out.len() <= received, "nothing is invented");
    }
    for _ in 0..2 {
        dtp.finish_decode(&mut out);
    }
    out.to_vec()
}

fn check_image(file: &[u8], pieces: &[&[u8]]) {
    assert!(Dtp::new(Representation::Image).is_identity() && !Dtp::new(Representation::Ascii).is_identity());
    assert_eq!(encode(Representation::Image, pieces), file);
    assert_eq!(decode(Representation::Image, pieces), file);
}

/// An LF gets its CR, unless it has one.
fn check_encoding(file: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut expected = vec![];
    for &byte in file {
        if byte == b'\n' && expected.last() != Some(&b'\r') {
            expected.push(b'\r');
        }
        expected.push(byte);
    }
    assert_eq!(encode(Representation::Ascii, pieces), expected);
    assert_eq!(encode(Representation::Ascii, &[file]), expected);
    expected
}

/// A CR goes if an LF follows; every other byte stays, a CR at the end, too.
fn check_decoding(wire: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut expected = wire.to_vec();
    let mut at = 0;
    while at + 1 < expected.len() {
        if expected[at..].starts_with(b"\r\n") {
            expected.remove(at);
        }
        at += 1;
    }
    assert_eq!(decode(Representation::Ascii, pieces), expected);
    assert_eq!(decode(Representation::Ascii, &[wire]), expected);
    assert_eq!(decode(Representation::Ascii, &wire.chunks(1).collect::<Vec<_>>()), expected);
    expected
}

fn check_laws(file: &[u8], sent: &[u8], stored: &[u8], sizes: &[u8; 8]) {
    let ascii = Representation::Ascii;
    assert!(!has_bare_newline(sent), "every line on the wire ends with CR LF");
    assert_eq!(encode(ascii, &cut(sent, sizes)), sent, "what was encoded needs no more");
    assert_eq!(decode(ascii, &cut(sent, sizes)), stored, "CR LF and LF are the same line end");
    if !file.windows(2).any(|pair| pair == b"\r\n") {
        assert_eq!(decode(ascii, &[sent]), file, "what was sent is stored the same");
    }
    if !has_bare_newline(file) && !file.windows(3).any(|three| three == b"\r\r\n") {
        assert_eq!(encode(ascii, &[stored]), file, "what was stored is sent the same");
    }
}

fn has_bare_newline(text: &[u8]) -> bool {
    let before = [0].iter().chain(text);
    before.zip(text).any(|(before, byte)| *byte == b'\n' && *before != b'\r')
}
