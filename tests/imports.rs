//! Who may import whom, read from the source files: the rooms of ARCHITECTURE.md, kept shut.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "test code")]

use std::{
    fs,
    iter::Peekable,
    path::{Path, PathBuf},
};

/// Modules by storey, the lowest first: the grammar of both connections; stores, accounts and their listings; the
/// session and its settings; all I/O, and what stores are tested with. A module imports from its own storey and below.
const STOREYS: [&[&str]; 4] = [
    &["address", "command", "dtp", "instant", "line", "pathname", "pattern", "reply", "time_value"],
    &["accounts", "listing", "storage"],
    &["config", "session"],
    &["adapters", "testing"],
];

/// The machines in `src/session/machines`, which do not know each other.
const MACHINES: [&str; 6] = ["data_connection", "detached", "login", "security", "timer", "transfer"];

/// Folders of `src` that are compiled for its tests only, which may use what they like.
const TESTS: [&str; 1] = ["src/session/exploration"];

/// The adapters' files that are each for one runtime, and what two of them have in common.
const RUNTIMES: [&str; 4] = ["async_io", "async_std", "smol", "tokio"];

#[test]
fn nobody_imports_from_above() {
    let mut offences = Vec::new();
    let mut files = 0;
    for folder in ["src", "adapters"] {
        let is_test = |file: &PathBuf| TESTS.iter().any(|tests| file.starts_with(root().join(tests)));
        for file in rust_files(&root().join(folder)).into_iter().filter(|file| !is_test(file)) {
            let source = fs::read_to_string(&file).unwrap();
            let name = file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            offences.extend(offences_in(&name, &source, &foreign_crates()));
            files += 1;
        }
    }
    assert!(files > 20, "only {files} files were found");
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn every_rule_can_be_broken() {
    let foreign = foreign_crates();
    assert!(foreign.iter().any(|name| name == "futures_io"), "{foreign:?}");
    let cases = [
        ("src/reply.rs", "use crate::storage::Metadata;", "imports storage"),
        ("src/reply.rs", "use crate::{\n    line::Line,\n    listing::{self, Facts},\n};", "imports listing"),
        ("src/storage/error.rs", "fn f(x: super::super::session::Event) {}", "imports session"),
        ("src/storage/mod.rs", "use super::config::Config;", "imports config"),
        ("src/session/machines/login.rs", "use super::timer::Timer;", "imports another machine, timer"),
        (
            "src/session/machines/timer.rs",
            "use crate::session::machines::transfer;",
            "imports another machine, transfer",
        ),
        ("src/session/mod.rs", "use crate::adapters::Server;", "imports adapters"),
        ("src/session/mod.rs", "use std::time::Instant;", "names std"),
        ("src/line.rs", "fn f() { ::std::process::exit(0) }", "names std"),
        ("src/line.rs", "use tokio::net;", "names tokio"),
        ("src/config/mod.rs", "use crate::Session;", "imports Session by its flat name"),
        ("adapters/runtimes/tokio.rs", "use crate::session::{Action, Session};", "names Session"),
        ("adapters/runtimes/smol.rs", "use crate::session::Session;", "names Session"),
        ("adapters/runtimes/async_io.rs", "fn f(session: &mut driver::Session) {}", "names Session"),
        ("adapters/driver/mod.rs", "fn f() { tokio::spawn(g()); }", "names tokio"),
        ("adapters/driver/mod.rs", "use super::runtimes::smol::Smol;", "names smol"),
        ("adapters/runtimes/sockets.rs", "use async_io::Async;", "names async_io"),
        ("src/novelty.rs", "", "has no storey"),
    ];
    for (file, source, expected) in cases {
        let offences = offences_in(file, source, &foreign);
        let [offence] = &offences[..] else { panic!("{file}: {source}: {offences:?}") };
        assert!(offence.contains(expected), "{offence:?} should say {expected:?}");
    }
}

#[test]
fn what_is_allowed_is_no_offence() {
    let cases = [
        ("src/reply.rs", "//! use std::io;\nuse core::fmt; /* std::io /* nested */ crate::session */"),
        ("src/reply.rs", "const TEXT: &str = \"\\\"std::io\"; const RAW: &str = r#\"\"crate::session::x\"#;"),
        (
            "src/reply.rs",
            "fn f() -> char { '\"' }\nfn g<'a>(x: &'a str) -> &'a str { x }\nconst Q: u8 = b'\\'';",
        ),
        (
            "src/reply.rs",
            "use crate::line;\n#[cfg(test)]\nmod tests { use std::vec; use crate::session::Session; }",
        ),
        (
            "src/session/mod.rs",
            "use self::machines::{login::Login, timer::Timer}; use crate::{config::Config, line::Line};",
        ),
        ("src/session/machines/login.rs", "use crate::{accounts::Credentials, session::action::Action};"),
        (
            "adapters/driver/mod.rs",
            "use std::io; use crate::{adapters::runtimes::Runtime, session::Session};",
        ),
        ("adapters/runtimes/tokio.rs", "use tokio::net::TcpStream; use super::runtime::Runtime;"),
        ("adapters/runtimes/mod.rs", "mod tokio; pub use self::tokio::Tokio;"),
    ];
    for (file, source) in cases {
        assert_eq!(offences_in(file, source, &foreign_crates()), [""; 0], "{file}: {source}");
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// What `src` must not name: std, and every crate that only the adapters have.
fn foreign_crates() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let optional = manifest.lines().filter(|line| line.contains("optional = true"));
    let names = optional.filter_map(|line| line.split(" =").next()).map(|name| name.replace('-', "_"));
    names.chain(["std".to_owned()]).collect()
}

/// Every rule that the file breaks, as a sentence.
fn offences_in(file: &str, source: &str, foreign: &[String]) -> Vec<String> {
    let code = without_tests(&without_comments_and_strings(source));
    let module = module_of(file);
    let mut offences = Vec::new();
    if file.starts_with("src/") {
        let paths = paths(&code);
        let names = paths.iter().filter_map(|path| path.first());
        let named: Vec<_> = foreign.iter().filter(|name| names.clone().any(|other| other == *name)).collect();
        offences.extend(named.into_iter().map(|name| format!("{file} names {name}")));
    }
    let stem = module.last().map_or("", String::as_str);
    if module.first().is_some_and(|name| name == "adapters") {
        let forbidden: &[&str] = match stem {
            "runtimes" => &[], // which has them all
            _ if RUNTIMES.contains(&stem) => &["Session"],
            _ => &RUNTIMES,
        };
        let named = forbidden.iter().filter(|name| identifiers(&code).any(|other| other == **name));
        offences.extend(named.map(|name| format!("{file} names {name}")));
    }
    offences.extend(import_offences(file, &module, &code));
    offences.sort();
    offences.dedup();
    offences
}

fn import_offences(file: &str, module: &[String], code: &str) -> Vec<String> {
    let Some(own) = module.first() else { return Vec::new() }; // lib.rs names all
    let Some(storey) = storey_of(own) else {
        return vec![format!("{file} has no storey in tests/imports.rs")];
    };
    let machine = |path: &[String]| match path {
        [session, machines, name, ..] if session == "session" && machines == "machines" => {
            MACHINES.into_iter().find(|machine| name == machine)
        }
        _ => None,
    };
    let mut offences = Vec::new();
    for import in paths(code).iter().filter_map(|path| resolve(path, module)) {
        let Some(target) = import.first() else { continue };
        match storey_of(target) {
            None => offences.push(format!("{file} imports {target} by its flat name; use its module")),
            Some(other) if other > storey => {
                offences.push(format!("{file} imports {target}, which is above it"));
            }
            Some(_) => {}
        }
        match (machine(module), machine(&import)) {
            (Some(own), Some(other)) if own != other => {
                offences.push(format!("{file} imports another machine, {other}"));
            }
            _ => {}
        }
    }
    offences
}

fn storey_of(module: &str) -> Option<usize> {
    STOREYS.iter().position(|modules| modules.contains(&module))
}

/// `src/session/login.rs` is `session::login`, `adapters/mod.rs` is `adapters`, `src/lib.rs` is the root.
fn module_of(file: &str) -> Vec<String> {
    let path = file.trim_end_matches(".rs").trim_start_matches("src/");
    path.split('/').filter(|segment| !["mod", "lib"].contains(segment)).map(str::to_owned).collect()
}

/// The path from the crate's root, if it is one of this crate that says so.
fn resolve(path: &[String], module: &[String]) -> Option<Vec<String>> {
    let mut base = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" | "super" => module.to_vec(),
        _ => return None,
    };
    for segment in path {
        match segment.as_str() {
            "crate" | "self" => {}
            "super" => drop(base.pop()),
            _ => base.push(segment.clone()),
        }
    }
    Some(base)
}

/// All paths of at least two segments, those in braces each for itself.
fn paths(code: &str) -> Vec<Vec<String>> {
    let tokens: Vec<&str> = tokens(code);
    let mut paths = Vec::new();
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        if is_identifier(token) && rest.peek() == Some(&"::") {
            read_path(&mut vec![token.to_owned()], &mut rest, &mut paths);
        }
    }
    paths
}

fn read_path<'a>(
    prefix: &mut Vec<String>,
    rest: &mut Peekable<impl Iterator<Item = &'a str>>,
    paths: &mut Vec<Vec<String>>,
) {
    let length = prefix.len();
    while rest.next_if_eq(&"::").is_some() {
        match rest.peek() {
            Some(token) if is_identifier(token) => prefix.extend(rest.next().map(str::to_owned)),
            Some(&"{") => {
                rest.next();
                while let Some(token) = rest.next_if(|token| *token != "}") {
                    if is_identifier(token) {
                        prefix.push(token.to_owned());
                        read_path(prefix, rest, paths);
                        prefix.pop();
                    }
                }
                rest.next();
                prefix.truncate(length);
                return;
            }
            _ => break, // a glob or a turbofish
        }
    }
    paths.push(prefix.clone());
    prefix.truncate(length);
}

fn is_identifier(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn identifiers(code: &str) -> impl Iterator<Item = &str> {
    // A module is declared by its name without being used.
    let declared = |tokens: &[&str], at: usize| at > 0 && tokens[at - 1] == "mod";
    let tokens = tokens(code);
    let kept: Vec<&str> = (0..tokens.len())
        .filter(|&at| is_identifier(tokens[at]) && !declared(&tokens, at))
        .map(|at| tokens[at])
        .collect();
    kept.into_iter()
}

/// Identifiers, `::`, and every other character for itself.
fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let length = if word > 0 {
            word
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        let (token, behind) = rest.split_at(length);
        tokens.push(token);
        rest = behind.trim_start();
    }
    tokens
}

/// Unit tests stand at the end of a file and may use what they like.
fn without_tests(code: &str) -> String {
    code.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned()
}

fn without_comments_and_strings(source: &str) -> String {
    let mut code = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let is_after_word = code.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        let skipped = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest, 1),
            'r' if !is_after_word || code.ends_with('b') => raw_string(rest),
            '\'' => character(rest),
            _ => 0,
        };
        if skipped > 0 {
            rest = &rest[skipped..];
        } else {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    code
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

fn string(text: &str, start: usize) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(start) {
        match character {
            '"' if !escaped => return at + 1,
            _ => escaped = character == '\\' && !escaped,
        }
    }
    text.len()
}

/// The length of `r"…"` or `r#"…"#`; 0 if it is only a word that begins with an r.
fn raw_string(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    text[2 + hashes..].find(&end).map_or(text.len(), |at| 2 + hashes + at + end.len())
}

/// The length of a character literal; 0 if it is a lifetime.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            let _ = characters.next();
            characters.find(|(_, character)| *character == '\'').map_or(0, |(at, _)| at + 1)
        }
        Some(_) => characters.next().filter(|(_, character)| *character == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}
