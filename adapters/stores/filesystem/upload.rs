//! Files that are stored.

use core::{cmp::Ordering, mem};
use std::{path::Path, sync::Arc, vec::Vec};

use bytes::Bytes;
use cap_std::fs::Dir;

use super::{
    commit_point::CommitPoint,
    copying::Copying,
    directory_sync::DirectorySync,
    file_state::State,
    options::{Durability, OnAbort},
    parts::Claim,
    pooled::Pooled,
    root::Root,
    start::Start,
    system,
    target::{Target, changed},
    temporary::Temporary,
};
use crate::{
    pathname::Pathname,
    storage::{AbortReason, OpenedUpload, Placement, StorageError, StorageErrorKind, Stored, Upload},
};

/// Bytes that are collected before they are written, so that small chunks do not each take a way through the pool.
const BUFFER_SIZE: usize = 64 * 1024;

/// A file of a [`Filesystem`](super::Filesystem) that is being stored.
///
/// Its bytes go to a hidden temporary file, see [`Filesystem`](super::Filesystem). Up to 64 KiB of them wait in memory
/// for more, so a small file takes two calls in the pool, opening and finishing it, and a third one where its end is
/// [prepared](Upload::prepare): then it is written and synced, and what is left to the finish is its name. A chunk is
/// written while the next ones arrive, so an error comes with the next write to the file, or with the end.
///
/// A finish whose future is dropped before it renamed the file leaves what was there before. One that is just about to
/// rename it goes through with that, so [`finish_can_stop`](Upload::finish_can_stop) is false.
#[derive(Debug)]
pub struct FilesystemUpload {
    unwritten: Vec<u8>,
    /// What waits for the write before it.
    next: Bytes,
    sink: Pooled<Sink, Result<(), StorageError>>,
    /// What stays of the file that the upload continues.
    copying: Option<Copying>,
    /// As the sink knows it, which may be at work elsewhere.
    durability: Durability,
}

#[derive(Debug)]
struct Sink {
    root: Root,
    temporary: Temporary,
    position: u64,
    /// Whether what was written has been synced, so that the finish need not.
    is_synced: bool,
    target: Target,
    /// If it is one that this upload goes on with.
    part: Option<Claim>,
}

/// Opens an upload. What stays of the present file is copied from then on.
pub(super) fn open(
    root: &Root,
    path: &Pathname,
    placement: Placement,
    announced: Option<u64>,
) -> Result<OpenedUpload<FilesystemUpload>, StorageError> {
    root.refuse_if_read_only()?;
    let hint = path.name().ok_or(StorageErrorKind::IsADirectory)?;
    let (parent, target, pathname, start) = match placement {
        Placement::Unique => {
            let parent = root.parent(path)?;
            let (target, pathname) = Target::unique(path, &parent, hint)?;
            (parent, target, pathname, None)
        }
        _ => {
            let real = root.resolve_link(path)?;
            let parent = root.parent(&real)?;
            let (target, start) = Target::at(root, &real, &parent, placement)?;
            (parent, target, path.clone(), start)
        }
    };
    let start = start.map(Arc::new);
    let offset = start.as_ref().map_or(0, |start| start.length());
    refuse_if_no_room(&parent, announced.unwrap_or(0).saturating_sub(offset))?;

    let taken = start.as_ref().and_then(|start| take_over(root, &parent, target.name(), start));
    let (temporary, part, copying) = match taken {
        Some((temporary, claim)) => (temporary, Some(claim), None),
        None => {
            let temporary = match target.is_replacement() {
                true => Temporary::create_private(parent)?,
                false => Temporary::create(parent)?,
            };
            let handle = start.as_ref().map(|_| temporary.seekable()).transpose()?;
            (
                temporary,
                None,
                start.clone().zip(handle).map(|(start, to)| Copying::begin(&root.pool, start, to)),
            )
        }
    };
    let target = match (placement, &part) {
        (Placement::Append, None) => target.unless_changed(start),
        (Placement::Append, Some(_)) => target.unless_replaced(),
        _ => target,
    };
    let sink = Sink { root: root.clone(), temporary, position: offset, is_synced: false, target, part };
    let upload = FilesystemUpload {
        unwritten: Vec::new(),
        next: Bytes::new(),
        sink: Pooled::new(&root.pool, Some(sink)),
        copying,
        durability: root.durability,
    };
    Ok(OpenedUpload { upload, pathname, offset })
}

/// The part of a file that `name` has, if all of it is to stay: an upload may write behind it, by a second, hidden name.
/// `None` if it is no part, or somebody else uses it.
///
/// It keeps its own name meanwhile, so a client that comes back on another connection finds it, and so does one that comes
/// after the server was killed.
fn take_over(root: &Root, directory: &Arc<Dir>, name: &Path, start: &Start) -> Option<(Temporary, Claim)> {
    let part = start.whole().filter(|_| root.on_abort == OnAbort::KeepPartial)?;
    let _turn = root.take_turn();
    let claim = root.parts.claim(part)?;
    match Temporary::of_part(Arc::clone(directory), name, part) {
        Ok(temporary) => temporary.map(|temporary| (temporary, claim)),
        Err(error) => {
            tracing::debug!(%error, "a part of a file is copied, since it cannot be continued as it is");
            None
        }
    }
}

/// Refuses what has no room for sure. A copy of what stays may take none, so only the writes will tell about that.
fn refuse_if_no_room(directory: &Dir, needed: u64) -> Result<(), StorageError> {
    if needed > 0
        && let Ok(Some(available)) = system::available(directory)
        && needed > available
    {
        return Err(StorageErrorKind::NoSpace.into());
    }
    Ok(())
}

impl Sink {
    /// Does some work, and gives itself back unless that failed.
    fn attempt(
        mut self,
        work: impl FnOnce(&mut Self) -> Result<(), StorageError>,
    ) -> (Option<Self>, Result<(), StorageError>) {
        match work(&mut self) {
            Ok(()) => (Some(self), Ok(())),
            Err(error) => (None, Err(error)),
        }
    }

    fn append(&mut self, pieces: [&[u8]; 2]) -> Result<(), StorageError> {
        self.refuse_if_part_changed()?;
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            self.is_synced = false;
            system::write_all_at(self.temporary.file(), piece, self.position)?;
            self.position += piece.len() as u64;
        }
        Ok(())
    }

    /// Writes the rest.
    fn write_out(&mut self, rest: &[u8]) -> Result<(), StorageError> {
        self.append([rest, &[]])?;
        match self.temporary.file().metadata()?.len().cmp(&self.position) {
            Ordering::Equal => Ok(()),
            // What stays ends in a hole, and nothing has followed it.
            Ordering::Less if self.part.is_none() => {
                self.is_synced = false;
                Ok(self.temporary.file().set_len(self.position)?)
            }
            Ordering::Less | Ordering::Greater => Err(changed()),
        }
    }

    /// Everybody sees a part by its name, so somebody else may have made it longer, or shorter: then what follows would
    /// stand behind a hole.
    fn refuse_if_part_changed(&self) -> Result<(), StorageError> {
        match self.part.is_some() && self.temporary.file().metadata()?.len() != self.position {
            true => Err(changed()),
            false => Ok(()),
        }
    }

    /// Makes what was written survive a power cut, if that is wanted.
    fn sync(&mut self) -> Result<(), StorageError> {
        if self.root.durability == Durability::Sync && !self.is_synced {
            self.temporary.file().sync_data()?;
        }
        self.is_synced = true;
        Ok(())
    }

    /// Writes the rest and puts the file in place, unless `point` was passed before.
    fn finish(mut self, rest: &[u8], point: &CommitPoint) -> Result<Stored, StorageError> {
        self.write_out(rest)?;
        self.sync()?;
        let directory = DirectorySync::beside(&self.temporary, self.root.durability)?;
        self.target.take(&mut self.temporary, &self.root.turn, point)?;
        directory.sync("The file is in place, but might not survive a power cut: store it again.")?;
        Ok(Stored::default())
    }

    /// Removes what has come, or keeps it, as the store was told.
    fn abort(mut self, rest: &[Bytes; 2], why: AbortReason) {
        let is_wanted = !matches!(why, AbortReason::Refused | AbortReason::StoreFailed);
        if self.root.on_abort == OnAbort::KeepPartial
            && is_wanted
            && self.position + rest.iter().map(|piece| piece.len() as u64).sum::<u64>() > 0
            && let Err(error) =
                self.append(rest.each_ref().map(|piece| &piece[..])).and_then(|()| self.keep())
        {
            tracing::debug!(%error, "nothing more is kept of an upload that was aborted");
        }
    }

    fn keep(mut self) -> Result<(), StorageError> {
        let Some(claim) = self.part.take() else {
            self.target.take_if_free(&mut self.temporary, &self.root.turn)?;
            let left = State::of(self.temporary.file())?;
            // It is left when nobody has it open any more.
            drop(self.temporary);
            self.root.parts.leave(left);
            return Ok(());
        };
        let left = State::of(self.temporary.file())?;
        if self.temporary.is_named(self.target.name())? {
            drop(self.temporary);
            claim.leave(left);
        }
        Ok(())
    }
}

impl FilesystemUpload {
    /// Waits for the write that is under way.
    async fn settle(&mut self) -> Result<(), StorageError> {
        self.sink.settle().await.unwrap_or(Ok(()))
    }
}

impl Upload for FilesystemUpload {
    async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.copying.as_ref().map_or(Ok(()), Copying::check)?;
        if self.unwritten.len() + chunk.len() < BUFFER_SIZE {
            self.unwritten.extend_from_slice(&chunk);
            return Ok(());
        }
        // It is not lost if this is dropped now.
        self.next = chunk;
        self.settle().await?;
        let (unwritten, chunk) = (mem::take(&mut self.unwritten), mem::take(&mut self.next));
        match self.sink.start(move |sink| sink.attempt(|sink| sink.append([&unwritten, &chunk]))) {
            true => Ok(()),
            false => Err(StorageErrorKind::Failed.into()),
        }
    }

    async fn prepare(&mut self) -> Result<(), StorageError> {
        self.copying.as_ref().map_or(Ok(()), Copying::check)?;
        self.settle().await?;
        if self.unwritten.is_empty() && self.durability == Durability::Rename {
            return Ok(());
        }
        let unwritten = mem::take(&mut self.unwritten);
        // What is still being copied could not be synced along.
        let is_all_there = self.copying.as_ref().is_none_or(Copying::is_done);
        let prepare = move |sink: &mut Sink| {
            sink.write_out(&unwritten)?;
            if is_all_there { sink.sync() } else { Ok(()) }
        };
        let prepared = self.sink.run(move |sink| sink.attempt(prepare)).await;
        prepared.unwrap_or_else(|| Err(StorageErrorKind::Failed.into()))
    }

    async fn finish(mut self) -> Result<Stored, StorageError> {
        let copied = match self.copying.take() {
            Some(copying) => copying.finish().await,
            None => Ok(()),
        };
        let (point, _cancel_on_drop) = CommitPoint::new();
        self.settle().await?;
        let sink = self.sink.take().await.ok_or(StorageErrorKind::Failed)?;
        let rest = mem::take(&mut self.unwritten);
        let pool = sink.root.pool.clone();
        pool.run(move || copied.and_then(|()| sink.finish(&rest, &point))).await
    }

    async fn abort(mut self, why: AbortReason) {
        if let Some(copying) = self.copying.take() {
            copying.stop().await;
        }
        if let Err(error) = self.settle().await {
            tracing::debug!(%error, "nothing is kept of an upload that was aborted");
        }
        if let Some(sink) = self.sink.take().await {
            let rest = [Bytes::from(mem::take(&mut self.unwritten)), mem::take(&mut self.next)];
            let pool = sink.root.pool.clone();
            pool.run(move || sink.abort(&rest, why)).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, thread, time::Duration};

    use super::*;

    fn open_upload(folder: &tempfile::TempDir, placement: Placement) -> Sink {
        let path = Pathname::root().join(b"file").unwrap();
        let mut opened = open(&Root::open(folder.path()).unwrap(), &path, placement, None).unwrap();
        ready(opened.upload.sink.take()).unwrap()
    }

    /// Nothing is in the pool, so the future is ready at once.
    fn ready<T>(future: impl Future<Output = T>) -> T {
        let mut future = core::pin::pin!(future);
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        match future.as_mut().poll(&mut context) {
            core::task::Poll::Ready(value) => value,
            core::task::Poll::Pending => panic!("the pool is at work"),
        }
    }

    fn names(folder: &tempfile::TempDir) -> usize {
        fs::read_dir(folder.path()).unwrap().count()
    }

    #[test]
    fn a_finish_that_is_cancelled_before_its_commit_point_changes_nothing() {
        for placement in [Placement::Replace, Placement::Append, Placement::Unique] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("file"), "old").unwrap();
            let sink = open_upload(&folder, placement);
            let (point, guard) = CommitPoint::new();
            drop(guard);
            sink.finish(b"new", &point).unwrap_err();
            assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"old");
            assert_eq!(names(&folder), 1);
        }
    }

    #[test]
    fn a_finish_that_is_cancelled_after_its_commit_point_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "old").unwrap();
        let sink = open_upload(&folder, Placement::Replace);
        let (point, guard) = CommitPoint::new();
        sink.finish(b"new", &point).unwrap();
        assert!(point.is_passed());
        drop(guard);
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"new");
    }

    #[test]
    fn what_is_prepared_is_synced_until_more_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut sink = open_upload(&folder, Placement::Replace);
        for more in [&b"some"[..], b"more", b""] {
            sink.write_out(more).unwrap();
            assert_eq!(sink.is_synced, more.is_empty());
            sink.sync().unwrap();
            assert!(sink.is_synced);
        }
        sink.finish(b"", &CommitPoint::new().0).unwrap();
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"somemore");
    }

    /// The client may have stored the same file again meanwhile, and have read its 226.
    #[test]
    fn a_finish_that_is_cancelled_while_it_waits_for_its_turn_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "old").unwrap();
        let sink = open_upload(&folder, Placement::Replace);
        let turn = Arc::clone(&sink.root.turn);
        let held = turn.lock().unwrap();
        let (point, guard) = CommitPoint::new();
        let finishing = thread::spawn(move || sink.finish(b"new", &point));
        thread::sleep(Duration::from_millis(100));
        drop(guard);
        drop(held);
        finishing.join().unwrap().unwrap_err();
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"old");
        assert_eq!(names(&folder), 1);
    }
}
