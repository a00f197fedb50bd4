//! A runtime that is not of this crate, as a program may have one: a thread for each task, sockets of `std::net`, and
//! one thread that wakes everybody a thousand times a second.

use std::{
    future::{Future, poll_fn},
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    pin::{Pin, pin},
    sync::{Arc, LazyLock, Mutex},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::{self, Duration},
};

use futures_io::{AsyncRead, AsyncWrite};
use sansftp::{Instant, adapters::Runtime};
use socket2::{Domain, SockRef, Socket, Type};

use super::hosts::Host;

#[derive(Clone, Copy)]
pub(crate) struct Threads;

pub(crate) struct Stream(TcpStream);

static START: LazyLock<time::Instant> = LazyLock::new(time::Instant::now);

/// Who waits for something.
static WAITING: LazyLock<Mutex<Vec<Waker>>> = LazyLock::new(|| {
    thread::spawn(|| {
        loop {
            thread::sleep(Duration::from_millis(1));
            std::mem::take(&mut *WAITING.lock().unwrap()).into_iter().for_each(Waker::wake);
        }
    });
    Mutex::default()
});

/// The result of a call that does not block; the task looks again later if there is none.
fn poll_call<T>(cx: &Context<'_>, result: io::Result<T>) -> Poll<io::Result<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            WAITING.lock().unwrap().push(cx.waker().clone());
            Poll::Pending
        }
        done => Poll::Ready(done),
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Host for Threads {
    type Runtime = Self;

    fn start() -> Self {
        Self
    }

    fn runtime(&self) -> Self {
        *self
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        let waker = Arc::new(Unpark(thread::current())).into();
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            thread::park();
        }
    }
}

impl Runtime for Threads {
    type Stream = Stream;
    type Listener = TcpListener;

    fn now(&self) -> Instant {
        Instant::from_origin(START.elapsed())
    }

    async fn sleep(&self, time: Duration) {
        let begin = time::Instant::now();
        let is_over = || if begin.elapsed() < time { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) };
        let _ = poll_fn(|cx| poll_call(cx, is_over())).await;
    }

    fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        thread::spawn(|| Self.block_on(future));
    }

    fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    fn local_address(&self, listener: &TcpListener) -> io::Result<SocketAddr> {
        listener.local_addr()
    }

    async fn accept(&self, listener: &TcpListener) -> io::Result<(Stream, SocketAddr)> {
        let (stream, peer) = poll_fn(|cx| poll_call(cx, listener.accept())).await?;
        stream.set_nonblocking(true)?;
        Ok((Stream(stream), peer))
    }

    async fn connect(&self, mut from: SocketAddr, to: SocketAddr) -> io::Result<Stream> {
        let socket = Socket::new(Domain::for_address(from), Type::STREAM, None)?;
        from.set_port(0);
        socket.bind(&from.into())?;
        // This blocks, but no other task: each has its thread.
        socket.connect(&to.into())?;
        socket.set_nonblocking(true)?;
        Ok(Stream(socket.into()))
    }

    fn prepare_control(&self, stream: &Stream) -> io::Result<SocketAddr> {
        let socket = SockRef::from(&stream.0);
        socket.set_tcp_nodelay(true)?;
        socket.set_keepalive(true)?;
        socket.set_out_of_band_inline(true)?;
        stream.0.local_addr()
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        poll_call(cx, (&self.0).read(buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        poll_call(cx, (&self.0).write(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.shutdown(Shutdown::Write))
    }
}
