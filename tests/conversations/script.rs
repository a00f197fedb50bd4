//! Reads the text scripts.

use std::time::Duration;

use crate::notation::words::{parse_duration, unescape};

/// A line of a script.
#[derive(Debug, Clone)]
pub struct Step {
    /// Where it stands, e.g. `stor.txt:12`.
    pub place: String,
    /// The line itself.
    pub text: String,
    pub kind: StepKind,
}

#[derive(Debug, Clone)]
pub enum StepKind {
    /// The client sends these bytes.
    Send(Vec<u8>),
    /// This is what the session says or does next; it begins with `S: ` or `A: `.
    Expect(String),
    /// This happens.
    Happen(String),
    /// Time passes.
    Pass(Duration),
    /// A setting of the server; it holds for the whole conversation.
    Set { field: String, value: String },
    /// From here on, `RepliesSent` comes only where the script says so.
    WithholdRepliesSent,
    /// The session wants input, or does not.
    WantsInput(bool),
    /// So long from now is the next deadline.
    NextDeadline(Option<Duration>),
}

/// A named conversation, with the conversations that it comes after already put in front.
#[derive(Debug)]
pub struct Conversation {
    pub name: String,
    pub steps: Vec<Step>,
}

/// Reads a file; `states` is the file whose conversations every `@after` may name.
pub fn parse(file: &str, text: &str, states: &[Conversation]) -> Result<Vec<Conversation>, String> {
    let mut conversations: Vec<Conversation> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let place = format!("{file}:{number}");
        if let Some(name) = line.strip_prefix("## ") {
            let name = name.trim().to_owned();
            if conversations.iter().chain(states).any(|other| other.name == name) {
                return Err(format!("{place}: {name:?} is there already"));
            }
            conversations.push(Conversation { name, steps: Vec::new() });
            continue;
        }
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        let (current, earlier) = conversations
            .split_last_mut()
            .ok_or_else(|| format!("{place}: a conversation begins with a heading: ## its name"))?;
        if let Some(name) = line.strip_prefix("@after ") {
            let found = earlier.iter().chain(states).find(|other| other.name == name.trim());
            let found = found.ok_or_else(|| format!("{place}: no conversation {name:?} before this one"))?;
            current.steps.extend(found.steps.iter().cloned());
        } else {
            let kind = parse_step(line).map_err(|error| format!("{place}: {error}: {line}"))?;
            current.steps.push(Step { place, text: line.to_owned(), kind });
        }
    }
    Ok(conversations)
}

fn parse_step(line: &str) -> Result<StepKind, String> {
    let (sign, rest) = line.split_once([' ', ':']).unwrap_or((line, ""));
    let argument = rest.strip_prefix(' ').unwrap_or(rest);
    Ok(match sign {
        "C" => StepKind::Send([unescape(argument)?, b"\r\n".to_vec()].concat()),
        "C~" => StepKind::Send(unescape(argument)?),
        "S" | "A" => StepKind::Expect(format!("{sign}: {argument}")),
        "E" => StepKind::Happen(argument.to_owned()),
        "@config" => {
            let (field, value) = argument.split_once('=').ok_or("@config wants field=value")?;
            StepKind::Set { field: field.to_owned(), value: value.to_owned() }
        }
        "@withhold" => StepKind::WithholdRepliesSent,
        "@wants-input" => StepKind::WantsInput(parse_yes(argument)?),
        "@deadline" if argument == "none" => StepKind::NextDeadline(None),
        "@deadline" => StepKind::NextDeadline(Some(parse_duration(argument)?)),
        _ => match sign.strip_prefix('+') {
            Some(time) => StepKind::Pass(parse_duration(time)?),
            None => return Err("not a step".into()),
        },
    })
}

fn parse_yes(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("neither yes nor no".into()),
    }
}
