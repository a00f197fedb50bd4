//! How clients are let in, or told why not.

use std::{
    future::{Future, poll_fn},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_io::AsyncWrite;

use super::{
    connections::{Admission, Connections, Place},
    signals::Signals,
};
use crate::{
    accounts::Accounts,
    adapters::{
        driver::{self, ServerContext},
        runtimes::Runtime,
    },
    config::Endpoints,
    reply::Reply,
};

/// Between two attempts to accept a connection when the system has no file descriptor for it.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// For a client to take the reply that refuses it.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

/// Accepts clients, and starts a session for each that may come.
pub(super) struct Acceptor<R, A> {
    pub(super) context: ServerContext<R, A>,
    pub(super) connections: Arc<Connections>,
    pub(super) signals: Signals,
    pub(super) place: Place,
}

impl<R: Runtime, A: Accounts> Acceptor<R, A> {
    /// Runs until the server is closed.
    pub(super) async fn run(self, listener: R::Listener) {
        let runtime = &self.context.runtime;
        while let Some(accepted) = self.signals.closed.or(runtime.accept(&listener)).await {
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) if is_of_one_client(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted for now");
                    self.signals.closed.or(runtime.sleep(ACCEPT_RETRY)).await;
                }
            }
        }
        drop(listener);
        drop(self.place);
    }

    fn admit(&self, stream: R::Stream, peer: SocketAddr) {
        let runtime = &self.context.runtime;
        // A connection that cannot be set up any more is gone already.
        let Ok(local) = runtime.prepare_control(&stream) else { return };
        match self.connections.admit(peer.ip()) {
            Admission::Granted(place) => {
                let session = driver::serve(
                    self.context.clone(),
                    stream,
                    Endpoints { local, peer },
                    self.signals.ending.clone().wait(),
                );
                let stopped = self.signals.stopped.clone();
                runtime.spawn(async move {
                    stopped.or(session).await;
                    drop(place);
                });
            }
            Admission::Refused(place, reply) => {
                tracing::info!(%peer, ?reply, "connection refused");
                let (timer, stopped) = (runtime.clone(), self.signals.stopped.clone());
                runtime.spawn(async move {
                    stopped.or(refuse(stream, &reply, timer.sleep(REFUSAL_TIMEOUT))).await;
                    drop(place);
                });
            }
            Admission::Ignored => {}
        }
    }
}

/// Whether an error of accepting is that of a client that has gone in the meantime, and not the server's.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// Tells a client that it may not come, as far as it takes that in time.
async fn refuse(mut stream: impl AsyncWrite + Unpin, reply: &Reply, timeout: impl Future<Output = ()>) {
    let mut timeout = pin!(timeout);
    let mut unsent = reply.as_bytes();
    poll_fn(|cx| {
        let sending = poll_refusal(Pin::new(&mut stream), &mut unsent, cx);
        if sending.is_pending() { timeout.as_mut().poll(cx) } else { sending }
    })
    .await;
}

/// Ready when all is sent, or cannot be.
fn poll_refusal(mut stream: Pin<&mut impl AsyncWrite>, unsent: &mut &[u8], cx: &mut Context<'_>) -> Poll<()> {
    while !unsent.is_empty() {
        let sent = ready!(stream.as_mut().poll_write(cx, unsent)).unwrap_or(0);
        match unsent.get(sent..) {
            Some(rest) if sent > 0 => *unsent = rest,
            _ => return Poll::Ready(()),
        }
    }
    stream.poll_close(cx).map(drop)
}
