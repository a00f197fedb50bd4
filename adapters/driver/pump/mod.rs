//! One transfer: bytes between a store and a data connection.
//!
//! Each poll moves a bounded number of bytes, so that one transfer leaves time for others and for the commands on its
//! own control connection. The memory of a transfer is bounded too: it starts small, grows to two chunks at most, and
//! ends with the transfer.

mod receive_buffer;

use std::{
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::Poll,
};

use bytes::{Bytes, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};

use self::receive_buffer::{Filled, ReceiveBuffer};
use super::turn::Turn;
use crate::{
    adapters::tls::Stream,
    dtp::Dtp,
    listing::ListingFormat,
    session::Outcome,
    storage::{AbortReason, Download, Listing, StorageError, Upload},
    time_value::TimeValue,
};

/// Bytes of the first chunk: small files are many, and a big chunk takes longer to get than they take to be sent.
const FIRST_CHUNK: usize = 16 << 10;
/// A chunk that was filled is followed by one that is so many times larger.
const GROWTH: usize = 4;
/// Lines of a listing that are sent at once, in bytes.
const LISTING_CHUNK: usize = 32 << 10;
/// Bytes that are read and forgotten when a client has sent them where it should only receive.
const FORGOTTEN: usize = 64 << 10;

/// How far a movement is, and whether it is to stop; shared by the movement and the driver.
#[derive(Debug, Default)]
pub(super) struct Progress {
    bytes: AtomicU64,
    stop: OnceLock<AbortReason>,
}

impl Progress {
    /// Bytes that have moved over the data connection.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Makes the movement stop when it is polled next, whatever it waits for. The first reason counts.
    pub(super) fn stop(&self, why: AbortReason) {
        let _ = self.stop.set(why);
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Runs a movement to its end, or until it has to stop; then its future is dropped, with all that it waits for.
    async fn until_stopped<T>(
        &self,
        movement: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Result<T, Failure>, AbortReason> {
        let mut movement = pin!(movement);
        poll_fn(|cx| match self.stop.get() {
            Some(why) => Poll::Ready(Err(*why)),
            None => movement.as_mut().poll(cx).map(Ok),
        })
        .await
    }
}

/// How a movement ended.
#[derive(Debug)]
pub(super) enum Moved<U> {
    /// An upload has come to its end, and is given back to be finished or aborted.
    Received(End, U),
    /// An upload broke off, and is given back to be aborted.
    BrokeOff(Outcome, U),
    /// A file or a listing was sent.
    Sent(Outcome),
    /// It was stopped for this reason. An upload is aborted.
    Stopped(AbortReason),
}

/// How a data connection ended that files were received on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By a FIN, as everything ends on a connection in clear.
    Fin,
    /// By the `close_notify` of TLS: nobody but the client can say that.
    CloseNotify,
    /// By a FIN where a `close_notify` should have come before.
    Truncated,
}

/// Why a movement broke off.
enum Failure {
    Connection,
    Store(StorageError),
}

impl From<io::Error> for Failure {
    fn from(_: io::Error) -> Self {
        Self::Connection
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Connection => Self::Lost,
            Failure::Store(error) => Self::StoreFailed(error),
        }
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Store(error)
    }
}

/// Receives a file. The data connection is closed when this ends, and before an upload is aborted.
pub(super) async fn receive<U: Upload, S: AsyncRead + AsyncWrite + Unpin>(
    mut upload: U,
    mut stream: Stream<S>,
    dtp: Dtp,
    chunk_size: usize,
    progress: Arc<Progress>,
) -> Moved<U> {
    let receiving = receive_chunks(&mut upload, &mut stream, dtp, chunk_size, &progress);
    let moved = progress.until_stopped(receiving).await;
    if let Ok(Ok(End::CloseNotify)) = moved {
        answer_close_notify(&mut stream).await;
    }
    drop(stream);
    match moved {
        Ok(Ok(end)) => Moved::Received(end, upload),
        Ok(Err(failure)) => Moved::BrokeOff(failure.into(), upload),
        Err(why) => {
            upload.abort(why).await;
            Moved::Stopped(why)
        }
    }
}

/// What is sent.
#[derive(Debug)]
pub(super) enum Source<D, L> {
    File(D, Dtp),
    /// With the time of day, for the lines of `ls`.
    Listing(L, ListingFormat, TimeValue),
    Text(Bytes),
}

/// Sends a file or a listing. The data connection is closed when this ends, for which the client's end of it is awaited,
/// but no longer than for `grace`.
pub(super) async fn send<U, D: Download, L: Listing, S: AsyncRead + AsyncWrite + Unpin>(
    source: Source<D, L>,
    stream: Stream<S>,
    chunk_size: usize,
    progress: Arc<Progress>,
    grace: impl Future<Output = ()>,
) -> Moved<U> {
    let sending = async {
        let mut wire = Wire { stream, progress: &progress, turn: Turn::default() };
        match source {
            Source::File(download, dtp) => send_file(download, &mut wire, dtp, chunk_size).await?,
            Source::Listing(listing, format, now) => send_listing(listing, &mut wire, &format, now).await?,
            Source::Text(text) => wire.write(&text).await?,
        }
        wire.close().await?;
        wire.await_end(grace).await;
        Ok(())
    };
    match progress.until_stopped(sending).await {
        Ok(Ok(())) => Moved::Sent(Outcome::Sent { bytes: progress.bytes() }),
        Ok(Err(failure)) => Moved::Sent(failure.into()),
        Err(why) => Moved::Stopped(why),
    }
}

/// Some clients wait for it. Those that do not may be gone, so nobody waits for them.
async fn answer_close_notify(stream: &mut (impl AsyncWrite + Unpin)) {
    poll_fn(|cx| {
        let _ = Pin::new(&mut *stream).poll_close(cx);
        Poll::Ready(())
    })
    .await;
}

async fn receive_chunks<U: Upload, S: AsyncRead + AsyncWrite + Unpin>(
    upload: &mut U,
    stream: &mut Stream<S>,
    mut dtp: Dtp,
    chunk_size: usize,
    progress: &Progress,
) -> Result<End, Failure> {
    let mut buffer = ReceiveBuffer::new(chunk_size);
    let mut decoded = BytesMut::new();
    let mut turn = Turn::default();
    let end = loop {
        let count = match poll_fn(|cx| buffer.poll_fill(stream, cx)).await? {
            Filled::Bytes(count) => count,
            Filled::End(end) => break end,
        };
        progress.add(count);
        let chunk = if dtp.is_identity() {
            buffer.take(count)
        } else {
            dtp.decode(buffer.filled(count), &mut decoded);
            decoded.split().freeze()
        };
        if !chunk.is_empty() {
            upload.write(chunk).await?;
        }
        turn.spend(count).await;
    };
    dtp.finish_decode(&mut decoded);
    if !decoded.is_empty() {
        upload.write(decoded.freeze()).await?;
    }
    Ok(end)
}

async fn send_file<D: Download, S: AsyncWrite + Unpin>(
    mut download: D,
    wire: &mut Wire<'_, S>,
    mut dtp: Dtp,
    chunk_size: usize,
) -> Result<(), Failure> {
    let mut encoded = BytesMut::new();
    let mut most = FIRST_CHUNK.min(chunk_size);
    loop {
        let chunk = download.read(most).await?;
        if chunk.is_empty() {
            return Ok(());
        }
        if dtp.is_identity() {
            wire.write(&chunk).await?;
        } else {
            encoded.clear();
            dtp.encode(&chunk, &mut encoded);
            wire.write(&encoded).await?;
        }
        if chunk.len() >= most {
            most = most.saturating_mul(GROWTH).min(chunk_size);
        }
    }
}

async fn send_listing<L: Listing, S: AsyncWrite + Unpin>(
    mut listing: L,
    wire: &mut Wire<'_, S>,
    format: &ListingFormat,
    now: TimeValue,
) -> Result<(), Failure> {
    let mut lines = BytesMut::new();
    loop {
        let page = listing.next_page().await?;
        for entry in &page {
            format.line(now, entry, &mut lines);
            if lines.len() >= LISTING_CHUNK {
                wire.write(&lines).await?;
                lines.clear();
            }
        }
        if page.is_empty() {
            wire.write(&lines).await?;
            return Ok(());
        }
        wire.turn.spend(page.len()).await;
    }
}

/// The sending side of a data connection.
struct Wire<'a, S> {
    stream: S,
    progress: &'a Progress,
    turn: Turn,
}

impl<S: AsyncWrite + Unpin> Wire<'_, S> {
    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        while !bytes.is_empty() {
            let count = poll_fn(|cx| Pin::new(&mut self.stream).poll_write(cx, bytes)).await?;
            if count == 0 {
                return Err(Failure::Connection);
            }
            self.progress.add(count);
            bytes = bytes.get(count..).unwrap_or_default();
            self.turn.spend(count).await;
        }
        Ok(())
    }

    /// Shuts the connection down, so that the client sees the end of the file.
    async fn close(&mut self) -> Result<(), Failure> {
        Ok(poll_fn(|cx| Pin::new(&mut self.stream).poll_close(cx)).await?)
    }
}

impl<S: AsyncRead + Unpin> Wire<'_, S> {
    /// Waits until the client has closed the connection, too, or the grace is over, and reads what the client has sent.
    /// To close a connection with unread bytes is to reset it, and then the client loses what it has not yet received.
    async fn await_end(&mut self, grace: impl Future<Output = ()>) {
        let (mut grace, mut forgotten) = (pin!(grace), 0);
        poll_fn(|cx| {
            let mut buffer = [0; 1 << 10];
            while forgotten < FORGOTTEN {
                match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
                    Poll::Ready(Ok(count)) if count > 0 => forgotten += count,
                    Poll::Ready(_) => break,
                    Poll::Pending => return grace.as_mut().poll(cx),
                }
            }
            Poll::Ready(())
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        task::{Context, Waker},
        vec,
        vec::Vec,
    };

    use super::{super::turn::TURN, *};
    use crate::{
        dtp::Representation,
        storage::{Entry, Metadata, Stored},
    };

    /// The sending side of a data connection whose client takes every byte at once.
    macro_rules! takes_everything {
        ($client:ty) => {
            impl AsyncWrite for $client {
                fn poll_write(
                    self: Pin<&mut Self>,
                    _: &mut Context<'_>,
                    bytes: &[u8],
                ) -> Poll<io::Result<usize>> {
                    Poll::Ready(Ok(bytes.len()))
                }

                fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Poll::Ready(Ok(()))
                }

                fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
                    Poll::Ready(Ok(()))
                }
            }
        };
    }

    /// A data connection that always has more, and always takes more; and a store of that kind.
    struct Endless;

    impl AsyncRead for Endless {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buffer.len()))
        }
    }

    takes_everything! { Endless }

    impl Upload for Endless {
        async fn write(&mut self, _: Bytes) -> Result<(), StorageError> {
            Ok(())
        }

        async fn finish(self) -> Result<Stored, StorageError> {
            Ok(Stored::default())
        }

        fn abort(self, _: AbortReason) -> impl Future<Output = ()> + Send {
            ready(())
        }
    }

    impl Download for Endless {
        async fn read(&mut self, most: usize) -> Result<Bytes, StorageError> {
            Ok(Bytes::from(vec![0; most]))
        }
    }

    impl Listing for Endless {
        async fn next_page(&mut self) -> Result<Vec<Entry>, StorageError> {
            let entry = Entry::new(Bytes::from_static(b"name"), Metadata::file(0));
            Ok(vec![entry; 100])
        }
    }

    #[track_caller]
    fn assert_bounded(movement: impl Future<Output = Moved<Endless>>, progress: &Progress) {
        let mut movement = pin!(movement);
        let mut before = 0;
        for _ in 0..5 {
            assert!(movement.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            let moved = progress.bytes() - before;
            assert!(moved <= 2 * TURN as u64, "{moved} bytes in one poll");
            before = progress.bytes();
        }
        assert!(before > 0, "nothing moved");
        progress.stop(AbortReason::ClientAborted);
        let stopped = movement.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(stopped, Poll::Ready(Moved::Stopped(AbortReason::ClientAborted))));
    }

    #[test]
    fn a_poll_moves_a_bounded_number_of_bytes_and_a_stop_comes_through() {
        for chunk_size in [512, 256 << 10] {
            for representation in [Representation::Ascii, Representation::Image] {
                let progress = Arc::new(Progress::default());
                let dtp = Dtp::new(representation);
                assert_bounded(
                    receive(Endless, Stream::Clear(Endless), dtp, chunk_size, Arc::clone(&progress)),
                    &progress,
                );

                let progress = Arc::new(Progress::default());
                let source = Source::<_, Endless>::File(Endless, Dtp::new(representation));
                assert_bounded(
                    send(source, Stream::Clear(Endless), chunk_size, Arc::clone(&progress), ready(())),
                    &progress,
                );
            }
        }
        let progress = Arc::new(Progress::default());
        let format = ListingFormat::Names { prefix: Bytes::new() };
        let source = Source::<Endless, _>::Listing(Endless, format, TimeValue::from_unix(0, 0));
        assert_bounded(
            send(source, Stream::Clear(Endless), 512, Arc::clone(&progress), ready(())),
            &progress,
        );
    }

    /// A client that takes every byte and then breaks the connection.
    struct BreaksAtTheEnd;

    impl AsyncRead for BreaksAtTheEnd {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for BreaksAtTheEnd {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }
    }

    #[test]
    fn a_file_is_not_sent_before_its_end_is() {
        let source = Source::<Endless, Endless>::Text(Bytes::from_static(b"all of it"));
        let sending = pin!(send::<Endless, _, _, _>(
            source,
            Stream::Clear(BreaksAtTheEnd),
            512,
            Arc::default(),
            pending()
        ));
        let sent = sending.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(sent, Poll::Ready(Moved::Sent(Outcome::Lost))));
    }

    /// A client that sends without end where it should only receive.
    struct Talks(usize);

    impl AsyncRead for Talks {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            self.0 += buffer.len();
            assert!(self.0 <= 2 * FORGOTTEN, "the end of what has none is waited for");
            Poll::Ready(Ok(buffer.len()))
        }
    }

    takes_everything! { Talks }

    #[test]
    fn a_client_that_sends_without_end_delays_no_end() {
        let source = Source::<Endless, Endless>::Text(Bytes::from_static(b"all of it"));
        let sending =
            pin!(send::<Endless, _, _, _>(source, Stream::Clear(Talks(0)), 512, Arc::default(), pending()));
        let sent = sending.poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(sent, Poll::Ready(Moved::Sent(Outcome::Sent { bytes: 9 }))));
    }
}
