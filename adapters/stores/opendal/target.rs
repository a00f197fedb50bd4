//! Where an upload goes, what may have that name when it gets there, and the writer on the way.

use std::{boxed::Box, string::String};

use opendal::{
    Buffer, ErrorKind, Metadata as ObjectMetadata, Operator, Writer,
    options::{ReadOptions, RenameOptions, WriteOptions},
};

use super::{
    super::hidden_name::temporary_name,
    error::{explain, explain_condition, found},
    key::Key,
    publication::Publication,
};
use crate::storage::{StorageError, StorageErrorKind};

/// The most that one call copies of an object.
const COPY_SIZE: u64 = 4 << 30;

/// What may have the name when the upload is finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// Whatever there is: the last one wins.
    Anything,
    /// Nothing, for the name was made for this upload.
    Nothing,
    /// Nothing, for there was nothing that could have been appended to.
    StillNothing,
    /// The content of this identity: appending must not undo what came in between.
    Unchanged(String),
}

impl Condition {
    fn explain(&self, error: opendal::Error) -> StorageError {
        match self {
            Self::Anything => explain(error),
            Self::Nothing => explain_condition(error, StorageErrorKind::AlreadyExists),
            Self::StillNothing | Self::Unchanged(_) => explain_condition(error, changed()),
        }
    }

    /// Refuses what is there by now. The service does the same in one step with putting the file in place, if it can.
    fn check(&self, present: Option<&ObjectMetadata>) -> Result<(), StorageError> {
        match (self, present) {
            (Self::Anything, _) | (Self::Nothing | Self::StillNothing, None) => Ok(()),
            (Self::Nothing, Some(_)) => Err(StorageErrorKind::AlreadyExists.into()),
            (Self::Unchanged(before), Some(now)) if now.etag() == Some(before) => Ok(()),
            (Self::StillNothing | Self::Unchanged(_), _) => Err(changed()),
        }
    }
}

fn changed() -> StorageError {
    let sentence = "The file was changed meanwhile, so nothing was appended; try again.";
    StorageError::new(StorageErrorKind::Busy, sentence)
}

/// Where an upload goes.
#[derive(Debug)]
pub(super) struct Target {
    key: Key,
    condition: Condition,
    /// Where the file is written first, if it gets its name by being renamed.
    temporary: Option<Key>,
}

impl Target {
    pub(super) fn new(key: &Key, condition: Condition, publication: Publication) -> Self {
        let temporary = (publication == Publication::ByRename).then(|| key.sibling(&temporary_name()));
        Self { key: key.clone(), condition, temporary }
    }

    pub(super) fn too_large() -> StorageError {
        StorageError::new(StorageErrorKind::OverQuota, "The file is too large for this store.")
    }

    /// Opens a writer to it, with these options and the condition as far as the service can hold it.
    pub(super) async fn open(self, operator: Operator, options: WriteOptions) -> Result<Sink, StorageError> {
        let capability = operator.info().capability();
        let mut options = options;
        let mut key = &self.key;
        match (&self.temporary, &self.condition) {
            (Some(temporary), _) => key = temporary,
            (None, Condition::Nothing | Condition::StillNothing) => {
                options.if_not_exists = capability.write_with_if_not_exists;
            }
            (None, Condition::Unchanged(etag)) => options.if_match = Some(etag.clone()),
            (None, Condition::Anything) => {}
        }
        let writer = operator.writer_options(key.file(), options).await.map_err(explain)?;
        Ok(Sink { operator, writer, is_closed: false, target: self })
    }
}

/// An upload's writer.
pub(super) struct Sink {
    operator: Operator,
    writer: Writer,
    is_closed: bool,
    target: Target,
}

/// A sink after its work, and what came of it.
pub(super) type Done = (Box<Sink>, Result<(), StorageError>);

impl Sink {
    pub(super) async fn write(mut self: Box<Self>, bytes: Buffer) -> Done {
        let written = self.writer.write(bytes).await.map_err(explain);
        (self, written)
    }

    /// Begins with the first `length` bytes of what has the name now, which the service itself copies.
    pub(super) async fn copy_start(mut self: Box<Self>, etag: String, length: u64) -> Done {
        let key = self.target.key.clone();
        let mut offset = 0;
        while offset < length {
            let end = length.min(offset + COPY_SIZE);
            let options = ReadOptions {
                range: (offset..end).into(),
                if_match: Some(etag.clone()),
                ..ReadOptions::default()
            };
            if let Err(error) = self.writer.copy_from_options(key.file(), options).await {
                return (self, Err(explain_condition(error, changed())));
            }
            offset = end;
        }
        (self, Ok(()))
    }

    /// Puts the file in place.
    pub(super) async fn finish(mut self: Box<Self>) -> Done {
        let finished = self.put_in_place().await;
        (self, finished)
    }

    async fn put_in_place(&mut self) -> Result<(), StorageError> {
        let Target { key, condition, temporary } = &self.target;
        if *condition != Condition::Anything {
            condition.check(found(self.operator.stat(key.file()).await)?.as_ref())?;
        }
        // Some services would rename the file into the directory, or put it in its place.
        if temporary.is_some() && found(self.operator.stat(&key.directory()).await)?.is_some() {
            return Err(StorageErrorKind::IsADirectory.into());
        }
        self.writer.close().await.map_err(|error| condition.explain(error))?;
        self.is_closed = true;
        let Some(temporary) = temporary else { return Ok(()) };
        let can_refuse = self.operator.info().capability().rename_with_if_not_exists;
        let options = RenameOptions { if_not_exists: *condition == Condition::Nothing && can_refuse };
        let renamed = self.operator.rename_options(temporary.file(), key.file(), options).await;
        renamed.map_err(|error| condition.explain(error))
    }

    /// Removes what has come so far.
    pub(super) async fn abort(mut self: Box<Self>) -> Done {
        let aborted = match self.is_closed {
            true => Ok(()),
            false => self.writer.abort().await,
        };
        let aborted = match aborted {
            // A file that is written in place stays as it is; it is the temporary one, and is removed below.
            Err(error) if self.target.temporary.is_some() && error.kind() == ErrorKind::Unsupported => Ok(()),
            // The service has thrown away what came.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            aborted => aborted,
        };
        let removed = match &self.target.temporary {
            Some(temporary) => self.operator.delete(temporary.file()).await,
            None => Ok(()),
        };
        if let Err(error) = aborted.and(removed) {
            tracing::warn!(key = self.target.key.file(), %error, "what came of an upload stays");
        }
        (self, Ok(()))
    }
}
