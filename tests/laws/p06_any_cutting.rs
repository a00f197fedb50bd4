//! Promise 6: **however the same bytes are split, the same replies come.**
//!
//! The same play is played in worlds that cut differently what the client sends at once. What is sent to the client
//! must be the same, byte by byte, and so must be all other actions, in their order.

use super::{
    watch::{Broken, Judgement},
    world::Record,
};

/// Compares a play whose bytes came whole with one whose bytes came in pieces.
pub fn judge(whole: &Record, pieces: &Record) -> Judgement {
    let broken = |what: String| Err(Broken { promise: 6, what });
    let difference = actions(whole).zip(actions(pieces)).find(|(whole, pieces)| whole != pieces);
    if let Some((whole, pieces)) = difference {
        return broken(format!("whole: {whole}, in pieces: {pieces}"));
    }
    let (one, other) = (actions(whole).count(), actions(pieces).count());
    if one != other {
        return broken(format!("whole: {one} actions, in pieces: {other}"));
    }
    if whole.sent != pieces.sent {
        return broken("the client reads other bytes".into());
    }
    Ok(())
}

fn actions(record: &Record) -> impl Iterator<Item = &String> {
    record.transcript.iter().filter(|line| !line.starts_with('>'))
}
