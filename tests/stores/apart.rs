//! Tests that need a process that has less rights or less room than this one: they run once more, in a child of it.
#![allow(dead_code, reason = "not all who include this need all of it")]

use std::{
    env, format, fs,
    io::{self, ErrorKind, Write as _},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    string::{String, ToString as _},
    vec::Vec,
};

/// Set in the child.
const CHILD: &str = "SANSFTP_TEST_APART";
/// A user to whom nothing belongs.
const NOBODY: u32 = 65534;

/// Whether this is the child.
pub(crate) fn is_child() -> bool {
    env::var_os(CHILD).is_some()
}

/// Whether this is root, who may do everything.
pub(crate) fn is_root() -> bool {
    tempfile::tempfile().unwrap().metadata().unwrap().uid() == 0
}

/// Runs `test`, which is the whole name of the caller, where so many files can be open at a time.
pub(crate) fn with_few_descriptors(test: &str, count: usize) {
    let mut command = Command::new("sh");
    let script = format!("ulimit -n {count} && exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(env::current_exe().unwrap());
    judge(test, &run(command, test).unwrap());
}

/// Runs `test` where a file that gets too long is an error, and not the end of the process.
pub(crate) fn without_signals_for_long_files(test: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ && exec \"$0\" \"$@\""]).arg(env::current_exe().unwrap());
    judge(test, &run(command, test).unwrap());
}

/// Runs it as a user who may do less than root.
pub(crate) fn as_nobody(test: &str) {
    // Others may not be able to reach the folder of temporary files either.
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program_for_all(folder.path()));
    command.uid(NOBODY).gid(NOBODY).current_dir(folder.path()).env("TMPDIR", folder.path());
    match run(command, test) {
        Ok(output) => judge(test, &output),
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::InvalidInput) => {
            skip(test, &format!("root cannot be another user here: {error}"));
        }
        Err(error) => panic!("{test}: {error}"),
    }
}

/// A command that runs as this user and with these groups, of which the first is its own. Only root can do that.
pub(crate) fn as_somebody(user: u32, groups: &[u32]) -> Command {
    let all = groups.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={user}"))
        .arg(format!("--regid={}", groups[0]))
        .arg(format!("--groups={all}"));
    command
}

/// This program where everybody can reach it: others may not be able to reach where it is.
///
/// Another process copies it. If this one did, a child that another test begins meanwhile could still hold the file open
/// for writing, and no system runs such a file.
pub(crate) fn program_for_all(folder: &Path) -> PathBuf {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
    let program = folder.join("tests");
    let copied = Command::new("cp").arg(env::current_exe().unwrap()).arg(&program).status().unwrap();
    assert!(copied.success(), "the tests cannot be copied: {copied}");
    program
}

/// Ends `command` with this program and a test of it, runs it, and wants the test to pass.
pub(crate) fn pass_as(mut command: Command, program: &Path, test: &str) {
    command.arg(program);
    judge(test, &run(command, test).unwrap());
}

/// Says that a test is not run. CI does not put up with that.
pub(crate) fn skip(test: &str, why: &str) {
    // What a macro prints is shown for a test that fails only.
    let _ = writeln!(io::stderr(), "{test} is NOT RUN: {why}");
    assert!(env::var_os("CI").is_none(), "{test} is not run");
}

fn run(mut command: Command, test: &str) -> io::Result<Output> {
    command.args([test, "--exact", "--nocapture"]).env(CHILD, "").stdin(Stdio::null()).output()
}

fn judge(test: &str, output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    let is_run = output.status.success() && said.contains("1 passed");
    assert!(is_run, "{test}: {}\n{said}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
}
