//! Temporary files that a process has left behind because it was killed.

use std::{io, vec, vec::Vec};

use cap_std::fs::{Dir, DirEntry, OpenOptions, ReadDir};

use super::{
    super::hidden_name::{is_hidden, is_temporary},
    system::{self, Lock},
};

/// How deep below the root to look for leftovers, because each level keeps a directory open.
const DEPTH_LIMIT: usize = 64;

/// A walk through all directories below the root that removes leftovers. Symbolic links are not followed.
///
/// It holds no more than one open directory for each level, however many entries there are.
#[derive(Debug)]
pub(super) struct Walk {
    levels: Vec<ReadDir>,
}

/// Whether a walk has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Underway,
    Done,
}

impl Walk {
    pub(super) fn new(root: &Dir) -> io::Result<Self> {
        Ok(Self { levels: vec![root.entries()?] })
    }

    /// Looks at so many entries. What cannot be read or removed stays: it may be somebody else's.
    pub(super) fn advance(&mut self, entries: usize) -> Progress {
        for _ in 0..entries {
            let Some(level) = self.levels.last_mut() else { return Progress::Done };
            match level.next() {
                Some(Ok(entry)) if is_temporary(entry.file_name().as_encoded_bytes()) => {
                    remove_if_left(&entry);
                }
                Some(Ok(entry)) if self.levels.len() < DEPTH_LIMIT && is_directory(&entry) => {
                    if let Ok(entries) = entry.open_dir().and_then(|directory| directory.entries()) {
                        self.levels.push(entries);
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    self.levels.pop();
                }
            }
        }
        Progress::Underway
    }
}

/// What is in a directory beside leftovers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remains {
    /// Something that clients see, or that did not come from here.
    Entries,
    /// Files that are just being stored.
    Uploads,
    /// Nothing.
    Nothing,
}

/// Removes the leftovers from a directory in which there is nothing else.
pub(super) fn remove(directory: &Dir) -> io::Result<Remains> {
    for entry in directory.entries()? {
        if !is_hidden(entry?.file_name().as_encoded_bytes()) {
            return Ok(Remains::Entries);
        }
    }
    let mut remains = Remains::Nothing;
    for entry in directory.entries()? {
        let entry = entry?;
        match is_temporary(entry.file_name().as_encoded_bytes()) {
            true if remove_if_left(&entry) => {}
            true => remains = Remains::Uploads,
            false => return Ok(Remains::Entries),
        }
    }
    Ok(remains)
}

fn is_directory(entry: &DirEntry) -> bool {
    match entry.file_type() {
        Ok(file_type) if file_type.is_dir() => true,
        Ok(file_type) if file_type.is_file() || file_type.is_symlink() => false,
        // Not every file system tells the type along with the name.
        _ => entry.metadata().is_ok_and(|metadata| metadata.is_dir()),
    }
}

/// Removes a temporary file that no process holds the lock of; whether it is gone.
fn remove_if_left(entry: &DirEntry) -> bool {
    let mut options = OpenOptions::new();
    let Ok(file) = entry.open_with(system::never_follow(options.read(true).write(true))) else {
        return false;
    };
    let file = file.into_std();
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    // The lock is held until the name is gone, so that a process that has just made the file notices.
    is_file && matches!(system::lock(&file), Ok(Lock::Taken)) && entry.remove_file().is_ok()
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::{format, fs};

    use cap_std::ambient_authority;

    use super::*;

    #[test]
    fn a_walk_can_be_made_in_steps_and_ends() {
        let folder = tempfile::tempdir().unwrap();
        let mut levels = std::vec![folder.path().to_path_buf()];
        for number in 0..100 {
            let parent = &levels[number / 3];
            fs::write(parent.join(format!(".sansftp-{number:016x}")), "").unwrap();
            fs::write(parent.join(format!("file {number}")), "").unwrap();
            levels.push(parent.join(format!("directory {number}")));
            fs::create_dir(&levels[number + 1]).unwrap();
        }
        std::os::unix::fs::symlink("..", folder.path().join("directory 0/up")).unwrap();

        let mut walk =
            Walk::new(&Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap()).unwrap();
        let mut steps = 0;
        while walk.advance(1) == Progress::Underway {
            steps += 1;
        }
        assert!((300..500).contains(&steps), "{steps}");
        assert_eq!(walk.advance(10), Progress::Done);
        for level in levels {
            let mut names = fs::read_dir(level).unwrap().map(|entry| entry.unwrap().file_name());
            assert!(names.all(|name| !is_temporary(name.as_encoded_bytes())));
        }
    }

    #[test]
    fn a_walk_goes_so_deep_and_no_deeper() {
        let folder = tempfile::tempdir().unwrap();
        let mut path = folder.path().to_path_buf();
        for _ in 0..DEPTH_LIMIT + 5 {
            path.push("d");
        }
        fs::create_dir_all(&path).unwrap();
        let mut walk =
            Walk::new(&Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap()).unwrap();
        let mut deepest = 0;
        while walk.advance(1) == Progress::Underway {
            deepest = deepest.max(walk.levels.len());
        }
        assert_eq!(deepest, DEPTH_LIMIT);
    }
}
