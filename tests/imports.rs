//! Who may import whom, read from the source files: the rooms of ARCHITECTURE.md, kept shut.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]

#[path = "imports/circles.rs"]
mod circles;
#[path = "imports/source.rs"]
mod source;

use std::{
    fs,
    path::{Path, PathBuf},
};

use circles::{circles, tests_of};
use source::{code_of, identifiers, module_of, paths, resolve};

/// Modules by storey, the lowest first: the grammar of both connections; stores, accounts and their listings; settings;
/// the session; all I/O, from runtimes to the server; and what stores are tested with. A module imports from its own storey and below.
const STOREYS: [&[&str]; 12] = [
    &["address", "command", "dtp", "instant", "line", "pathname", "pattern", "reply", "time_value"],
    &["accounts", "any_storage", "layer", "listing", "storage"],
    &["config"],
    &["session::action", "session::event"],
    &["session::machines"],
    &["session::server_pi"],
    &["session::commands"],
    &["session"],
    &["adapters::blocking_pool", "adapters::runtimes", "adapters::signal", "adapters::tls"],
    &["adapters::accounts", "adapters::driver", "adapters::stores"],
    &["adapters::server"],
    &["adapters", "testing"],
];

/// The adapters' files that are each for one runtime, and what two of them have in common.
const RUNTIMES: [&str; 4] = ["async_io", "async_std", "smol", "tokio"];

#[test]
fn nobody_imports_from_above() {
    let sources = sources();
    let tests: Vec<_> = sources.iter().flat_map(|(file, source)| tests_of(file, source)).collect();
    let foreign = foreign_crates();
    let mut offences = Vec::new();
    for (file, source) in sources {
        if !tests.iter().any(|test| module_of(&file).starts_with(test)) {
            offences.extend(offences_in(&file, &source, &foreign));
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn nobody_imports_in_a_circle() {
    let circles = circles(&sources());
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn every_circle_is_found() {
    let cases: [(&[(&str, &str)], &str); 7] = [
        (
            &[("src/a.rs", "use crate::b::B;"), ("src/b.rs", "fn f() { super::a::g() }")],
            "a circle: a imports b imports a",
        ),
        (
            &[
                ("src/a.rs", "use crate::b::c::C;"),
                ("src/b/c.rs", "#[cfg(test)]\nmod tests {} use crate::{d::{self, D}, e::E};"),
                ("src/d.rs", "fn f(a: super::a::A) {}"),
                ("src/e.rs", ""),
            ],
            "a circle: a imports b::c imports d imports a",
        ),
        (
            &[("src/a/mod.rs", "mod b; fn f() { b::g() }"), ("src/a/b.rs", "use super::*;")],
            "a circle: a imports a::b imports a",
        ),
        (
            &[("src/a/mod.rs", "mod b; pub use self::b::B;"), ("src/a/b.rs", "use crate::a::A;")],
            "a circle: a imports a::b imports a",
        ),
        (&[("src/a.rs", "use crate::{a, b::{self}}; mod c { fn f() {} }"), ("src/b.rs", "")], ""),
        (&[("src/a/mod.rs", "use self::b::f;"), ("src/a/b.rs", "pub(in crate::a) fn f() {}")], ""),
        (
            &[
                ("src/a/mod.rs", "mod b;\n#[cfg(test)]\nmod c;\nfn f() { self::b::f() }"),
                (
                    "src/a/b.rs",
                    "pub(super) fn f() {}\n#[cfg(all(test, unix))]\nmod tests { use crate::a::A; }",
                ),
                ("src/a/c.rs", "use super::*;"),
            ],
            "",
        ),
    ];
    for (files, expected) in cases {
        let sources: Vec<_> = files.iter().map(|(file, text)| (file.to_string(), text.to_string())).collect();
        assert_eq!(circles(&sources).join("\n"), expected, "{files:?}");
    }
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
        ("src/config/mod.rs", "use crate::session::commands::rules;", "imports session::commands"),
        ("src/session/machines/timer.rs", "use super::super::commands::rules;", "imports session::commands"),
        ("src/session/commands/site.rs", "use crate::session::Action;", "imports session"),
        ("src/reply.rs", "#[cfg(test)]\nmod tests;\nuse crate::storage::Metadata;", "imports storage"),
        ("src/session/machines/login.rs", "use super::timer::Timer;", "imports another machine, timer"),
        (
            "src/session/machines/login.rs",
            "struct Login {\n    pub(crate) state: u8,\n}",
            "shows a machine's state",
        ),
        (
            "src/session/machines/login.rs",
            "pub(crate) struct Login(pub(crate) u8);",
            "shows a machine's state",
        ),
        ("src/session/machines/login.rs", "pub(crate) enum State { A }", "shows a machine's state"),
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
        ("adapters/driver/mod.rs", "use super::server::Server;", "imports adapters::server"),
        ("adapters/tls/stream.rs", "use crate::adapters::driver::serve;", "imports adapters::driver"),
        ("adapters/server/mod.rs", "use crate::adapters::Runtime;", "imports adapters, which is above it"),
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
            "src/session/machines/login.rs",
            "pub(crate) struct Login {\n    state: State,\n}\nenum State {}\npub(crate) enum Effect { Refuse }\n\
             impl Login {\n    pub(crate) const MOST: u8 = 3;\n    pub(crate) fn f(state: u8) {}\n}",
        ),
        ("src/session/mod.rs", "pub(in crate::adapters) fn f() {}"),
        ("src/layer.rs", "macro_rules! m { () => { $crate::m! { @ x } $crate::storage::f() } }"),
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

/// All files of the library with their names, from the root of the repository.
fn sources() -> Vec<(String, String)> {
    let files = ["src", "adapters"].into_iter().flat_map(|folder| rust_files(&root().join(folder)));
    let name = |file: &Path| file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    let sources: Vec<_> = files.map(|file| (name(&file), fs::read_to_string(&file).unwrap())).collect();
    assert!(sources.len() > 20, "only {} files were found", sources.len());
    sources
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
    let code = code_of(source);
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
    if file.starts_with("src/session/machines/") {
        offences.extend(shown_states(&code).map(|line| format!("{file} shows a machine's state: {line}")));
    }
    offences.extend(import_offences(file, &module, &code));
    offences.sort();
    offences.dedup();
    offences
}

/// Fields and states of a machine that others could assign or name. That nobody does is then held by the compiler.
fn shown_states(code: &str) -> impl Iterator<Item = &str> {
    let is_shown = |line: &&str| {
        let Some(rest) = line.strip_prefix("pub") else { return line.contains("(pub") };
        let item =
            if rest.starts_with('(') { rest.split_once(')').map_or("", |(_, item)| item) } else { rest };
        let is_state = ["enum State ", "enum Phase "].iter().any(|state| item.trim().starts_with(state));
        let field = item.split_once(": ").map_or("", |(name, _)| name.trim());
        let is_field =
            !field.is_empty() && field.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase());
        is_state || is_field || item.contains("(pub")
    };
    code.lines().map(str::trim).filter(is_shown)
}

fn import_offences(file: &str, module: &[String], code: &str) -> Vec<String> {
    if module.is_empty() {
        return Vec::new(); // lib.rs names all
    }
    let Some((storey, _)) = storey_of(module) else {
        return vec![format!("{file} has no storey in tests/imports.rs")];
    };
    let machine = |path: &[String]| match path {
        [session, machines, name, ..] if session == "session" && machines == "machines" => Some(name.clone()),
        _ => None,
    };
    let mut offences = Vec::new();
    for import in paths(code).iter().filter_map(|path| resolve(path, module)) {
        let Some(first) = import.first() else { continue };
        match storey_of(&import) {
            None => offences.push(format!("{file} imports {first} by its flat name; use its module")),
            Some((other, name)) if other > storey => {
                offences.push(format!("{file} imports {name}, which is above it"));
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

/// The storey of a path, and by whose name it has it: the longest one that it begins with.
fn storey_of(path: &[String]) -> Option<(usize, &'static str)> {
    let path = path.join("::") + "::";
    let names =
        STOREYS.iter().enumerate().flat_map(|(storey, names)| names.iter().map(move |name| (storey, *name)));
    names.filter(|(_, name)| path.starts_with(&format!("{name}::"))).max_by_key(|(_, name)| name.len())
}
