//! A file that a client stores.

use std::{future::poll_fn, pin::Pin, sync::Arc, task::Poll};

use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};

use super::{
    super::turn::Turn,
    movement::{Ended, Failure, Progress},
    receive_buffer::{Filled, ReceiveBuffer, StreamEnd},
};
use crate::{adapters::tls::Stream, dtp::Dtp, storage::Upload};

/// Receives a file. The data connection is closed when this ends, and before an upload is aborted.
pub(in crate::adapters::driver) async fn receive<U: Upload, S: AsyncRead + AsyncWrite + Unpin>(
    mut upload: U,
    mut stream: Stream<S>,
    dtp: Dtp,
    chunk_size: usize,
    progress: Arc<Progress>,
) -> Ended<U> {
    let receiving = receive_chunks(&mut upload, &mut stream, dtp, chunk_size, &progress);
    let moved = progress.until_stopped(receiving).await;
    if let Ok(Ok(StreamEnd::CloseNotify)) = moved {
        answer_close_notify(&mut stream).await;
    }
    drop(stream);
    match moved {
        Ok(Ok(end)) => Ended::Received(end, upload),
        Ok(Err(failure)) => Ended::BrokeOff(failure.into(), upload),
        Err(why) => {
            upload.abort(why).await;
            Ended::Stopped(why)
        }
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
) -> Result<StreamEnd, Failure> {
    let mut buffer = ReceiveBuffer::new(chunk_size);
    let mut decoded = BytesMut::new();
    let mut turn = Turn::default();
    let end = loop {
        let filling = poll_fn(|cx| {
            let filled = buffer.poll_fill(stream, cx);
            progress.set_waiting(filled.is_pending());
            filled
        });
        if let Filled::End(end) = filling.await? {
            break end;
        }
        let count = buffer.filled().len();
        progress.add(count);
        let chunk = if dtp.is_identity() {
            buffer.take()
        } else {
            dtp.decode(buffer.filled(), &mut decoded);
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
