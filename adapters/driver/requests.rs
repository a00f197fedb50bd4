//! What the accounts and the user's store are asked, one request at a time.

use std::{
    sync::Arc,
    task::{Context, Poll, ready},
    vec::Vec,
};

use bytes::Bytes;

use super::{arranged::Arranged, journal::Record, slot::Slot, transfers::Opened};
use crate::{
    accounts::{Accounts, Credentials, Denied},
    adapters::runtimes::Runtime,
    pathname::Pathname,
    session::{Answer, FinishKind, Request, RequestId, Selection},
    storage::{Entry, Storage, StorageError, StorageErrorKind, Upload},
    time_value::TimeValue,
};

/// The request that is under way, if there is one.
pub(super) struct Requests<S: Storage> {
    running: Option<RequestId>,
    slot: Slot<Question<S>, Answered<S>>,
}

/// A request, and whom it is for, once a user is logged in.
struct Question<S> {
    request: Request,
    store: Option<Arc<S>>,
}

/// An answer, and what comes with it that the session does not get to see.
pub(super) struct Answered<S: Storage> {
    pub(super) answer: Answer,
    pub(super) extra: Extra<S>,
}

/// What the driver has after a request, besides the answer.
pub(super) enum Extra<S: Storage> {
    Nothing,
    /// The user's store.
    Store(Credentials, Arc<S>),
    /// Nobody's: the log-in was refused.
    Refusal(Credentials, Denied),
    Opened(Opened<S>, Record),
}

impl<S: Storage> Requests<S> {
    pub(super) fn new<R: Runtime, A: Accounts<Storage = S>>(
        runtime: R,
        accounts: Arc<A>,
        sorted_entries_limit: usize,
    ) -> Self {
        let slot = Slot::new(move |question| {
            answer(runtime.clone(), Arc::clone(&accounts), question, sorted_entries_limit)
        });
        Self { running: None, slot }
    }

    pub(super) fn ask(&mut self, id: RequestId, request: Request, store: Option<Arc<S>>) {
        self.slot.start(Question { request, store });
        self.running = Some(id);
    }

    /// Drops the request with everything that it would have opened.
    pub(super) fn cancel(&mut self, id: RequestId) {
        if self.running.take_if(|running| *running == id).is_some() {
            self.slot.stop();
        }
    }

    pub(super) const fn is_idle(&self) -> bool {
        self.running.is_none()
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(RequestId, Answered<S>)> {
        let Some(id) = self.running else { return Poll::Pending };
        let answered = ready!(self.slot.poll(cx));
        self.running = None;
        Poll::Ready((id, answered))
    }
}

impl<S: Storage> From<Answer> for Answered<S> {
    fn from(answer: Answer) -> Self {
        Self { answer, extra: Extra::Nothing }
    }
}

impl<S: Storage> Answered<S> {
    fn opened(answer: Answer, opened: Opened<S>, record: Option<Record>) -> Self {
        Self { answer, extra: record.map_or(Extra::Nothing, |record| Extra::Opened(opened, record)) }
    }
}

async fn answer<R: Runtime, A: Accounts>(
    runtime: R,
    accounts: Arc<A>,
    question: Question<A::Storage>,
    sorted_entries_limit: usize,
) -> Answered<A::Storage> {
    match (question.request, question.store) {
        (Request::LogIn(credentials), _) => log_in(&*accounts, credentials).await,
        (request, Some(store)) => ask(&*store, request, sorted_entries_limit, || runtime.time_of_day())
            .await
            .unwrap_or_else(|error| Answer::Failed(error).into()),
        // Only a session that broke promise 4 would come here.
        (_, None) => Answer::Failed(StorageErrorKind::PermissionDenied.into()).into(),
    }
}

async fn log_in<A: Accounts>(accounts: &A, credentials: Credentials) -> Answered<A::Storage> {
    match accounts.log_in(&credentials).await {
        Ok(store) => {
            let extra = Extra::Store(credentials, Arc::new(store));
            Answered { answer: Answer::LoggedIn, extra }
        }
        Err(why) => Answered { answer: Answer::Denied(why), extra: Extra::Refusal(credentials, why) },
    }
}

async fn ask<S: Storage>(
    store: &S,
    request: Request,
    sorted_entries_limit: usize,
    now: impl Fn() -> TimeValue,
) -> Result<Answered<S>, StorageError> {
    let record = Record::of(&request);
    let answer = match request {
        Request::LogIn(_) => return Err(StorageErrorKind::Failed.into()),
        Request::Stat(path) => {
            let metadata = store.stat(&path).await?;
            Answer::Metadata { metadata, now: now() }
        }
        Request::ListFirst(path, selection, most) => {
            let listing = list(store, &path, selection, sorted_entries_limit).await?;
            let (entries, extent) = listing.first(most).await?;
            Answer::Entries { entries, extent, now: now() }
        }
        Request::OpenListing(path, selection) => {
            let listing = list(store, &path, selection, sorted_entries_limit).await?;
            return Ok(Answered::opened(Answer::Opened, Opened::Listing(listing), record));
        }
        Request::OpenDownload { pathname, offset } => {
            let download = store.open_download(&pathname, offset).await?;
            return Ok(Answered::opened(Answer::Opened, Opened::Download(download), record));
        }
        Request::OpenUpload { pathname, placement, announced } => {
            let opened = store.open_upload(&pathname, placement, announced).await?;
            let finish =
                if opened.upload.finish_can_stop() { FinishKind::CanStop } else { FinishKind::RunsToItsEnd };
            let record = record.map(|record| record.named(opened.pathname.clone()));
            let answer = Answer::UploadOpened { pathname: opened.pathname, offset: opened.offset, finish };
            return Ok(Answered::opened(answer, Opened::Upload(opened.upload), record));
        }
        Request::MakeDirectory(path) => done(store.make_directory(&path).await?),
        Request::RemoveDirectory(path) => done(store.remove_directory(&path).await?),
        Request::RemoveFile(path) => done(store.remove_file(&path).await?),
        Request::Rename { from, to } => done(store.rename(&from, &to).await?),
        Request::SetModified(path, modified) => done(store.set_modified(&path, modified).await?),
        Request::SetMode(path, mode) => done(store.set_mode(&path, mode).await?),
        Request::Available(path) => Answer::Available(store.available(&path).await?),
        Request::Site(call) => Answer::Text(store.site(call).await?),
    };
    Ok(answer.into())
}

const fn done((): ()) -> Answer {
    Answer::Done
}

async fn list<S: Storage>(
    store: &S,
    path: &Pathname,
    selection: Selection,
    sorted_entries_limit: usize,
) -> Result<Arranged<S::Listing>, StorageError> {
    let listing = store.list(path).await?;
    let (pattern, self_and_parent) = match selection {
        Selection::All => (None, Vec::new()),
        Selection::WithSelfAndParent => (None, self_and_parent(store, path).await),
        Selection::Matching(pattern) => (Some(pattern), Vec::new()),
    };
    Arranged::open(listing, self_and_parent, pattern, sorted_entries_limit).await
}

/// `.` and `..`, as far as the store tells of them. Above the root is the root.
async fn self_and_parent<S: Storage>(store: &S, path: &Pathname) -> Vec<Entry> {
    let above = path.parent().unwrap_or_else(Pathname::root);
    let mut entries = Vec::new();
    for (name, path) in [(".", path), ("..", &above)] {
        if let Ok(metadata) = store.stat(path).await {
            entries.push(Entry::new(Bytes::from_static(name.as_bytes()), metadata));
        }
    }
    entries
}
