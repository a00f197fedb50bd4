//! The driver's end of the transfers: what a request opened, from there to its finish or abort.

use std::{
    boxed::Box,
    future::{Future, ready},
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    vec::Vec,
};

use futures_io::{AsyncRead, AsyncWrite};

use super::{
    arranged::Arranged,
    counted::{Carried, Counted},
    journal::{Journal, Record},
    preparing::{self, Preparing},
    pump::{self, Ended, Progress, Source, StreamEnd},
    waiting::Waiting,
};
use crate::{
    adapters::tls::Stream,
    instant::Instant,
    session::{DataEnd, Direction, Event, Movement, Outcome, TransferId, Waits},
    storage::{AbortReason, Storage, StorageError, Stored, Upload},
    time_value::TimeValue,
};

type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// What a request opened.
#[derive(Debug)]
pub(super) enum Opened<S: Storage> {
    Upload(S::Upload),
    Download(S::Download),
    Listing(Arranged<S::Listing>),
}

/// The transfer of a session, and its finishes in the background.
///
/// Every upload that is held here ends by exactly one of [`Upload::finish`], [`Upload::abort`] and being dropped:
/// each of them takes it out of its stage (promise 2).
pub(super) struct Transfers<S: Storage> {
    stage: Stage<S>,
    /// What the log will tell of it.
    record: Record,
    detached: Vec<Finishing>,
    journal: Journal,
}

/// How far the transfer is.
enum Stage<S: Storage> {
    Idle,
    /// The session has not yet said what becomes of it.
    Opened(Opened<S>),
    Moving(Moving<S::Upload>),
    /// An upload whose end has come; `Some` if it was one that can be finished.
    Held(Option<StreamEnd>, S::Upload),
    Preparing(Preparing<S::Upload>),
    /// The store could not prepare the finish of an upload, which is aborted.
    Unprepared(StorageError),
    Finishing(Finishing),
    Aborting(TransferId, AbortReason, Running<()>),
}

struct Moving<U> {
    id: TransferId,
    progress: Arc<Progress>,
    carried: Carried,
    direction: Direction,
    waiting: Waiting,
    movement: Running<Ended<U>>,
}

struct Finishing {
    id: TransferId,
    record: Record,
    finish: Running<Result<Stored, StorageError>>,
}

impl<U> Moving<U> {
    fn position(&self) -> Position {
        let Self { id, direction, .. } = *self;
        let (bytes, carried) = (self.progress.bytes(), self.carried.bytes());
        Position { id, bytes, carried, direction }
    }
}

/// How far the bytes of a transfer are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    id: TransferId,
    /// Those of the file or listing.
    bytes: u64,
    /// All that its data connection has carried.
    carried: u64,
    direction: Direction,
}

impl Position {
    /// What the session is told, when it knows of `earlier`; none if nothing has moved since.
    pub(super) fn since(self, earlier: Option<Self>) -> Option<Event<'static>> {
        match earlier.filter(|earlier| earlier.id == self.id) {
            Some(earlier) if !self.has_moved_since(earlier) => None,
            Some(earlier) if earlier.bytes == self.bytes => Some(Event::Moved(self.id)),
            _ => Some(Event::Progressed(self.id, self.bytes)),
        }
    }

    /// What a client has sent may wait in TLS for a store that is slow, and moves when that takes it. What a client is
    /// to get moves only when the connection takes it.
    fn has_moved_since(self, earlier: Self) -> bool {
        earlier.carried != self.carried || self.direction == Direction::Store && earlier.bytes != self.bytes
    }
}

impl<S: Storage> Transfers<S> {
    pub(super) fn new(journal: Journal) -> Self {
        Self { stage: Stage::Idle, record: Record::listing(), detached: Vec::new(), journal }
    }

    /// The log of whose transfers these are.
    pub(super) const fn journal(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// Whether nothing is running.
    pub(super) fn is_idle(&self) -> bool {
        self.detached.is_empty()
            && matches!(self.stage, Stage::Idle | Stage::Opened(_) | Stage::Held(..) | Stage::Unprepared(_))
    }

    /// Holds what a request has opened.
    pub(super) fn hold(&mut self, opened: Opened<S>, record: Record, now: Instant) {
        self.stage = Stage::Opened(opened);
        self.record = record;
        self.record.started = now;
    }

    /// Starts to move bytes between what was opened and the data connection. Without one of them the transfer ends
    /// at once.
    pub(super) fn start<C>(
        &mut self,
        id: TransferId,
        movement: Movement,
        stream: Option<Stream<Counted<C>>>,
        setup: Setup<impl Future<Output = ()> + Send + 'static>,
    ) where
        C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        if let Movement::Text(_) = movement {
            self.record = Record::listing();
        }
        let now = setup.now;
        self.record.started = now;
        let opened = match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Opened(opened) => Some(opened),
            _ => None,
        };
        let direction = match movement {
            Movement::Receive(_) => Direction::Store,
            Movement::Send(_) | Movement::List(_) | Movement::Text(_) => Direction::Retrieve,
        };
        let progress = Arc::new(Progress::default());
        let carried =
            stream.as_ref().map_or_else(Carried::default, |stream| stream.get_ref().carried().clone());
        let movement = stream
            .and_then(|stream| setup.start(movement, opened, stream, Arc::clone(&progress)))
            .unwrap_or_else(|| Box::pin(ready(Ended::Sent(Outcome::Lost))));
        let waiting = Waiting::default();
        self.stage = Stage::Moving(Moving { id, progress, carried, direction, waiting, movement });
    }

    /// Lets the store prepare the finish of an upload whose end has come.
    pub(super) fn prepare_finish(&mut self) {
        self.stage = match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Held(Some(end), upload) => Stage::Preparing(Preparing::start(end, upload)),
            other => other,
        };
    }

    /// Finishes the upload.
    pub(super) fn finish(&mut self, id: TransferId) {
        let finish: Running<_> = match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Held(Some(end), upload) => Box::pin(preparing::finish(end, upload)),
            Stage::Preparing(preparing) => Box::pin(preparing.finish()),
            Stage::Unprepared(error) => Box::pin(ready(Err(error))),
            other => {
                self.stage = other;
                return;
            }
        };
        let record = mem::replace(&mut self.record, Record::listing());
        self.stage = Stage::Finishing(Finishing { id, record, finish });
    }

    /// Aborts what is opened or moving. A finish that has begun runs on.
    pub(super) fn abort(&mut self, id: TransferId, why: AbortReason, now: Instant) {
        self.stage = match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Moving(moving) => {
                moving.progress.stop(why);
                Stage::Moving(moving)
            }
            Stage::Opened(Opened::Upload(upload)) | Stage::Held(_, upload) => {
                Stage::Aborting(id, why, Box::pin(upload.abort(why)))
            }
            Stage::Preparing(preparing) => Stage::Aborting(id, why, Box::pin(preparing.abort(why))),
            Stage::Opened(_) => Stage::Aborting(id, why, Box::pin(ready(()))),
            Stage::Unprepared(error) => {
                self.journal.transfer_failed(&self.record, &error);
                Stage::Aborting(id, why, Box::pin(ready(())))
            }
            Stage::Idle => {
                self.record = Record::listing();
                self.record.started = now;
                Stage::Aborting(id, why, Box::pin(ready(())))
            }
            other @ (Stage::Finishing(_) | Stage::Aborting(..)) => other,
        };
    }

    /// Drops what the transfer is waiting for.
    pub(super) fn drop_future(&mut self, id: TransferId, now: Instant) {
        const OUTCOME: &str = "given up while the store was at work on it";
        if let Some(index) = self.detached.iter().position(|finishing| finishing.id == id) {
            let finishing = self.detached.swap_remove(index);
            return self.journal.transfer_ended(&finishing.record, now, OUTCOME);
        }
        match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Finishing(finishing) => self.journal.transfer_ended(&finishing.record, now, OUTCOME),
            _ => self.journal.transfer_ended(&self.record, now, OUTCOME),
        }
    }

    /// Lets the finish go on beside further transfers.
    pub(super) fn detach(&mut self) {
        match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Finishing(finishing) => self.detached.push(finishing),
            other => self.stage = other,
        }
    }

    /// How far the bytes are, as long as they move.
    pub(super) fn position(&self) -> Option<Position> {
        match &self.stage {
            Stage::Moving(moving) => Some(moving.position()),
            _ => None,
        }
    }

    /// What has happened to the transfer. `clock` tells the time when it has been polled.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        now: Instant,
        clock: impl Fn() -> Instant,
    ) -> Poll<Event<'static>> {
        match &mut self.stage {
            Stage::Moving(moving) => {
                let polled = moving.movement.as_mut().poll(cx);
                let Moving { id, progress, waiting, .. } = moving;
                let (id, bytes) = (*id, progress.bytes());
                waiting.handle_polled(bytes, polled.is_ready(), now);
                let Poll::Ready(ended) = polled else {
                    if progress.is_waiting() {
                        waiting.start(clock);
                    }
                    return Poll::Pending;
                };
                let waits = waiting.waits();
                self.record.bytes = bytes;
                self.stage = Stage::Idle;
                Poll::Ready(self.handle_ended(id, ended, now, waits))
            }
            Stage::Finishing(finishing) => {
                let result = ready!(finishing.finish.as_mut().poll(cx));
                let id = finishing.id;
                self.journal.finished(&finishing.record, now, &result);
                self.stage = Stage::Idle;
                Poll::Ready(Event::Finished(id, result))
            }
            Stage::Aborting(id, why, aborting) => {
                ready!(aborting.as_mut().poll(cx));
                let id = *id;
                self.journal.aborted(&self.record, now, *why);
                self.stage = Stage::Idle;
                Poll::Ready(Event::Aborted(id))
            }
            Stage::Preparing(preparing) => {
                self.stage = match ready!(preparing.poll(cx)) {
                    Ok((end, upload)) => Stage::Held(Some(end), upload),
                    Err(error) => Stage::Unprepared(error),
                };
                Poll::Pending
            }
            Stage::Idle | Stage::Opened(_) | Stage::Held(..) | Stage::Unprepared(_) => Poll::Pending,
        }
    }

    fn handle_ended(
        &mut self,
        id: TransferId,
        ended: Ended<S::Upload>,
        now: Instant,
        waits: Waits,
    ) -> Event<'static> {
        let outcome = match ended {
            Ended::Received(end, upload) => {
                self.stage = Stage::Held(Some(end), upload);
                let end = match end {
                    StreamEnd::CloseNotify => DataEnd::CloseNotify,
                    StreamEnd::Fin | StreamEnd::Truncated => DataEnd::Fin { waits: Some(waits) },
                };
                Outcome::Received { bytes: self.record.bytes, end }
            }
            Ended::BrokeOff(outcome, upload) => {
                self.stage = Stage::Held(None, upload);
                if let Outcome::StoreFailed(error) = &outcome {
                    self.journal.transfer_failed(&self.record, error);
                }
                outcome
            }
            Ended::Sent(outcome) => {
                self.journal.sent(&self.record, now, &outcome);
                outcome
            }
            Ended::Stopped(why) => {
                self.journal.aborted(&self.record, now, why);
                return Event::Aborted(id);
            }
        };
        Event::TransferEnded(id, outcome)
    }

    /// The end of one of the finishes that go on in the background.
    pub(super) fn poll_detached(&mut self, cx: &mut Context<'_>, now: Instant) -> Poll<Event<'static>> {
        let finished = self.detached.iter_mut().enumerate().find_map(|(index, finishing)| {
            match finishing.finish.as_mut().poll(cx) {
                Poll::Ready(result) => Some((index, result)),
                Poll::Pending => None,
            }
        });
        let Some((index, result)) = finished else { return Poll::Pending };
        let Finishing { id, record, .. } = self.detached.swap_remove(index);
        self.journal.finished(&record, now, &result);
        Poll::Ready(Event::Finished(id, result))
    }
}

/// What a movement starts with, besides what is moved.
#[derive(Debug)]
pub(super) struct Setup<G> {
    pub(super) now: Instant,
    /// For the lines of `ls`.
    pub(super) time_of_day: TimeValue,
    pub(super) chunk_size: usize,
    /// Ends when a client that has been sent everything has had its time to close the data connection.
    pub(super) grace: G,
}

impl<G: Future<Output = ()> + Send + 'static> Setup<G> {
    /// The future that moves the bytes; `None` if what was opened is not what is to be moved.
    fn start<S: Storage, C>(
        self,
        movement: Movement,
        opened: Option<Opened<S>>,
        stream: Stream<C>,
        progress: Arc<Progress>,
    ) -> Option<Running<Ended<S::Upload>>>
    where
        C: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let source = match (movement, opened) {
            (Movement::Receive(dtp), Some(Opened::Upload(upload))) => {
                return Some(Box::pin(pump::receive(upload, stream, dtp, self.chunk_size, progress)));
            }
            (Movement::Send(dtp), Some(Opened::Download(download))) => Source::File(download, dtp),
            (Movement::List(format), Some(Opened::Listing(listing))) => {
                Source::Listing(listing, format, self.time_of_day)
            }
            (Movement::Text(text), _) => Source::Text(text),
            _ => return None,
        };
        Some(Box::pin(pump::send(source, stream, self.chunk_size, progress, self.grace)))
    }
}
