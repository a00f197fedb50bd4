//! The bytes of files in memory.

use core::mem;
use std::{sync::Arc, vec::Vec};

use bytes::Bytes;

use super::space::{Reservation, Space};
use crate::storage::{StorageError, StorageErrorKind};

/// Every segment of a content but the last one has so many bytes. Larger ones would make appending dearer, which
/// copies the last, smaller ones would be more pieces to read.
const SEGMENT_SIZE: usize = 256 * 1024;

/// What a file has in it. It never changes, so that whoever reads it need not copy it.
#[derive(Debug)]
pub(super) struct Content {
    segments: Vec<Bytes>,
    size: u64,
    /// Holds the room as long as anybody can read the bytes.
    _reservation: Reservation,
}

impl Content {
    pub(super) const fn size(&self) -> u64 {
        self.size
    }

    /// At most `most` bytes at `position`, shared; none at the end.
    pub(super) fn read(&self, position: u64, most: usize) -> Bytes {
        let (index, from) = split(position);
        match self.segments.get(index) {
            Some(segment) if from < segment.len() => {
                segment.slice(from..segment.len().min(from.saturating_add(most)))
            }
            _ => Bytes::new(),
        }
    }

    /// The first `length` bytes: whole segments, and what they lack.
    fn start(&self, length: u64) -> Option<(&[Bytes], &[u8])> {
        let (whole, rest) = split(length);
        let (segments, others) = self.segments.split_at_checked(whole)?;
        let last = if rest == 0 { &[] } else { others.first()?.get(..rest)? };
        Some((segments, last))
    }
}

/// Which segment a position is in, and where in it.
fn split(position: u64) -> (usize, usize) {
    let size = SEGMENT_SIZE as u64;
    (usize::try_from(position / size).unwrap_or(usize::MAX), (position % size) as usize)
}

/// A content that is coming to be.
///
/// Bytes are copied into it: a chunk may be a small part of a large buffer, which would stay in memory as a whole.
#[derive(Debug)]
pub(super) struct Draft {
    segments: Vec<Bytes>,
    last: Vec<u8>,
    size: u64,
    reservation: Reservation,
}

impl Draft {
    /// One that starts with the first `length` bytes of a content. Whole segments are shared with it, and yet counted
    /// again, because either may go first.
    pub(super) fn new(
        space: &Arc<Space>,
        start: Option<&Content>,
        length: u64,
    ) -> Result<Self, StorageError> {
        let nothing: (&[Bytes], &[u8]) = (&[], &[]);
        let start = match start {
            Some(content) => content.start(length),
            None => (length == 0).then_some(nothing),
        };
        let (segments, last) = start.ok_or(StorageErrorKind::BadOffset)?;
        let reservation = space.reserve(length)?;
        Ok(Self { segments: segments.to_vec(), last: last.to_vec(), size: length, reservation })
    }

    pub(super) fn append(&mut self, mut chunk: &[u8]) -> Result<(), StorageError> {
        self.reservation.grow(chunk.len() as u64)?;
        self.size += chunk.len() as u64;
        while !chunk.is_empty() {
            let room = SEGMENT_SIZE - self.last.len();
            let (now, later) = chunk.split_at(room.min(chunk.len()));
            self.last.extend_from_slice(now);
            if self.last.len() == SEGMENT_SIZE {
                self.close_segment();
            }
            chunk = later;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Content {
        if !self.last.is_empty() {
            self.close_segment();
        }
        Content { segments: self.segments, size: self.size, _reservation: self.reservation }
    }

    fn close_segment(&mut self) {
        // A vector grows ahead of its need; the box has no more than it holds.
        self.segments.push(mem::take(&mut self.last).into_boxed_slice().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(content: &Content, most: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let bytes = content.read(all.len() as u64, most);
            if bytes.is_empty() {
                return all;
            }
            assert!(bytes.len() <= most);
            all.extend_from_slice(&bytes);
        }
    }

    #[test]
    fn bytes_come_back_whatever_the_pieces() {
        let space = Arc::new(Space::new(1 << 30));
        let bytes: Vec<u8> = (0..SEGMENT_SIZE * 2 + 7).map(|index| (index % 251) as u8).collect();
        for piece in [1000, SEGMENT_SIZE - 1, SEGMENT_SIZE, SEGMENT_SIZE * 2 + 7] {
            let mut draft = Draft::new(&space, None, 0).unwrap();
            bytes.chunks(piece).for_each(|chunk| draft.append(chunk).unwrap());
            let content = draft.finish();
            assert_eq!(content.size(), bytes.len() as u64);
            for most in [999, SEGMENT_SIZE, usize::MAX] {
                assert!(read_all(&content, most) == bytes, "{piece} {most}");
            }
        }
    }

    #[test]
    fn a_start_is_kept_wherever_it_ends() {
        let space = Arc::new(Space::new(1 << 30));
        let bytes: Vec<u8> = (0..SEGMENT_SIZE * 2 + 7).map(|index| (index % 251) as u8).collect();
        let mut draft = Draft::new(&space, None, 0).unwrap();
        draft.append(&bytes).unwrap();
        let content = draft.finish();
        for length in [0, 1, SEGMENT_SIZE - 1, SEGMENT_SIZE, SEGMENT_SIZE + 1, bytes.len()] {
            let mut draft = Draft::new(&space, Some(&content), length as u64).unwrap();
            draft.append(b"tail").unwrap();
            assert!(read_all(&draft.finish(), 4096) == [&bytes[..length], b"tail"].concat(), "{length}");
        }
        assert!(Draft::new(&space, Some(&content), bytes.len() as u64 + 1).is_err());
        assert!(Draft::new(&space, None, 1).is_err());
        drop(content);
        assert_eq!(space.available(), 1 << 30);
    }

    #[test]
    fn a_start_that_is_not_there_is_refused_and_no_shorter_one() {
        let space = Arc::new(Space::new(1 << 30));
        let segments = vec![Bytes::from(vec![0; SEGMENT_SIZE]), Bytes::from("abc")];
        let size = 3 * SEGMENT_SIZE as u64;
        let torn = Content { segments, size, _reservation: space.reserve(size).unwrap() };
        for (length, is_there) in [
            (SEGMENT_SIZE, true),
            (SEGMENT_SIZE + 3, true),
            (SEGMENT_SIZE + 4, false),
            (2 * SEGMENT_SIZE, true),
            (2 * SEGMENT_SIZE + 1, false),
            (3 * SEGMENT_SIZE, false),
        ] {
            let draft = Draft::new(&space, Some(&torn), length as u64);
            assert_eq!(draft.is_ok(), is_there, "{length}");
        }
    }

    #[test]
    fn small_appends_do_not_pile_up_segments() {
        let space = Arc::new(Space::new(1 << 30));
        let mut content = Draft::new(&space, None, 0).unwrap().finish();
        for _ in 0..100 {
            let mut draft = Draft::new(&space, Some(&content), content.size()).unwrap();
            draft.append(b"x").unwrap();
            content = draft.finish();
        }
        assert_eq!((content.segments.len(), content.size()), (1, 100));
    }
}
