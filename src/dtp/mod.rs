//! The server-DTP's representations of data: bytes of the store to bytes of the wire and back (RFC 959 3.1.1).
//!
//! A [`Dtp`] goes out with each transfer and lives as long. It is fed the transfer's chunks in order, however they
//! were cut, and waits for nothing.

mod ascii;

use bytes::{BufMut, BytesMut};

/// How a file is represented on the data connection (`TYPE`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Representation {
    /// `TYPE A`: lines end with CR LF on the wire and with LF in the store (RFC 959 3.1.1.1).
    Ascii,
    /// `TYPE I`: byte by byte the same (RFC 959 3.1.1.3).
    Image,
}

/// What the bytes of one transfer become on their way. Use one for one direction only.
///
/// ```
/// use bytes::BytesMut;
/// use sansftp::dtp::{Dtp, Representation};
///
/// let mut dtp = Dtp::new(Representation::Ascii);
/// let mut stored = BytesMut::new();
/// dtp.decode(b"one\r\ntwo\r", &mut stored);
/// dtp.decode(b"\nthree\r", &mut stored);
/// dtp.finish_decode(&mut stored);
/// assert_eq!(&stored[..], b"one\ntwo\nthree\r");
/// ```
#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub struct Dtp(State);

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
enum State {
    Ascii(ascii::Ascii),
    Image,
}

impl Dtp {
    /// The start of a transfer.
    #[must_use]
    pub fn new(representation: Representation) -> Self {
        Self(match representation {
            Representation::Ascii => State::Ascii(ascii::Ascii::default()),
            Representation::Image => State::Image,
        })
    }

    /// Whether the bytes stay what they are, so that the caller need not bring them here. The answer never changes.
    #[must_use]
    pub const fn is_identity(&self) -> bool {
        matches!(self.0, State::Image)
    }

    /// Appends to `out` what goes over the wire for the next `chunk` of the store. Nothing is held back: after the
    /// last chunk the transfer is whole. `out` grows by twice the chunk at most.
    pub fn encode(&mut self, chunk: &[u8], out: &mut BytesMut) {
        match &mut self.0 {
            State::Ascii(ascii) => ascii.encode(chunk, out),
            State::Image => out.put_slice(chunk),
        }
    }

    /// Appends to `out` what the store gets for the next `chunk` from the wire. At most one byte is held back, for
    /// [`finish_decode`](Self::finish_decode). `out` grows by one byte more than the chunk at most.
    pub fn decode(&mut self, chunk: &[u8], out: &mut BytesMut) {
        match &mut self.0 {
            State::Ascii(ascii) => ascii.decode(chunk, out),
            State::Image => out.put_slice(chunk),
        }
    }

    /// Appends the byte that was held back, if there is one, after the last chunk from the wire.
    pub fn finish_decode(&mut self, out: &mut BytesMut) {
        match &mut self.0 {
            State::Ascii(ascii) => ascii.finish_decode(out),
            State::Image => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    const REPRESENTATIONS: [Representation; 2] = [Representation::Ascii, Representation::Image];

    fn encode(representation: Representation, chunks: &[&[u8]]) -> Vec<u8> {
        let (mut dtp, mut out) = (Dtp::new(representation), BytesMut::new());
        for chunk in chunks {
            dtp.encode(chunk, &mut out);
        }
        out.to_vec()
    }

    fn decode(representation: Representation, chunks: &[&[u8]]) -> Vec<u8> {
        let (mut dtp, mut out) = (Dtp::new(representation), BytesMut::new());
        for chunk in chunks {
            dtp.decode(chunk, &mut out);
        }
        dtp.finish_decode(&mut out);
        out.to_vec()
    }

    fn encode_byte_by_byte(bytes: &[u8]) -> Vec<u8> {
        let mut out = vec![];
        for &byte in bytes {
            if byte == b'\n' && out.last() != Some(&b'\r') {
                out.push(b'\r');
            }
            out.push(byte);
        }
        out
    }

    fn decode_byte_by_byte(bytes: &[u8]) -> Vec<u8> {
        let next = bytes.iter().skip(1).map(Some).chain([None]);
        let is_kept = |&(&byte, next): &(&u8, Option<&u8>)| byte != b'\r' || next != Some(&b'\n');
        bytes.iter().zip(next).filter(is_kept).map(|(&byte, _)| byte).collect()
    }

    /// Chunks in which line ends are not rare, some of them empty.
    fn chunks() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let byte = prop_oneof![3 => Just(b'\r'), 3 => Just(b'\n'), 3 => Just(b'a'), 1 => any::<u8>()];
        prop::collection::vec(prop::collection::vec(byte, 0..12), 0..12)
    }

    #[test]
    fn ascii_sends_crlf() {
        let encode = |chunks: &[&[u8]]| encode(Representation::Ascii, chunks);
        assert_eq!(encode(&[b"one\ntwo\n"]), b"one\r\ntwo\r\n");
        assert_eq!(encode(&[b"\n\n"]), b"\r\n\r\n");
        assert_eq!(encode(&[b"one\r\ntwo\r", b"", b"\nthree"]), b"one\r\ntwo\r\nthree");
        assert_eq!(encode(&[b"one", b"\ntwo\r", b"three\r"]), b"one\r\ntwo\rthree\r");
        assert_eq!(encode(&[b"\r\r\n\n\r"]), b"\r\r\n\r\n\r");
    }

    #[test]
    fn ascii_stores_lf() {
        let decode = |chunks: &[&[u8]]| decode(Representation::Ascii, chunks);
        assert_eq!(decode(&[b"one\r\ntwo\r\n"]), b"one\ntwo\n");
        assert_eq!(decode(&[b"one\r", b"", b"\ntwo\r", b"three"]), b"one\ntwo\rthree");
        assert_eq!(decode(&[b"\r\r\n\n\r"]), b"\r\n\n\r");
        assert_eq!(decode(&[b"\r", b"\r", b"\r"]), b"\r\r\r");
        assert_eq!(decode(&[b"one\ntwo\r\0"]), b"one\ntwo\r\0");
        assert_eq!(decode(&[]), b"");
    }

    #[test]
    fn only_image_is_the_identity() {
        assert!(Dtp::new(Representation::Image).is_identity());
        assert!(!Dtp::new(Representation::Ascii).is_identity());
    }

    #[test]
    fn an_end_is_not_flushed_twice() {
        let (mut dtp, mut out) = (Dtp::new(Representation::Ascii), BytesMut::new());
        dtp.decode(b"\r", &mut out);
        dtp.finish_decode(&mut out);
        dtp.finish_decode(&mut out);
        assert_eq!(&out[..], b"\r");
    }

    proptest! {
        #[test]
        fn does_what_it_would_byte_by_byte_however_it_is_cut(chunks in chunks()) {
            let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let whole = chunks.concat();
            prop_assert_eq!(encode(Representation::Ascii, &chunks), encode_byte_by_byte(&whole));
            prop_assert_eq!(decode(Representation::Ascii, &chunks), decode_byte_by_byte(&whole));
            prop_assert_eq!(encode(Representation::Image, &chunks), &whole[..]);
            prop_assert_eq!(decode(Representation::Image, &chunks), &whole[..]);
        }

        #[test]
        fn what_was_sent_is_stored_the_same(chunks in chunks()) {
            // A file that has CR LF already comes back with LF: on the wire the two cannot be told apart.
            let mut file = chunks.concat();
            while let Some(position) = file.windows(2).position(|pair| pair == b"\r\n") {
                file.remove(position);
            }
            for representation in REPRESENTATIONS {
                let sent = encode(representation, &[&file]);
                prop_assert_eq!(decode(representation, &[&sent]), &file[..]);
            }
        }

        #[test]
        fn what_was_encoded_needs_no_more(chunks in chunks()) {
            let sent = encode(Representation::Ascii, &[&chunks.concat()]);
            prop_assert_eq!(encode(Representation::Ascii, &[&sent]), sent);
        }

        #[test]
        fn output_is_bounded_by_each_chunk(chunks in chunks()) {
            for representation in REPRESENTATIONS {
                let (mut encoder, mut decoder) = (Dtp::new(representation), Dtp::new(representation));
                for chunk in &chunks {
                    let (mut sent, mut stored) = (BytesMut::new(), BytesMut::new());
                    encoder.encode(chunk, &mut sent);
                    decoder.decode(chunk, &mut stored);
                    prop_assert!(sent.len() <= 2 * chunk.len());
                    prop_assert!(stored.len() <= chunk.len() + 1);
                }
            }
        }
    }
}
