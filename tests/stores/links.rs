//! How the store of files lists symbolic links.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
};

use sansftp::{
    adapters::stores::{Filesystem, Links},
    pathname::Pathname,
    storage::{Entry, EntryKind, Right, Storage},
};
use tempfile::TempDir;

use crate::steps::*;

/// A file and a directory, and links to them, to nothing and to the outside.
async fn folder() -> (TempDir, Filesystem) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("root/directory/below")).unwrap();
    fs::write(folder.path().join("outside"), "secret").unwrap();
    let root = folder.path().join("root");
    fs::write(root.join("file"), "content").unwrap();
    for (name, target) in [
        ("to-file", Path::new("file")),
        ("to-directory", Path::new("directory/../directory")),
        ("to-link", Path::new("to-file")),
        ("directory/up", Path::new("../file")),
        ("to-nothing", Path::new("nothing")),
        ("to-circle", Path::new("to-circle")),
        ("to-outside", Path::new("../outside")),
        ("out-and-in", Path::new("../root/file")),
        ("absolute", &root.join("file")),
    ] {
        symlink(target, root.join(name)).unwrap();
    }
    let store = Filesystem::open(root).unwrap();
    (folder, store)
}

fn target(entry: &Entry) -> Option<&str> {
    entry.link.as_ref().map(|link| str::from_utf8(&link.target).unwrap())
}

#[tokio::test]
async fn a_link_that_leads_to_something_inside_is_listed_as_that() {
    let (folder, store) = folder().await;
    let listed = entries(&store, "/").await;
    for (name, said, kind) in [
        ("to-file", "file", EntryKind::File),
        ("to-link", "to-file", EntryKind::File),
        ("to-directory", "directory/../directory", EntryKind::Directory),
    ] {
        let entry = &listed[name.as_bytes()];
        assert_eq!(entry.metadata, store.stat(&path(name)).await.unwrap(), "{name}");
        assert_eq!((entry.metadata.kind, target(entry)), (kind, Some(said)));
        let own = fs::symlink_metadata(folder.path().join("root").join(name)).unwrap();
        let link = entry.link.as_ref().unwrap();
        assert_eq!(link.unix.unwrap().mode, 0o777);
        assert_eq!(link.modified.unwrap().unix_seconds(), own.mtime());
    }
    assert_eq!(listed[&b"to-file"[..]].metadata.size, 7);
    assert_eq!(listed[&b"file"[..]].link, None);
    let below = entries(&store, "/directory").await;
    assert_eq!(target(&below[&b"up"[..]]), Some("../file"));
    assert_eq!(below[&b"up"[..]].metadata, store.stat(&path("/file")).await.unwrap());
    // DELE takes the link, and no command a link to a directory as one.
    let permissions = listed[&b"to-directory"[..]].metadata.permissions;
    assert!(permissions.has(Right::Rename) && !permissions.has(Right::Delete), "{permissions:?}");
}

#[tokio::test]
async fn of_a_link_that_leads_nowhere_or_outside_no_target_is_told() {
    let (_folder, store) = folder().await;
    for links in [Links::Follow, Links::Show] {
        let listed = entries(&store.clone().with_links(links), "/").await;
        for name in ["to-nothing", "to-circle", "to-outside", "out-and-in", "absolute"] {
            let entry = &listed[name.as_bytes()];
            assert_eq!((entry.metadata.kind, &entry.link), (EntryKind::Symlink, &None), "{name}");
        }
    }
}

#[tokio::test]
async fn links_can_be_shown_as_links_or_hidden() {
    let (_folder, store) = folder().await;
    let listed = entries(&store.clone().with_links(Links::Show), "/").await;
    assert_eq!(listed.len(), 10);
    for (name, said) in
        [("to-file", "file"), ("to-link", "to-file"), ("to-directory", "directory/../directory")]
    {
        let entry = &listed[name.as_bytes()];
        assert_eq!((entry.metadata.kind, target(entry)), (EntryKind::Symlink, Some(said)));
    }
    let hidden = store.with_links(Links::Hide);
    assert_eq!(names(&hidden, "/").await, ["directory", "file"]);
    assert_eq!(names(&hidden, "/directory").await, ["below"]);
    // Whoever knows its name reaches what it leads to.
    assert_eq!(get(&hidden, "/to-link").await, b"content");
}

/// Walks through all that is listed as a directory, as a client does that takes a tree; how many there are.
async fn walk(store: &Filesystem) -> usize {
    let mut waiting = vec![Pathname::root()];
    let mut count = 0;
    while let Some(directory) = waiting.pop() {
        count += 1;
        assert!(count < 1000, "it goes round: {directory:?}");
        let listed = entries(store, directory.as_bytes()).await;
        let below = listed.into_values().filter(|entry| entry.metadata.kind == EntryKind::Directory);
        waiting.extend(below.map(|entry| directory.join(&entry.name).unwrap()));
    }
    count
}

#[tokio::test]
async fn no_walk_goes_round() {
    // Links with their targets, and how many directories a walk comes to.
    let cases: [(&[(&str, &str)], usize); 5] = [
        (&[("a/here", "."), ("a/up", ".."), ("top", "."), ("a/circle", "circle")], 5),
        // Of two that lead to each other's directory, each is gone through once.
        (&[("a/to-b", "../b"), ("b/to-a", "../a")], 8),
        (&[("a/to-b", "../b"), ("b/to-c", "../c"), ("c/to-a", "../a")], 13),
        // It leads to a directory whose parent is not on the way, but comes to be.
        (&[("c/to-below", "../a/below"), ("a/below/to-a", "..")], 8),
        // All to all: each order of the three, and of two, and each alone.
        (
            &[
                ("a/to-b", "../b"),
                ("a/to-c", "../c"),
                ("b/to-a", "../a"),
                ("b/to-c", "../c"),
                ("c/to-a", "../a"),
                ("c/to-b", "../b"),
            ],
            21,
        ),
    ];
    for (links, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        for directory in ["a/below", "b", "c"] {
            fs::create_dir_all(folder.path().join(directory)).unwrap();
        }
        for (name, target) in links {
            symlink(target, folder.path().join(name)).unwrap();
        }
        let count = walk(&Filesystem::open(folder.path()).unwrap()).await;
        assert_eq!(count, expected, "{links:?}");
    }
}
