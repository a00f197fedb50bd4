//! What is there when an upload is opened, and what of it may be replaced when it is finished.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use cap_std::fs::Dir;

use super::{
    super::unique_name::{random_number, unique_name},
    commit_point::CommitPoint,
    file_state::State,
    likeness::Likeness,
    names,
    root::Root,
    start::Start,
    temporary::Temporary,
};
use crate::{
    pathname::Pathname,
    storage::{Placement, StorageError, StorageErrorKind},
};

/// How often to look for a name that nothing has.
const ATTEMPTS_LIMIT: usize = 16;

/// The name that an upload gets.
#[derive(Debug)]
pub(super) struct Target {
    name: PathBuf,
    /// The file that has the name when the upload is opened.
    replaced: Option<Likeness>,
    condition: Condition,
}

/// What may have the name when the upload is finished.
#[derive(Debug)]
enum Condition {
    /// Whatever there is: the last one wins.
    Anything,
    /// Nothing. The name was made for this upload.
    Nothing,
    /// What the upload continues, `None` if that was nothing: appending must not undo what came in between.
    Unchanged(Option<Arc<Start>>),
    /// The part that the upload is going on with, for the same reason.
    Part,
}

impl Target {
    /// A target for `STOU`, in the directory of `path`, and its pathname.
    pub(super) fn unique(
        path: &Pathname,
        parent: &Dir,
        hint: &[u8],
    ) -> Result<(Self, Pathname), StorageError> {
        names::new_name(hint)?;
        for _ in 0..ATTEMPTS_LIMIT {
            let bytes = unique_name(hint, random_number());
            let name = names::new_name(&bytes)?;
            match parent.symlink_metadata(name) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let directory = path.parent().unwrap_or_else(Pathname::root);
                    let pathname = directory.join(&bytes).map_err(|_| StorageErrorKind::NameRefused)?;
                    let target = Self { name: name.into(), replaced: None, condition: Condition::Nothing };
                    return Ok((target, pathname));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(StorageErrorKind::Busy.into())
    }

    /// The target at `path`, and what stays of what is there.
    pub(super) fn at(
        root: &Root,
        path: &Pathname,
        parent: &Dir,
        placement: Placement,
    ) -> Result<(Self, Option<Start>), StorageError> {
        let name = names::new_name(path.name().ok_or(StorageErrorKind::IsADirectory)?)?;
        let entry = parent.symlink_metadata(name);
        let state = entry.as_ref().ok().map(State::new);
        let is_file = root.is_replaceable(path, parent, name, entry)?;
        let start = match (placement, state.filter(|_| is_file)) {
            (Placement::Replace | Placement::Unique | Placement::Resume { offset: 0 }, _)
            | (Placement::Append, None) => None,
            (Placement::Resume { .. }, None) => return Err(StorageErrorKind::BadOffset.into()),
            (Placement::Resume { offset }, Some(entry)) => {
                Some(Start::open(root, path, entry, Some(offset))?)
            }
            (Placement::Append, Some(entry)) => Some(Start::open(root, path, entry, None)?),
        };
        let replaced = Likeness::of(parent, name)?.map(Likeness::closed);
        if start.is_some() && replaced.is_none() {
            // It was exchanged just now, and nobody knows any more who may read what stays.
            return Err(changed());
        }
        let condition = Condition::Anything;
        Ok((Self { name: name.into(), replaced, condition }, start))
    }

    /// The same target, if it still is what `start` was taken from when the upload is finished.
    pub(super) fn unless_changed(self, start: Option<Arc<Start>>) -> Self {
        Self { condition: Condition::Unchanged(start), ..self }
    }

    /// The same target, if it still is the part that the upload appends to when that is finished.
    pub(super) fn unless_replaced(self) -> Self {
        Self { condition: Condition::Part, ..self }
    }

    pub(super) fn name(&self) -> &Path {
        &self.name
    }

    /// Whether there was a file of that name.
    pub(super) const fn is_replacement(&self) -> bool {
        self.replaced.is_some()
    }

    /// Gives the temporary file its name, unless `point` was passed before. `turn` is held so that what is looked at is
    /// what is replaced, as far as it is this store that replaces it.
    ///
    /// The point is passed when there is nothing left to wait for: a finish that was given up must not replace what its
    /// client has stored since.
    pub(super) fn take(
        &self,
        temporary: &mut Temporary,
        turn: &Mutex<()>,
        point: &CommitPoint,
    ) -> Result<(), StorageError> {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        let is_in_place = temporary.is_named(&self.name)?;
        if !is_in_place {
            self.make_like_replaced(temporary)?;
        }
        if !point.pass() {
            return Err(StorageError::new(StorageErrorKind::Failed, "The file was given up."));
        }
        if is_in_place {
            return Ok(());
        }
        let taken = match &self.condition {
            Condition::Anything => temporary.replace(&self.name),
            Condition::Nothing => temporary.place(&self.name),
            Condition::Unchanged(None) => match temporary.place(&self.name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(changed()),
                placed => placed,
            },
            Condition::Unchanged(Some(start)) if start.is_unchanged(temporary.directory(), &self.name)? => {
                temporary.replace(&self.name)
            }
            Condition::Unchanged(Some(_)) | Condition::Part => return Err(changed()),
        };
        taken.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let sentence = "The directory was removed while the file was stored.";
                StorageError::new(StorageErrorKind::Failed, sentence).with_source(error)
            }
            _ => error.into(),
        })
    }

    /// Who may use the file is asked anew, because that may have been changed while the file came.
    fn make_like_replaced(&self, temporary: &Temporary) -> io::Result<()> {
        let present = match self.condition {
            Condition::Nothing => None,
            Condition::Anything | Condition::Unchanged(_) | Condition::Part => {
                Likeness::of(temporary.directory(), &self.name)?
            }
        };
        present.as_ref().or(self.replaced.as_ref()).map_or(Ok(()), |like| like.give(temporary.file()))
    }

    /// Gives the temporary file its name, unless something has it, or had it when the upload was opened.
    pub(super) fn take_if_free(
        &self,
        temporary: &mut Temporary,
        turn: &Mutex<()>,
    ) -> Result<(), StorageError> {
        let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
        match self.replaced {
            Some(_) => Err(StorageErrorKind::AlreadyExists.into()),
            None => Ok(temporary.place(&self.name)?),
        }
    }
}

pub(super) fn changed() -> StorageError {
    let sentence = "The file was changed meanwhile, so nothing was appended; try again.";
    StorageError::new(StorageErrorKind::Busy, sentence)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What stays might else be read by everybody, for the rights are those of the file that has the name.
    #[test]
    fn a_file_that_is_exchanged_while_it_is_opened_is_not_continued() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("private"), "content").unwrap();
        // As if the name had become a link after it was looked where that leads.
        std::os::unix::fs::symlink("private", folder.path().join("file")).unwrap();
        let root = Root::open(folder.path()).unwrap();
        let path = Pathname::root().join(b"file").unwrap();
        for placement in [Placement::Append, Placement::Resume { offset: 7 }] {
            let refused = Target::at(&root, &path, &root.directory, placement).unwrap_err();
            assert_eq!(refused.kind(), StorageErrorKind::Busy, "{placement:?}");
        }
    }
}
