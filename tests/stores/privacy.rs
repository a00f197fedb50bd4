//! After an upload, and during it, nobody may read or write the file who could not before. Other users try it.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use rustix::fs::{XattrFlags, getxattr, setxattr};
use sansftp::{
    adapters::stores::Filesystem,
    storage::{Placement, Storage, Upload},
};
use tempfile::TempDir;

use crate::{apart, steps::*};

const FOLDER: &str = "SANSFTP_TEST_FOLDER";

const OWNER: u32 = 5001;
const NAMED_USER: u32 = 5002;
const NAMED_GROUP: u32 = 5500;
const GROUP: u32 = 4000;
const SERVER: u32 = 6001;
const STRANGER: u32 = 7000;

/// Who tries, as a user and a group: the owner, a member of each group, and others.
const CAST: [(u32, u32); 6] = [
    (OWNER, STRANGER),
    (STRANGER, GROUP),
    (STRANGER, SERVER),
    (STRANGER, NAMED_GROUP),
    (NAMED_USER, STRANGER),
    (STRANGER, STRANGER),
];

/// What each of the cast can do: read, write.
type Powers = [(bool, bool); CAST.len()];

/// The user, and the groups, that the server runs as.
type Identity = (u32, &'static [u32]);

const ROOT: Identity = (0, &[0]);
const ALONE: Identity = (SERVER, &[SERVER]);
const MEMBER: Identity = (SERVER, &[SERVER, GROUP]);

const LIST: &str = "system.posix_acl_access";
const DEFAULT_LIST: &str = "system.posix_acl_default";

/// An access control list as Linux takes it, out of tags, rights and numbers.
fn list(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let entry = |&(tag, rights, number): &(u16, u16, u32)| {
        [&tag.to_le_bytes()[..], &rights.to_le_bytes(), &number.to_le_bytes()].concat()
    };
    [2_u32.to_le_bytes().to_vec(), entries.iter().flat_map(entry).collect()].concat()
}

const fn user(rights: u16) -> (u16, u16, u32) {
    (1, rights, u32::MAX)
}

const fn named_user(rights: u16) -> (u16, u16, u32) {
    (2, rights, NAMED_USER)
}

const fn group(rights: u16) -> (u16, u16, u32) {
    (4, rights, u32::MAX)
}

const fn named_group(rights: u16) -> (u16, u16, u32) {
    (8, rights, NAMED_GROUP)
}

const fn mask(rights: u16) -> (u16, u16, u32) {
    (16, rights, u32::MAX)
}

const fn other(rights: u16) -> (u16, u16, u32) {
    (32, rights, u32::MAX)
}

/// Whether so many of the cast can do afterwards what they could before.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Kept {
    All,
    /// All but the owner: the file is the server's now.
    AllOthers,
    /// The named user.
    Named,
    Some,
}

#[derive(Debug)]
struct Case {
    server: Identity,
    owner: u32,
    group: u32,
    mode: u32,
    list: &'static [(u16, u16, u32)],
    default_list: &'static [(u16, u16, u32)],
    kept: Kept,
}

impl Case {
    const fn new(server: Identity, owner: u32, group: u32, mode: u32, kept: Kept) -> Self {
        Self { server, owner, group, mode, list: &[], default_list: &[], kept }
    }

    const fn list(self, list: &'static [(u16, u16, u32)]) -> Self {
        Self { list, ..self }
    }

    const fn default_list(self, default_list: &'static [(u16, u16, u32)]) -> Self {
        Self { default_list, ..self }
    }
}

const ONE_USER_MORE: &[(u16, u16, u32)] = &[user(6), named_user(6), group(0), mask(6), other(0)];
const DEFAULT: &[(u16, u16, u32)] = &[user(7), named_user(6), group(6), named_group(6), mask(7), other(6)];

const CASES: [Case; 14] = [
    Case::new(ROOT, OWNER, GROUP, 0o640, Kept::All),
    Case::new(ROOT, OWNER, GROUP, 0o660, Kept::All).list(ONE_USER_MORE),
    Case::new(ROOT, OWNER, GROUP, 0o600, Kept::All).default_list(DEFAULT),
    Case::new(ROOT, OWNER, GROUP, 0o660, Kept::All).list(ONE_USER_MORE).default_list(DEFAULT),
    // The group is not one of the server's.
    Case::new(ALONE, SERVER, GROUP, 0o660, Kept::Some),
    Case::new(ALONE, SERVER, GROUP, 0o606, Kept::Some),
    Case::new(ALONE, SERVER, GROUP, 0o664, Kept::Some).default_list(DEFAULT),
    Case::new(ALONE, SERVER, GROUP, 0o666, Kept::All),
    Case::new(ALONE, OWNER, GROUP, 0o646, Kept::Some),
    // The list can be set, and the group is one of the server's, or it is not.
    Case::new(ALONE, SERVER, SERVER, 0o660, Kept::All).list(ONE_USER_MORE),
    Case::new(ALONE, SERVER, GROUP, 0o660, Kept::Named).list(ONE_USER_MORE),
    Case::new(ALONE, SERVER, GROUP, 0o660, Kept::Named).list(&[
        user(6),
        named_user(6),
        group(6),
        named_group(0),
        mask(6),
        other(6),
    ]),
    // The owner is lost, and the group need not be.
    Case::new(MEMBER, OWNER, GROUP, 0o660, Kept::AllOthers),
    Case::new(MEMBER, OWNER, GROUP, 0o460, Kept::AllOthers).default_list(DEFAULT),
];

#[test]
fn nobody_gains_by_an_upload() {
    const TEST: &str = "privacy::nobody_gains_by_an_upload";
    if !apart::is_root() {
        return apart::skip(TEST, "only root can be all the users that it takes");
    }
    let programs = tempfile::tempdir().unwrap();
    let program = apart::program_for_all(programs.path());
    for case in &CASES {
        let folder = tempfile::tempdir().unwrap();
        prepare(case, &folder);
        let file = folder.path().join("file");
        let mut server = Server::start(&program, case.server, folder.path());
        loop {
            let step = server.next_line();
            if step == "end" {
                break;
            }
            make_file(case, &file);
            let before = powers(&file);
            server.go_on();
            assert_eq!(server.next_line(), "amid");
            let amid = powers(&temporary(folder.path()));
            assert_nobody_gains(before, amid, &format!("amid {step}, {case:?}"));
            server.go_on();
            assert_eq!(server.next_line(), "after");
            assert_ne!(fs::read(&file).unwrap(), b"old");
            let after = powers(&file);
            assert_nobody_gains(before, after, &format!("after {step}, {case:?}"));
            assert_kept(case, before, after, &step);
            server.go_on();
        }
        assert!(server.child.wait().unwrap().success());
    }
}

fn assert_nobody_gains(before: Powers, after: Powers, what: &str) {
    let gains = before.iter().zip(after).any(|(old, new)| new.0 && !old.0 || new.1 && !old.1);
    assert!(!gains, "{what}: of {CAST:?} read and write before {before:?}, then {after:?}");
}

fn assert_kept(case: &Case, before: Powers, after: Powers, step: &str) {
    let is_kept = |member: &(u32, u32)| match case.kept {
        Kept::All => true,
        Kept::AllOthers => member.0 != OWNER,
        Kept::Named => member.0 == NAMED_USER,
        Kept::Some => false,
    };
    for (number, member) in CAST.iter().enumerate().filter(|(_, member)| is_kept(member)) {
        assert_eq!(after[number], before[number], "{member:?} after {step}, {case:?}");
    }
}

fn prepare(case: &Case, folder: &TempDir) {
    chown(folder.path(), Some(case.server.0), Some(case.server.1[0])).unwrap();
    set_mode(folder.path(), 0o755);
    symlink("file", folder.path().join("link")).unwrap();
    if !case.default_list.is_empty() {
        setxattr(folder.path(), DEFAULT_LIST, &list(case.default_list), XattrFlags::empty()).unwrap();
    }
}

/// Makes it anew, so that nothing is left of what an upload before has made of it.
fn make_file(case: &Case, file: &Path) {
    let _ = fs::remove_file(file);
    fs::write(file, "old").unwrap();
    let _ = rustix::fs::removexattr(file, LIST);
    chown(file, Some(case.owner), Some(case.group)).unwrap();
    set_mode(file, case.mode);
    if !case.list.is_empty() {
        setxattr(file, LIST, &list(case.list), XattrFlags::empty()).unwrap();
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn temporary(folder: &Path) -> PathBuf {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let mut temporary = names.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(b".sansftp-"));
    temporary.next().unwrap().path()
}

fn powers(file: &Path) -> Powers {
    CAST.map(|(user, group)| {
        let script = "if (: <\"$0\"); then echo r; fi; if (: >>\"$0\"); then echo w; fi";
        let mut command = apart::as_somebody(user, &[group]);
        let output = command.args(["sh", "-c", script]).arg(file).stderr(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        (said.contains('r'), said.contains('w'))
    })
}

/// Another process that stores files, and waits for a line before each step.
struct Server {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Server {
    fn start(program: &Path, (user, groups): Identity, folder: &Path) -> Self {
        let mut command = apart::as_somebody(user, groups);
        command.arg(program).args(["privacy::store_step_by_step", "--exact", "--ignored", "--nocapture"]);
        command.env(FOLDER, folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output }
    }

    /// What it says next, beside what the tests' own program says.
    fn next_line(&mut self) -> String {
        let mut line = String::new();
        while !line.starts_with("server: ") {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the server has ended");
        }
        line.trim_start_matches("server: ").trim_end().to_owned()
    }

    fn go_on(&mut self) {
        self.input.write_all(b"\n").unwrap();
    }
}

/// Only for [`nobody_gains_by_an_upload`], which sets the folder.
#[tokio::test]
#[ignore = "the part of the process that stores"]
async fn store_step_by_step() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let say = |what: &str| {
        println!("\nserver: {what}");
        std::io::stdin().read_line(&mut String::new()).unwrap();
    };
    let store = Filesystem::open(folder).unwrap();
    let steps = [
        ("STOR", "/file", Placement::Replace),
        ("STOR to a link", "/link", Placement::Replace),
        ("APPE", "/file", Placement::Append),
        ("REST and STOR", "/file", Placement::Resume { offset: 2 }),
    ];
    for (step, name, placement) in steps {
        say(step);
        let upload = begin(&store, name, placement, pattern(200_000, 1)).await;
        say("amid");
        upload.finish().await.unwrap();
        say("after");
    }
    println!("\nserver: end");
}

#[tokio::test]
async fn who_may_use_a_file_can_be_changed_while_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let store = Filesystem::open(folder.path()).unwrap();
    for is_there in [true, false] {
        let _ = fs::remove_file(&file);
        if is_there {
            fs::write(&file, "old").unwrap();
            set_mode(&file, 0o644);
        }
        for mode in [0o600, 0o640, 0o666] {
            let upload = begin(&store, "/file", Placement::Replace, "new").await;
            fs::write(&file, "meanwhile").unwrap();
            store.set_mode(&path("/file"), mode).await.unwrap();
            upload.finish().await.unwrap();
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, mode);
        }
    }
    // One that was removed is as it was when the upload began.
    set_mode(&file, 0o600);
    let upload = begin(&store, "/file", Placement::Replace, "new").await;
    fs::remove_file(&file).unwrap();
    upload.finish().await.unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
}

/// Many clients store under another name first.
#[tokio::test]
async fn nobody_gains_by_a_rename_over_a_file() {
    if !apart::is_root() {
        return apart::skip(
            "privacy::nobody_gains_by_a_rename_over_a_file",
            "only root can be all the users that it takes",
        );
    }
    for case in &CASES {
        for (group, moved_list) in [(0, None), (GROUP, None), (SERVER, Some(DEFAULT)), (GROUP, Some(DEFAULT))]
        {
            let folder = tempfile::tempdir().unwrap();
            prepare(case, &folder);
            let (file, moved) = (folder.path().join("file"), folder.path().join("moved"));
            make_file(case, &file);
            fs::write(&moved, "new").unwrap();
            chown(&moved, None, Some(group)).unwrap();
            set_mode(&moved, 0o666);
            if let Some(entries) = moved_list {
                setxattr(&moved, LIST, &list(entries), XattrFlags::empty()).unwrap();
            }
            let before = powers(&file);
            let store = Filesystem::open(folder.path()).unwrap();
            store.rename(&path("/moved"), &path("/file")).await.unwrap();
            assert_eq!(fs::read(&file).unwrap(), b"new");
            assert_nobody_gains(before, powers(&file), &format!("{group}, {moved_list:?}, {case:?}"));
        }
    }
}

#[tokio::test]
async fn a_file_that_is_moved_gets_nothing_from_the_one_that_it_replaces() {
    let folder = tempfile::tempdir().unwrap();
    let store = Filesystem::open(folder.path()).unwrap();
    for (moved, replaced, expected) in [
        (0o600, 0o666, 0o600),
        (0o644, 0o600, 0o600),
        (0o664, 0o640, 0o640),
        (0o640, 0o777, 0o640),
        // Whether it is a program is its own affair.
        (0o755, 0o640, 0o751),
    ] {
        for (name, mode) in [("moved", moved), ("replaced", replaced)] {
            fs::write(folder.path().join(name), name).unwrap();
            set_mode(&folder.path().join(name), mode);
        }
        store.rename(&path("/moved"), &path("/replaced")).await.unwrap();
        let file = folder.path().join("replaced");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, expected);
    }
}

#[tokio::test]
async fn a_replaced_file_keeps_its_users_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Filesystem::open(folder.path()).unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "old").unwrap();
    for (name, value) in [("user.colour", "red"), ("user.empty", "")] {
        if let Err(error) = setxattr(&file, name, value.as_bytes(), XattrFlags::empty()) {
            return apart::skip("a_replaced_file_keeps_its_users_attributes", &error.to_string());
        }
    }
    for placement in [Placement::Replace, Placement::Append, Placement::Resume { offset: 2 }] {
        begin(&store, "/file", placement, "new").await.finish().await.unwrap();
        let mut value = [0; 10];
        assert_eq!(getxattr(&file, "user.colour", &mut value), Ok(3));
        assert!(value.starts_with(b"red"));
        assert_eq!(getxattr(&file, "user.empty", &mut value), Ok(0));
    }
}
