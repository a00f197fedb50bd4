//! What README.md shows is what the project has. Its programs are compiled, and the one that can run is run, as
//! documentation tests of the crate.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "test code")]

use std::{fs, path::Path};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The blocks of README.md in a language.
fn blocks(language: &str) -> Vec<String> {
    let readme = read("README.md");
    let blocks = readme.split("\n```").skip(1).step_by(2);
    blocks
        .filter_map(|block| block.strip_prefix(language)?.split_once('\n'))
        .map(|(_, code)| code.to_owned())
        .collect()
}

/// The code of an example, below its own documentation.
fn example(name: &str) -> String {
    let source = read(&format!("examples/{name}.rs"));
    let lines = source.lines().skip_while(|line| line.starts_with("//!") || line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn programs_are_the_examples() {
    let blocks = blocks("rust");
    assert_eq!(blocks.len(), 4, "three ways to use it, and one to fuzz it");
    assert_eq!(blocks[0], example("embed"));
    assert_eq!(blocks[1], example("slow_store"));
}

/// They are parts of programs that are compiled where they stand.
#[test]
fn lines_for_tls_and_for_tests_are_those_of_the_documentation() {
    let blocks = blocks("rs");
    assert_eq!(blocks.len(), 2, "{blocks:?}");
    for (lines, file) in blocks.iter().zip(["adapters/tls/handshakes.rs", "src/testing/mod.rs"]) {
        let documentation = read(file).replace("\n//! ", "\n").replace("\n/// ", "\n");
        assert!(documentation.contains(lines.as_str()), "{file} does not have {lines}");
    }
}

#[test]
fn crate_documentation_compiles_the_programs() {
    assert!(read("src/lib.rs").contains("include_str!(\"../README.md\")"), "nothing compiles README.md");
}

#[test]
fn commands_name_examples_that_exist() {
    let commands = blocks("sh");
    assert_eq!(commands.len(), 6, "{commands:?}");
    assert!(commands[0].contains("--example ftpd -- "));
    assert!(commands[1].starts_with("curl -T README.md "));
    assert!(commands[2].contains("--example ftpd -- --store s3://"), "scripts/s3 runs it");
    assert_eq!(commands[3], "cargo test");
    assert!(commands[4].contains("--example ftpd -- --store tahoe --root-cap-file root.cap"));
    let (install, fuzz) = commands[5].split_once('\n').unwrap();
    assert_eq!(install, "cargo install --locked cargo-fuzz");
    assert_eq!(fuzz, "cargo fuzz run --sanitizer none session -- -dict=fuzz/dictionary.txt");
    assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/dictionary.txt").exists());
    let readme = read("README.md");
    let links: Vec<_> = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() >= 5, "{links:?}");
    for link in links.into_iter().filter(|link| !link.starts_with("http")) {
        assert!(Path::new(env!("CARGO_MANIFEST_DIR")).join(link).exists(), "{link} is not there");
    }
}

#[test]
fn every_feature_is_in_the_table() {
    let manifest = read("Cargo.toml");
    let section = manifest.split("\n[features]\n").nth(1).unwrap().split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let readme = read("README.md");
    let mut count = 0;
    for name in names.filter(|name| *name != "default") {
        assert!(readme.contains(&format!("\n| `{name}`")), "the feature {name} is not in the table");
        count += 1;
    }
    assert!(count >= 2, "{section}");
    let version = manifest.split("rust-version = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(readme.contains(&format!("Rust {version} or later")), "README names another Rust than {version}");
}
