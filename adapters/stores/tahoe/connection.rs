//! One connection to the gateway, and the exchange of a request and its answer over it.
//!
//! There is no task behind a connection: whoever waits for an exchange moves its bytes. So nothing of it is left when it
//! is dropped, and dropping it is how an upload is cut off: the gateway drops a body that has no end.

use std::{
    boxed::Box,
    future::{Future, poll_fn},
    pin::Pin,
    string::String,
    task::{Context, Poll, Waker, ready},
    vec::Vec,
};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use hyper::{
    Request, Response,
    body::{Body as _, Incoming},
    client::conn::http1::{self, SendRequest},
};

use super::{
    body::{Feed, RequestBody},
    hyper_stream::HyperStream,
};

/// Bytes that hyper holds for one connection in each direction, beside one chunk.
const BUFFER_LIMIT: usize = 128 * 1024;

type Pending = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>;

/// A connection on which nothing is under way.
pub(super) struct Connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    sender: SendRequest<RequestBody>,
    /// `None` once the connection has ended.
    driver: Option<http1::Connection<HyperStream<S>, RequestBody>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Connection<S> {
    pub(super) async fn open(stream: S) -> hyper::Result<Self> {
        let mut builder = http1::Builder::new();
        builder.max_buf_size(BUFFER_LIMIT);
        let (sender, driver) = builder.handshake(HyperStream::new(stream)).await?;
        Ok(Self { sender, driver: Some(driver) })
    }

    /// Whether it can take a request, as far as is known without waiting.
    pub(super) fn is_usable(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        self.poll(&mut cx);
        self.driver.is_some() && matches!(self.sender.poll_ready(&mut cx), Poll::Ready(Ok(())))
    }

    pub(super) fn send(mut self, request: Request<RequestBody>) -> Exchange<S> {
        let pending = Box::pin(self.sender.send_request(request));
        Exchange { connection: self, pending }
    }

    /// Moves what can be moved. What goes wrong is told by the request that is under way.
    fn poll(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver
            && Pin::new(driver).poll(cx).is_ready()
        {
            self.driver = None;
        }
    }
}

/// A request that the gateway has not answered.
pub(super) struct Exchange<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    connection: Connection<S>,
    pending: Pending,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Exchange<S> {
    /// Waits until hyper has taken the last chunk that the body was fed, or the gateway has answered without waiting for
    /// the rest.
    ///
    /// Nothing may be done with the exchange after an early answer.
    pub(super) async fn flush(&mut self, feed: &Feed) -> hyper::Result<Option<Response<Incoming>>> {
        poll_fn(|cx| {
            self.connection.poll(cx);
            match self.pending.as_mut().poll(cx) {
                Poll::Ready(early) => Poll::Ready(early.map(Some)),
                Poll::Pending if feed.is_empty() => Poll::Ready(Ok(None)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Waits for the head of the answer.
    pub(super) async fn answer(mut self) -> hyper::Result<Answer<S>> {
        let response = poll_fn(|cx| {
            self.connection.poll(cx);
            self.pending.as_mut().poll(cx)
        })
        .await?;
        let (head, body) = response.into_parts();
        Ok(Answer { connection: self.connection, head, body })
    }
}

/// An answer whose body is still to be read.
pub(super) struct Answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    connection: Connection<S>,
    head: hyper::http::response::Parts,
    body: Incoming,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Answer<S> {
    pub(super) const fn head(&self) -> &hyper::http::response::Parts {
        &self.head
    }

    /// The next bytes of the body, `None` at its end. A body that ends short of its announced length is an error.
    pub(super) async fn next(&mut self) -> hyper::Result<Option<Bytes>> {
        poll_fn(|cx| {
            loop {
                self.connection.poll(cx);
                match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                    None => return Poll::Ready(Ok(None)),
                    Some(Err(error)) => return Poll::Ready(Err(error)),
                    // Trailers are frames without data.
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) if !data.is_empty() => return Poll::Ready(Ok(Some(data))),
                        _ => {}
                    },
                }
            }
        })
        .await
    }

    /// The body as text, at most about `limit` bytes of it, and whether that is all.
    pub(super) async fn text(&mut self, limit: usize) -> hyper::Result<(String, bool)> {
        let mut text = Vec::new();
        while let Some(bytes) = self.next().await? {
            text.extend_from_slice(&bytes);
            if text.len() > limit {
                return Ok((String::from_utf8_lossy(&text).into_owned(), false));
            }
        }
        Ok((String::from_utf8_lossy(&text).into_owned(), true))
    }

    /// The connection, for another request, after the body has been read to its end.
    pub(super) fn into_connection(self) -> Connection<S> {
        self.connection
    }
}
