//! The fuzz targets, without a fuzzer: what is in `fuzz/corpus/` and `fuzz/regressions/` goes through the same code.
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code"
)]
#![allow(clippy::duplicate_mod, reason = "each target has its modules to itself, as in its fuzz binary")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

#[path = "targets/address.rs"]
mod address;
#[path = "targets/ascii.rs"]
mod ascii;
#[path = "targets/command.rs"]
mod command;
#[cfg(feature = "adapters")]
#[path = "targets/driver.rs"]
mod driver;
#[allow(dead_code, reason = "other tests use the rest of the laws")]
#[path = "laws/mod.rs"]
mod laws;
#[path = "targets/line.rs"]
mod line;
#[path = "targets/listing.rs"]
mod listing;
#[allow(dead_code, reason = "each test uses its part")]
mod notation;
#[path = "targets/pathname.rs"]
mod pathname;
#[path = "targets/pattern.rs"]
mod pattern;
#[allow(dead_code, reason = "the laws look at what it records, too")]
#[path = "targets/session.rs"]
mod session;
#[cfg(feature = "adapters")]
#[path = "simulation/mod.rs"]
mod simulation;
#[path = "targets/time_value.rs"]
mod time_value;

/// A target and its body.
type Target = (&'static str, fn(&[u8]));

const TARGETS: &[Target] = &[
    ("address", address::run),
    ("ascii", ascii::run),
    ("command", command::run),
    #[cfg(feature = "adapters")]
    ("driver", driver::run),
    ("line", line::run),
    ("listing", listing::run),
    ("pathname", pathname::run),
    ("pattern", pattern::run),
    ("session", session::run),
    ("time_value", time_value::run),
];

/// Targets that this build cannot run.
const LEFT_OUT: &[&str] = if cfg!(feature = "adapters") { &[] } else { &["driver"] };

/// So that a checkout stays small: a corpus is minimised before it is committed.
const FILE_SIZE_LIMIT: usize = 1024;
const FILES_LIMIT: usize = 100;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// What is in a folder, in the order of names; nothing if it is not there.
fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).into_iter().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn stems(folder: &str) -> BTreeSet<String> {
    let paths = list(Path::new(folder)).into_iter();
    paths.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

fn names() -> BTreeSet<String> {
    TARGETS.iter().map(|(name, _)| *name).chain(LEFT_OUT.iter().copied()).map(str::to_owned).collect()
}

/// The output of a test that fails ends with the file that it failed for.
fn replay(folder: &Path, run: fn(&[u8])) -> usize {
    let files = list(folder);
    for file in &files {
        println!("{}", file.display());
        run(&fs::read(file).unwrap());
    }
    files.len()
}

#[test]
fn corpora_pass() {
    for (name, run) in TARGETS {
        assert!(replay(&Path::new("fuzz/corpus").join(name), *run) > 0, "{name} has no corpus");
    }
}

/// Each was found by a fuzzer, and is named by the defect that it showed.
#[test]
fn regressions_pass() {
    for (name, run) in TARGETS {
        replay(&Path::new("fuzz/regressions").join(name), *run);
    }
}

/// However little a body is given, it has nothing to complain about.
#[test]
fn short_inputs_pass() {
    for (_, run) in TARGETS {
        for length in 0..64 {
            for byte in [0, b'\n', 0x7F, 0xFF] {
                run(&vec![byte; length]);
            }
        }
    }
}

#[test]
fn corpora_are_small() {
    for name in names() {
        let files = list(&Path::new("fuzz/corpus").join(&name));
        assert!((1..=FILES_LIMIT).contains(&files.len()), "the corpus of {name} has {} files", files.len());
        for file in files {
            let size = fs::read(&file).unwrap().len();
            assert!(size <= FILE_SIZE_LIMIT, "{} has {size} bytes", file.display());
        }
    }
}

#[test]
fn nothing_belongs_to_no_target() {
    let names = names();
    assert_eq!(stems("fuzz/corpus"), names);
    assert_eq!(stems("fuzz/fuzz_targets"), names);
    let strange: Vec<_> = stems("fuzz/regressions").difference(&names).cloned().collect();
    assert!(strange.is_empty(), "{strange:?}");
    for folder in list(Path::new("fuzz/regressions")) {
        assert!(!list(&folder).is_empty(), "{} is empty", folder.display());
    }
}

#[test]
fn every_target_is_built_from_its_body_and_explained() {
    let (manifest, readme) = (read("fuzz/Cargo.toml"), read("README.md"));
    assert_eq!(manifest.matches("\n[[bin]]\n").count(), names().len());
    for name in names() {
        assert!(
            manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"\n")),
            "{name}"
        );
        let source = read(format!("fuzz/fuzz_targets/{name}.rs"));
        let body = format!("\"../../tests/targets/{name}.rs\"");
        assert!(source.contains(&body) && source.contains(&format!("{name}::run(data)")), "{source}");
        assert!(readme.contains(&format!("\n| `{name}` | ")), "README.md does not explain the target {name}");
    }
}
