//! Whether a layer passes on what it does not change.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt::Debug;

use super::{
    breach::{Breach, ContractBroken},
    ground::path,
    innermost::{
        CONTENT, Call, Fails, Innermost, MODE, NAME, OFFSET, OTHER, PICKED, PLACEMENTS, ROOM, SENTENCE, WHY,
        metadata, page, site_call, stored, time,
    },
    operation::Operation,
};
use crate::storage::{Download, Listing, OpenedUpload, Storage, StorageError, StorageErrorKind, Upload};

/// Checks that a layer around a store passes on what it does not change: each call with what was asked, and each answer and
/// error with all that is in it.
///
/// `layer` puts the layer around the store that it is given. The names, contents and times that are used are ordinary
/// ones. To test what the layer itself does, run [`store_contract`](super::store_contract) with the layer around the store
/// in memory. A layer that gives every file another name or another content cannot be checked by this.
///
/// ```
/// # use sansftp::{Layer, Storage, unchanged};
/// # struct Archive;
/// # impl<S: Storage> Layer<S> for Archive {
/// #     unchanged!(S: Upload, Download, Listing);
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// sansftp::testing::layer_contract(|inner| Archive.around(inner)).await.unwrap();
/// # }
/// ```
///
/// # Errors
///
/// What the layer loses or changes, a [`Breach`] for each call.
pub async fn layer_contract<S: Storage>(layer: impl Fn(Innermost) -> S) -> Result<(), ContractBroken> {
    layer_contract_without(&[], layer).await
}

/// Checks a layer that refuses or changes the operations in `changed`, and passes on the others.
///
/// # Errors
///
/// As those of [`layer_contract`].
pub async fn layer_contract_without<S: Storage>(
    changed: &[Operation],
    layer: impl Fn(Innermost) -> S,
) -> Result<(), ContractBroken> {
    let mut breaches = Vec::new();
    let parts = [Call::NextPage, Call::Read, Call::Write, Call::Prepare, Call::Finish].map(Fails::Only);
    for fails in [Fails::Nothing, Fails::Everything].into_iter().chain(parts) {
        for can_stop in [false, true] {
            let innermost = Innermost::new(fails, can_stop);
            let store = layer(innermost.clone());
            let mut check = Check { innermost, changed, breaches: &mut breaches };
            // Boxed, or the future of this function would hold the states of all checks.
            Box::pin(check.requests(&store)).await;
            Box::pin(check.uploads(&store)).await;
        }
    }
    ContractBroken::unless_empty(breaches)
}

struct Check<'a> {
    innermost: Innermost,
    changed: &'a [Operation],
    breaches: &'a mut Vec<Breach>,
}

impl Check<'_> {
    async fn requests(&mut self, store: &impl Storage) {
        use Operation::*;
        let (name, other) = (&path(NAME), &path(OTHER));
        self.expect(&[], Call::Stat, store.stat(name).await, metadata());
        if let Some(mut listing) = self.opened(Call::List, store.list(name).await) {
            self.expect(&[], Call::NextPage, listing.next_page().await, page());
        }
        if let Some(mut download) = self.opened(Call::OpenDownload, store.open_download(name, OFFSET).await) {
            self.expect(&[], Call::Read, download.read(CONTENT.len()).await, CONTENT);
        }
        self.expect(&[MakeDirectory], Call::MakeDirectory, store.make_directory(name).await, ());
        self.expect(&[RemoveDirectory], Call::RemoveDirectory, store.remove_directory(name).await, ());
        self.expect(&[RemoveFile], Call::RemoveFile, store.remove_file(name).await, ());
        self.expect(&[RenameFile, RenameDirectory], Call::Rename, store.rename(name, other).await, ());
        self.expect(&[SetModified], Call::SetModified, store.set_modified(name, time()).await, ());
        self.expect(&[SetMode], Call::SetMode, store.set_mode(name, MODE).await, ());
        self.expect(&[Available], Call::Available, store.available(name).await, ROOM);
        self.expect(&[], Call::Site, store.site(site_call()).await, NAME.into());
    }

    async fn uploads(&mut self, store: &impl Storage) {
        for (placement, size, operation) in PLACEMENTS {
            if operation.is_some_and(|operation| self.changed.contains(&operation)) {
                continue;
            }
            for is_finished in [true, false] {
                let opened = store.open_upload(&path(NAME), placement, Some(size)).await;
                let Some(OpenedUpload { mut upload, pathname, offset }) =
                    self.opened(Call::OpenUpload, opened)
                else {
                    continue;
                };
                if pathname != path(PICKED) || offset != OFFSET {
                    self.find(
                        Call::OpenUpload,
                        format!("opened {pathname} at {offset} instead of what the store did"),
                    );
                }
                let is_over = !self.expect(&[], Call::Write, upload.write(CONTENT).await, ())
                    || !self.expect(&[], Call::Prepare, upload.prepare().await, ());
                if is_over {
                    // As behind every error of the two.
                    upload.abort(WHY).await;
                    self.expect_noticed(Call::Abort);
                    continue;
                }
                upload.handle_missing_close_notify();
                self.expect_noticed(Call::HandleMissingCloseNotify);
                if upload.finish_can_stop() && !Upload::finish_can_stop(&self.innermost) {
                    self.find(Call::Finish, "says that a finish can stop that cannot".into());
                }
                if is_finished {
                    self.expect(&[], Call::Finish, upload.finish().await, stored());
                } else {
                    upload.abort(WHY).await;
                    self.expect_noticed(Call::Abort);
                }
            }
        }
    }

    /// What was opened, if the store opened it.
    fn opened<T>(&mut self, call: Call, result: Result<T, StorageError>) -> Option<T> {
        if self.is_refused(call, result.as_ref().err()) {
            return None;
        }
        self.expect_noticed(call);
        match result {
            Ok(opened) if !self.innermost.refuses(call) => return Some(opened),
            Ok(_) => self.find(call, "opened what the store did not open".into()),
            Err(error) => self.find(call, format!("failed: {error}")),
        }
        None
    }

    /// Whether the call went well, as far as the store is concerned.
    fn expect<T: PartialEq + Debug>(
        &mut self,
        operations: &[Operation],
        call: Call,
        result: Result<T, StorageError>,
        expected: T,
    ) -> bool {
        if operations.iter().any(|operation| self.changed.contains(operation)) {
            self.innermost.take_notice_of(call);
            return true;
        }
        if self.is_refused(call, result.as_ref().err()) {
            return false;
        }
        self.expect_noticed(call);
        match result {
            Ok(answer) if !self.innermost.refuses(call) && answer == expected => {}
            Ok(answer) => self.find(call, format!("answered {answer:?} instead of what the store did")),
            Err(error) => self.find(call, format!("failed: {error}")),
        }
        true
    }

    /// Whether a call failed as the store lets it. If all calls fail, it may have been another one that the layer made
    /// first.
    fn is_refused(&mut self, call: Call, error: Option<&StorageError>) -> bool {
        let is_the_stores =
            |error: &StorageError| error.kind() == StorageErrorKind::Busy && error.message() == SENTENCE;
        let is_refused = self.innermost.refuses(call) && error.is_some_and(is_the_stores);
        if is_refused {
            self.innermost.take_notice_of(call);
        }
        is_refused
    }

    fn expect_noticed(&mut self, call: Call) {
        if !self.innermost.take_notice_of(call) {
            self.find(call, "does not reach the store as it was asked".to_string());
        }
    }

    fn find(&mut self, call: Call, finding: String) {
        let breach = Breach::new(call.rule(), finding);
        if !self.breaches.contains(&breach) {
            self.breaches.push(breach);
        }
    }
}
