//! A way to a state, told as a conversation of `tests/conversations`.

use super::{
    super::Action,
    world::{Step, World},
};
use crate::notation::{Ledger, actions};

/// Goes the way once more and writes down what happens; its last step may break a promise.
pub(super) fn tell(mut world: World, steps: &[Step]) -> String {
    let mut lines = vec![String::from("# Deadlines and limits are those of exploration/world.rs.")];
    let mut ledger = Ledger::default();
    let mut known = Known::default();
    for step in steps {
        let at = lines.len();
        let before = world.now();
        let judgement = world.step(*step, &mut |action| {
            known.note(action);
            lines.extend(actions::describe(action, &mut ledger));
        });
        let passed = world.now().saturating_since(before).as_secs();
        lines.insert(at, known.line(*step, passed));
        if let Err(broken) = judgement {
            lines.push(format!("# {broken}"));
        }
    }
    lines.join("\n")
}

/// The ids so far, for the notation counts them.
#[derive(Default)]
struct Known {
    requests: Vec<u64>,
    transfers: Vec<u64>,
    data: Vec<u64>,
}

impl Known {
    fn note(&mut self, action: &Action) {
        let (list, id) = match action {
            Action::Ask(id, _) => (&mut self.requests, id.0),
            Action::OpenDataConnection(id, _) => (&mut self.data, id.0),
            Action::Transfer(id, _) | Action::Abort(id, _) => (&mut self.transfers, id.0),
            _ => return,
        };
        if !list.contains(&id) {
            list.push(id);
        }
    }

    fn line(&self, step: Step, passed: u64) -> String {
        match step {
            Step::Send(line) => format!("C: {line}"),
            Step::Tell(text) => format!("E: {text}"),
            Step::Answer(text, id) => told(text, &self.requests, id.0),
            Step::Data(text, id) => told(text, &self.data, id.0),
            Step::Transfer(text, id) => told(text, &self.transfers, id.0),
            Step::Elapse => format!("+{passed}s"),
            Step::ElapseEarly(_) if passed > 0 => format!("+{passed}s\nE: Elapsed"),
            Step::ElapseEarly(_) => "E: Elapsed".into(),
        }
    }
}

/// Without an ordinal for the latest one; only a remark for one that stands for all that are over.
fn told(text: &str, known: &[u64], id: u64) -> String {
    match known.iter().position(|other| *other == id) {
        Some(at) if at + 1 == known.len() => format!("E: {text}"),
        Some(at) => format!("E: {text} #{}", at + 1),
        None => format!("# E: {text}, of one that is over"),
    }
}
