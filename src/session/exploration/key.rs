//! When two states are the same.

use std::fmt::Write as _;

use super::{super::Session, laws::watch::Reading, world::World};

/// A state, by 128 bits of hash: two of a million states are taken for one with a probability of 10⁻²⁷.
pub(super) type Key = u128;

/// What the future of the session and of its judge depends on.
///
/// It is made from their `Debug` forms, so that a field that is added later cannot be forgotten; a form that does not
/// become the same again (a counter, an absolute time) would make the graph infinite, and the walk fail at its bound.
/// These say nothing about the future and are left out or renamed:
///
/// * Ids. A session compares them for equality, its judge only with the latest. So each is told by its place among
///   those that are still known.
/// * The time. Deadlines are told from now.
/// * How many bytes of replies were not sent, beyond the limit.
/// * Which replies the judge awaits when the session is closed, for there are none.
pub(super) fn key(world: &World) -> Key {
    let Session { lines, pi } = world.session();
    let (lines, state, detached) = (lines.waiting(), pi.state(), world.detached());
    let watch = world.watch();
    let mut form = if world.is_closed() {
        format!("{lines:?}{state:?}{detached:?}{:?}", watch.facts())
    } else {
        format!("{lines:?}{state:?}{detached:?}{watch:?}")
    };
    if world.reading() == Reading::Hardly {
        form = without_unsent(&form);
    }
    hash(rename(&form, world.now().since_origin().as_secs()).as_bytes())
}

/// A form with only the first digit of what is not sent: it is 0, or no matter.
fn without_unsent(form: &str) -> String {
    const NAME: &str = "unsent: ";
    let at = form.find(NAME).unwrap() + NAME.len();
    let (before, after) = form.split_at(at);
    let (unsent, rest) = number_behind("", after).unwrap();
    format!("{before}{}{rest}", unsent.min(1))
}

/// The form with ids, times and what is not sent written so that equal states look the same.
///
/// It is cut at each `I`, which ids and times have in common: that is fast where nothing is optimised, and this is most
/// of the time that a walk takes.
fn rename(form: &str, now: u64) -> String {
    let mut text = String::with_capacity(form.len());
    let mut ids = Vec::new();
    for piece in form.split('I') {
        if let Some((id, rest)) = number_behind("d(", piece) {
            let known = ids.iter().position(|known| *known == id);
            let place = known.unwrap_or_else(|| {
                ids.push(id);
                ids.len() - 1
            });
            let _ = write!(text, "{place}{rest}");
        } else if let Some((seconds, rest)) = number_behind("nstant(", piece) {
            // Deadlines lie ahead; one that has passed is found as promise 10.
            let _ = write!(text, "{}{rest}", seconds.wrapping_sub(now));
        } else {
            text.push_str(piece);
        }
        text.push('I');
    }
    text
}

/// The number that stands behind `start`, and what follows it.
fn number_behind<'a>(start: &str, text: &'a str) -> Option<(u64, &'a str)> {
    let text = text.strip_prefix(start)?;
    let end = text.find(|character: char| !character.is_ascii_digit())?;
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// Each word of 16 bytes is mixed in by two steps that lose nothing. Nobody chooses the states to make them collide.
fn hash(text: &[u8]) -> Key {
    const FACTOR: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;
    let mix = |state: u128, word: u128| {
        let product = (state ^ word).wrapping_mul(FACTOR);
        product ^ (product >> 64)
    };
    let (words, rest) = text.as_chunks::<16>();
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    let mut state = text.len() as u128;
    for word in words {
        state = mix(state, u128::from_le_bytes(*word));
    }
    mix(mix(state, u128::from_le_bytes(last)), 0)
}
