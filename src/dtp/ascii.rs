//! `TYPE A`: lines that end with LF in the store and with CR LF on the wire (RFC 959 3.1.1.1).
//!
//! A file that already has CR LF line ends is not given a second CR, so that such a file, too, arrives as it is. A CR
//! that no LF follows and an LF that no CR precedes are data: both directions keep them.

use bytes::{BufMut, BytesMut};
use memchr::memchr_iter;

/// What one direction has to remember between two chunks.
#[derive(Debug, Default)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Ascii {
    /// The last byte so far was a CR. A decoder has not passed it on yet, for an LF may follow.
    is_after_cr: bool,
}

impl Ascii {
    pub(super) fn encode(&mut self, chunk: &[u8], out: &mut BytesMut) {
        out.reserve(chunk.len());
        // A run starts with the LF of the line before it, so that each line is copied by one call.
        let (mut rest, mut rest_start) = (chunk, 0);
        for newline in memchr_iter(b'\n', chunk) {
            let (run, from_newline) = rest.split_at(newline - rest_start);
            out.put_slice(run);
            if !run.last().map_or(self.is_after_cr, |&last| last == b'\r') {
                out.put_u8(b'\r');
            }
            (rest, rest_start) = (from_newline, newline);
        }
        out.put_slice(rest);
        self.remember_end_of(chunk);
    }

    pub(super) fn decode(&mut self, chunk: &[u8], out: &mut BytesMut) {
        let Some(&first) = chunk.first() else { return };
        out.reserve(chunk.len());
        if self.is_after_cr && first != b'\n' {
            out.put_u8(b'\r');
        }
        let (mut rest, mut rest_start) = (chunk, 0);
        for cr in memchr_iter(b'\r', chunk) {
            let (run, from_cr) = rest.split_at(cr - rest_start);
            if let [_, next @ ..] = from_cr
                && matches!(next.first(), Some(b'\n') | None)
            {
                out.put_slice(run);
                (rest, rest_start) = (next, cr + 1);
            }
        }
        out.put_slice(rest);
        self.remember_end_of(chunk);
    }

    pub(super) fn finish_decode(&mut self, out: &mut BytesMut) {
        if core::mem::take(&mut self.is_after_cr) {
            out.put_u8(b'\r');
        }
    }

    fn remember_end_of(&mut self, chunk: &[u8]) {
        if let Some(&last) = chunk.last() {
            self.is_after_cr = last == b'\r';
        }
    }
}
