//! A file that a client retrieves, or a listing.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use bytes::{Bytes, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};

use super::{
    super::turn::Turn,
    chunk_size::ChunkSize,
    movement::{Ended, Failure, Progress},
};
use crate::{
    adapters::tls::Stream,
    dtp::Dtp,
    listing::ListingFormat,
    session::Outcome,
    storage::{Download, Listing},
    time_value::TimeValue,
};

/// Lines of a listing that are sent at once, in bytes.
const LISTING_CHUNK: usize = 32 << 10;
/// Bytes that are read and forgotten when a client has sent them where it should only receive.
pub(super) const FORGOTTEN: usize = 64 << 10;

/// What is sent.
#[derive(Debug)]
pub(in crate::adapters::driver) enum Source<D, L> {
    File(D, Dtp),
    /// With the time of day, for the lines of `ls`.
    Listing(L, ListingFormat, TimeValue),
    Text(Bytes),
}

/// Sends a file or a listing. The data connection is closed when this ends, for which the client's end of it is awaited,
/// but no longer than for `grace`.
pub(in crate::adapters::driver) async fn send<
    U,
    D: Download,
    L: Listing,
    S: AsyncRead + AsyncWrite + Unpin,
>(
    source: Source<D, L>,
    stream: Stream<S>,
    chunk_size: usize,
    progress: Arc<Progress>,
    grace: impl Future<Output = ()>,
) -> Ended<U> {
    let sending = async {
        let mut wire = Wire { stream, progress: &progress, turn: Turn::default() };
        match source {
            Source::File(download, dtp) => send_file(download, &mut wire, dtp, chunk_size).await?,
            Source::Listing(listing, format, now) => send_listing(listing, &mut wire, &format, now).await?,
            Source::Text(text) => wire.write(&text).await?,
        }
        wire.close().await?;
        wire.await_end(grace).await;
        Ok::<(), Failure>(())
    };
    match progress.until_stopped(sending).await {
        Ok(Ok(())) => Ended::Sent(Outcome::Sent { bytes: progress.bytes() }),
        Ok(Err(failure)) => Ended::Sent(failure.into()),
        Err(why) => Ended::Stopped(why),
    }
}

async fn send_file<D: Download, S: AsyncWrite + Unpin>(
    mut download: D,
    wire: &mut Wire<'_, S>,
    mut dtp: Dtp,
    chunk_size: usize,
) -> Result<(), Failure> {
    let mut encoded = BytesMut::new();
    let mut size = ChunkSize::new(chunk_size);
    loop {
        let chunk = download.read(size.bytes()).await?;
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
        if chunk.len() >= size.bytes() {
            size.grow();
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
            bytes = bytes.get(count..).filter(|_| count > 0).ok_or(Failure::Connection)?;
            self.progress.add(count);
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
