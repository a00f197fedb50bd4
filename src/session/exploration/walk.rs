//! The breadth-first walk.

use std::collections::{HashMap, VecDeque};

use super::{
    alphabet::Alphabet,
    key::{Key, key},
    machines::Seen,
    world::{Step, World},
};

/// A state that was found.
struct Node {
    /// The state before and the step that first led here; the start has none.
    came: Option<(usize, Step)>,
    /// What the next deadline leads to, if there is one.
    in_time: Option<usize>,
}

/// How much was found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) states: usize,
    pub(super) transitions: usize,
    /// Steps of the longest of the shortest ways.
    pub(super) depth: usize,
    /// Deadlines that pass at most until everything is over.
    pub(super) deadlines: usize,
}

/// Something is wrong, and this is the shortest way to it.
#[derive(Debug)]
pub(super) struct Violation {
    pub(super) what: String,
    pub(super) steps: Vec<Step>,
}

/// Visits every state that can be reached from `start`, at most `bound` of them.
pub(super) fn walk(
    start: World,
    alphabet: Alphabet,
    bound: usize,
    seen: &mut Seen,
) -> Result<Counts, Violation> {
    let mut nodes = vec![Node { came: None, in_time: None }];
    let mut known: HashMap<Key, usize> = HashMap::from([(key(&start), 0)]);
    let mut frontier = VecDeque::from([(0, start)]);
    let mut counts = Counts::default();
    while let Some((at, before)) = frontier.pop_front() {
        for step in alphabet.steps(&before) {
            let mut after = before.clone();
            counts.transitions += 1;
            if let Err(broken) = after.step(step, &mut |action| seen.note_action(action)) {
                return Err(violation(&nodes, at, Some(step), broken.to_string()));
            }
            seen.note_step(&before, step, &after);
            let next = nodes.len();
            let to = *known.entry(key(&after)).or_insert(next);
            if to == next {
                nodes.push(Node { came: Some((at, step)), in_time: None });
                frontier.push_back((next, after));
            }
            if step == Step::Elapse && before.session().poll_timeout().is_some() {
                nodes[at].in_time = Some(to);
            }
            if nodes.len() > bound {
                return Err(violation(&nodes, next, None, format!("there are more than {bound} states")));
            }
        }
    }
    counts.states = nodes.len();
    counts.depth = path(&nodes, nodes.len() - 1).len();
    counts.deadlines = deadlines(&nodes)?;
    Ok(counts)
}

/// From each state, time alone leads to one where everything is over: there, nothing is awaited and the judge has found
/// nothing open. The most deadlines that have to pass for it.
fn deadlines(nodes: &[Node]) -> Result<usize, Violation> {
    const MOST: usize = 20;
    let mut longest = 0;
    for start in 0..nodes.len() {
        let (mut at, mut passed) = (start, 0);
        while let Some(later) = nodes[at].in_time {
            at = later;
            passed += 1;
            if passed > MOST {
                return Err(violation(nodes, start, None, format!("{MOST} deadlines lead to no end")));
            }
        }
        longest = longest.max(passed);
    }
    Ok(longest)
}

fn path(nodes: &[Node], mut at: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    while let Some((before, step)) = nodes[at].came {
        steps.push(step);
        at = before;
    }
    steps.reverse();
    steps
}

fn violation(nodes: &[Node], at: usize, last: Option<Step>, what: String) -> Violation {
    let mut steps = path(nodes, at);
    steps.extend(last);
    Violation { what, steps }
}
