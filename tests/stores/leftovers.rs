//! What a process that was killed has left behind.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use sansftp::{
    adapters::stores::Filesystem,
    storage::{Placement, Storage, StorageErrorKind::*, Upload},
    time_value::TimeValue,
};

use crate::steps::*;

const FOLDER: &str = "SANSFTP_TEST_FOLDER";

fn temporary_files(folder: &Path) -> Vec<String> {
    let entries =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    entries.filter(|name| name.starts_with(".sansftp-")).collect()
}

/// Has another process store files into the folder, and kills it in the middle.
fn kill_while_storing(folder: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["leftovers::store_until_killed", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("storing")));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Only for [`kill_while_storing`], which sets the folder.
#[tokio::test]
#[ignore = "the part of the process that is killed"]
async fn store_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let store = Filesystem::open(folder).unwrap();
    let _first = begin(&store, "/file", Placement::Replace, pattern(1_000_000, 2)).await;
    let _second = begin(&store, "/file", Placement::Append, pattern(1_000_000, 2)).await;
    let _third = begin(&store, "/directory/file", Placement::Replace, pattern(1_000_000, 2)).await;
    println!("storing");
    std::thread::sleep(std::time::Duration::from_secs(600));
}

#[tokio::test]
async fn a_killed_process_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let old = pattern(300_000, 1);
    fs::write(folder.path().join("file"), &old).unwrap();
    fs::create_dir(folder.path().join("directory")).unwrap();
    kill_while_storing(folder.path());
    assert_eq!(temporary_files(folder.path()).len(), 2);
    assert_eq!(temporary_files(&folder.path().join("directory")).len(), 1);

    let store = Filesystem::open(folder.path()).unwrap();
    assert_eq!(temporary_files(folder.path()).len(), 0);
    assert_eq!(temporary_files(&folder.path().join("directory")).len(), 0);
    assert!(get(&store, "/file").await == old);
    assert_eq!(names(&store, "/").await, ["directory", "file"]);
    put(&store, "/file", "new").await;
}

#[tokio::test]
async fn a_directory_with_leftovers_only_can_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store = Filesystem::open(folder.path()).unwrap();
    make(&store, "/directory").await;
    kill_while_storing_in(folder.path()).await;
    assert_eq!(temporary_files(&folder.path().join("directory")).len(), 1);
    assert!(names(&store, "/directory").await.is_empty());
    store.remove_directory(&path("/directory")).await.unwrap();
}

async fn kill_while_storing_in(folder: &Path) {
    fs::write(folder.join("file"), "content").unwrap();
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || kill_while_storing(&folder)).await.unwrap();
}

#[tokio::test]
async fn files_that_are_being_stored_are_no_leftovers() {
    let folder = tempfile::tempdir().unwrap();
    let first = Filesystem::open(folder.path()).unwrap();
    make(&first, "/directory").await;
    let upload = begin(&first, "/directory/file", Placement::Replace, pattern(200_000, 1)).await;
    let second = Filesystem::open(folder.path()).unwrap();
    assert_eq!(kind(second.remove_directory(&path("/directory")).await), Busy);
    upload.finish().await.unwrap();
    assert!(get(&second, "/directory/file").await == pattern(200_000, 1));
}

#[tokio::test]
async fn names_of_temporary_files_are_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    let store = Filesystem::open(folder.path()).unwrap();
    let _upload = begin(&store, "/file", Placement::Replace, pattern(200_000, 1)).await;
    put(&store, "/other", "content").await;
    let present = temporary_files(folder.path()).remove(0);
    fs::create_dir(folder.path().join(".sansftp-directory")).unwrap();
    fs::write(folder.path().join(".sansftp-directory/file"), "content").unwrap();
    assert_eq!(names(&store, "/").await, ["other"]);

    for name in [&present, ".sansftp-", ".sansftp-new", ".SANSFTP-new", ".sansftp-directory"] {
        let name = path(name);
        assert_eq!(kind(store.stat(&name).await), NotFound);
        assert_eq!(kind(store.list(&name).await), NotFound);
        assert_eq!(kind(store.open_download(&name, 0).await), NotFound);
        assert_eq!(kind(store.remove_file(&name).await), NotFound);
        assert_eq!(kind(store.remove_directory(&name).await), NotFound);
        assert_eq!(kind(store.set_mode(&name, 0o644).await), NotFound);
        assert_eq!(kind(store.set_modified(&name, TimeValue::from_unix(0, 0)).await), NotFound);
        assert_eq!(kind(store.available(&name).await), NotFound);
        assert_eq!(kind(store.rename(&name, &path("/stolen")).await), NotFound);
        assert_eq!(kind(store.rename(&path("/other"), &name).await), NameRefused);
        assert_eq!(kind(store.make_directory(&name).await), NameRefused);
        for placement in
            [Placement::Replace, Placement::Append, Placement::Resume { offset: 1 }, Placement::Unique]
        {
            assert_eq!(kind(store.open_upload(&name, placement, None).await), NameRefused);
        }
    }
    let below = path("/.sansftp-directory/file");
    assert_eq!(kind(store.stat(&below).await), NotFound);
    assert_eq!(kind(store.open_download(&below, 0).await), NotFound);
    assert_eq!(kind(store.open_upload(&below, Placement::Replace, None).await), NotFound);
    assert_eq!(kind(store.make_directory(&path("/.sansftp-directory/new")).await), NotFound);
    assert_eq!(kind(store.rename(&path("/other"), &path("/.sansftp-directory/new")).await), NotFound);
}

#[tokio::test]
async fn only_what_looks_like_a_leftover_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let keep = [
        ".sansftp-notes",
        ".sansftp-0123456789abcdef.txt",
        "sansftp-0123456789abcdef",
        ".sansftp-0123456789ABCDEF0",
    ];
    for name in keep {
        fs::write(folder.path().join(name), "somebody's").unwrap();
    }
    let directory = folder.path().join(".sansftp-0123456789abcdef");
    fs::create_dir(&directory).unwrap();
    fs::write(folder.path().join("elsewhere"), "somebody's").unwrap();
    std::os::unix::fs::symlink("elsewhere", folder.path().join(".sansftp-00000000000000aa")).unwrap();
    fs::write(folder.path().join(".sansftp-00000000000000bb"), "nobody's").unwrap();

    let store = Filesystem::open(folder.path()).unwrap();
    assert!(keep.iter().all(|name| folder.path().join(name).is_file()) && directory.is_dir());
    assert!(folder.path().join("elsewhere").is_file());
    assert!(!folder.path().join(".sansftp-00000000000000bb").exists());

    // Not seen, but not the store's to remove either.
    make(&store, "/directory").await;
    fs::write(folder.path().join("directory/.sansftp-notes"), "somebody's").unwrap();
    assert_eq!(kind(store.remove_directory(&path("/directory")).await), NotEmpty);
}
