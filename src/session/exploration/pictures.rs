//! The pictures of the machines, made from what the walk has seen, as they stand in the machines' documentation.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
};

use super::machines::{Cause, Edge, Machines, Name, Seen, Ticking};
use crate::session::machines::timer::Timer;

/// A picture and where it stands: in the one block of this kind of that file.
pub(super) struct Picture {
    pub(super) file: &'static str,
    kind: &'static str,
    lines: Vec<String>,
}

/// All of them; `start` is how a session begins.
pub(super) fn pictures(start: &Machines, seen: &Seen) -> [Picture; 5] {
    let diagram = |file, start, edges| Picture { file, kind: "mermaid", lines: diagram(start, edges) };
    [
        diagram("login", Some(start.login), &seen.login),
        diagram("security", Some(start.security), &seen.security),
        diagram("data_connection", Some(start.data), &seen.data),
        diagram("transfer/mod", None, &seen.transfer),
        Picture { file: "timer", kind: "text", lines: timetable(seen) },
    ]
}

fn diagram(start: Option<Name>, edges: &BTreeSet<(Edge, Cause)>) -> Vec<String> {
    let mut lines = Vec::from(["stateDiagram-v2".to_string()]);
    lines.extend(start.map(|start| format!("    [*] --> {start:?}")));
    let mut merged: BTreeMap<Edge, Vec<Cause>> = BTreeMap::new();
    for (edge, cause) in edges {
        merged.entry(*edge).or_default().push(*cause);
    }
    let name = |state: Option<Name>| state.map_or("[*]".to_string(), |state| format!("{state:?}"));
    for ((from, to), causes) in merged {
        lines.push(format!("    {} --> {}: {}", name(from), name(to), list(&causes)));
    }
    lines
}

/// What happens to each deadline, and why.
fn timetable(seen: &Seen) -> Vec<String> {
    let mut lines = Vec::new();
    for timer in Timer::ALL {
        let name = Name::of(&timer);
        let mut title = name.as_str();
        for (ticking, word) in
            [(Ticking::Starts, "starts"), (Ticking::Restarts, "starts again"), (Ticking::Stops, "stops")]
        {
            let of_it = seen.timers.iter().filter(|(timer, other, _)| (*timer, *other) == (name, ticking));
            let causes: Vec<Cause> = of_it.map(|(_, _, cause)| *cause).collect();
            if causes.is_empty() {
                continue;
            }
            let text = list_commands(&causes, &seen.commands);
            wrap(&format!("{title:<12} {word:<15} "), &text, &mut lines);
            title = "";
        }
        let actions = seen.passing.iter().filter(|(timer, _)| *timer == name);
        let actions: Vec<&str> = actions.map(|(_, action)| action.as_str()).collect();
        wrap(&format!("{:<12} {:<15} ", "", "when it passes"), &actions.join(", "), &mut lines);
    }
    lines
}

fn list_commands(causes: &[Cause], all: &BTreeSet<Cause>) -> String {
    let (commands, others): (Vec<Cause>, Vec<Cause>) =
        causes.iter().partition(|cause| matches!(cause, Cause::Command(_)));
    if commands.len() < all.len() {
        return list(causes);
    }
    [String::from("every command"), list(&others)].join(", ")
}

fn list(causes: &[Cause]) -> String {
    causes.iter().map(Cause::to_string).collect::<Vec<_>>().join(", ")
}

/// Adds text in lines that are no longer than the others of the source.
fn wrap(title: &str, text: &str, lines: &mut Vec<String>) {
    const WIDTH: usize = 112;
    let mut line = title.to_string();
    for word in text.split_inclusive(", ") {
        if line.len() + word.trim_end().len() > WIDTH {
            lines.push(line.trim_end().to_string());
            line = " ".repeat(title.len());
        }
        line.push_str(word);
    }
    lines.push(line.trim_end().to_string());
}

impl Picture {
    /// Compares with what stands there. With `UPDATE_PICTURES=1` it is written there instead.
    pub(super) fn check(&self) -> Result<(), String> {
        let path =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("src/session/machines/{}.rs", self.file));
        let source = fs::read_to_string(&path).unwrap();
        let start = format!("//! ```{}\n", self.kind);
        let (before, rest) = source.rsplit_once(&start).ok_or_else(|| format!("{start} is missing"))?;
        let (_, after) = rest.split_once("//! ```\n").ok_or("the block has no end")?;
        let block: String = self.lines.iter().map(|line| format!("//! {line}\n")).collect();
        let right = format!("{before}{start}{block}//! ```\n{after}");
        if right == source {
            return Ok(());
        }
        if env::var_os("UPDATE_PICTURES").is_some() {
            fs::write(&path, right).unwrap();
            return Ok(());
        }
        Err(format!("the picture in {} should be\n{start}{block}//! ```", path.display()))
    }
}
