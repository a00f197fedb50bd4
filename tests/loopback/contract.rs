//! What the adapter of a runtime owes to the driver, beyond what a session shows.

use std::{
    future::{Future, poll_fn},
    io::{self, ErrorKind, IoSlice, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    pin::{Pin, pin},
    sync::mpsc,
    task::Poll,
    time::{Duration, Instant},
};

use futures_io::{AsyncRead, AsyncWrite};
use sansftp::adapters::Runtime;
use socket2::{Domain, SockRef, Socket, Type};

use super::{
    hosts::{Adapter, Host},
    running::{PATIENCE, connect},
};

type StreamOf<H> = <<H as Host>::Runtime as Runtime>::Stream;
type ListenerOf<H> = <<H as Host>::Runtime as Runtime>::Listener;

fn any_port() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn listen<H: Host>(runtime: &H::Runtime) -> (ListenerOf<H>, SocketAddr) {
    let listener = runtime.listen(any_port()).unwrap();
    let address = runtime.local_address(&listener).unwrap();
    (listener, address)
}

/// Both ends of a connection.
async fn connected<H: Host>(runtime: &H::Runtime) -> (StreamOf<H>, TcpStream) {
    let (listener, address) = listen::<H>(runtime);
    let client = connect(address).unwrap();
    let (stream, peer) = runtime.accept(&listener).await.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (stream, client)
}

async fn close(stream: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_close(cx)).await
}

/// The output of a future if it is there at once.
async fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        Poll::Ready(match future.as_mut().poll(cx) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await
}

/// Looks again and again, and lets the runtime work meanwhile.
async fn wait_for<T>(runtime: &impl Runtime, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "what was waited for did not happen");
        runtime.sleep(Duration::from_millis(1)).await;
    }
}

pub(crate) fn a_control_connection_is_set_up_and_looked_at<H: Adapter>() {
    let host = H::start();
    host.block_on(async {
        let runtime = host.runtime();
        let (stream, mut client) = connected::<H>(&runtime).await;
        assert_eq!(runtime.prepare_control(&stream).unwrap(), client.peer_addr().unwrap());
        let options = H::socket(&stream);
        assert!(options.tcp_nodelay().unwrap());
        assert!(options.keepalive().unwrap());
        assert!(options.out_of_band_inline().unwrap());

        // Nothing here waits for the runtime, so it notices nothing of this.
        assert!(!runtime.has_ended(&stream));
        client.write_all(b"NOOP\r\n").unwrap();
        assert!(!runtime.has_ended(&stream));
        drop(client);
        // Other systems do not tell of an end behind unread bytes.
        #[cfg(target_os = "linux")]
        assert!(runtime.has_ended(&stream));
    });
}

pub(crate) fn an_accept_that_is_dropped_loses_no_connection<H: Adapter>() {
    let host = H::start();
    host.block_on(async {
        let runtime = host.runtime();
        let (listener, address) = listen::<H>(&runtime);
        for _ in 0..20 {
            assert!(at_once(runtime.accept(&listener)).await.is_none(), "nobody has come yet");
            let client = connect(address).unwrap();
            let accepted = wait_for(&runtime, async || at_once(runtime.accept(&listener)).await).await;
            assert_eq!(accepted.unwrap().1, client.local_addr().unwrap());
        }
    });
}

pub(crate) fn a_close_ends_the_sending_side_only<H: Adapter>() {
    let host = H::start();
    host.block_on(async {
        let (mut stream, mut client) = connected::<H>(&host.runtime()).await;
        close(&mut stream).await.unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        client.write_all(b"more").unwrap();
        let mut buffer = [0; 8];
        let count = poll_fn(|cx| Pin::new(&mut stream).poll_read(cx, &mut buffer)).await.unwrap();
        assert_eq!(&buffer[..count], b"more");
    });
}

pub(crate) fn a_connection_that_is_gone_can_be_closed<H: Adapter>() {
    let host = H::start();
    host.block_on(async {
        let runtime = host.runtime();
        let (mut stream, client) = connected::<H>(&runtime).await;
        SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
        drop(client);
        wait_for(&runtime, async || runtime.has_ended(&stream).then_some(())).await;
        close(&mut stream).await.unwrap();
    });
}

pub(crate) fn slices_are_written_together<H: Adapter>() {
    let host = H::start();
    host.block_on(async {
        let (mut stream, mut client) = connected::<H>(&host.runtime()).await;
        let slices = [IoSlice::new(b"first, "), IoSlice::new(b"second")];
        let count = poll_fn(|cx| Pin::new(&mut stream).poll_write_vectored(cx, &slices)).await.unwrap();
        assert_eq!(count, 13);
        drop(stream);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "first, second");
    });
}

pub(crate) fn a_connection_comes_from_the_address_that_was_asked_for<H: Adapter>() {
    let host = H::start();
    host.block_on(async {
        // Other systems have one loopback address. The port that is given does not count.
        let from: SocketAddr =
            if cfg!(target_os = "linux") { "127.0.0.7:1" } else { "127.0.0.1:1" }.parse().unwrap();
        let listener = TcpListener::bind(any_port()).unwrap();
        let mut stream = host.runtime().connect(from, listener.local_addr().unwrap()).await.unwrap();
        let (mut peer, address) = listener.accept().unwrap();
        peer.set_read_timeout(Some(PATIENCE)).unwrap();
        assert_eq!(address.ip(), from.ip());
        assert_ne!(address.port(), from.port());
        close(&mut stream).await.unwrap();
        assert_eq!(peer.read(&mut [0]).unwrap(), 0);
    });
}

pub(crate) fn nobody_listens_is_an_error<H: Adapter>() {
    let host = H::start();
    host.block_on(async {
        let taken = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        taken.bind(&any_port().into()).unwrap();
        let to = taken.local_addr().unwrap().as_socket().unwrap();
        let refused = host.runtime().connect(any_port(), to).await.err().expect("nobody listens there");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    });
}

/// Linux does not answer when as many connections wait as a listener wants.
pub(crate) fn a_peer_that_does_not_answer_is_waited_for<H: Adapter>() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let host = H::start();
    host.block_on(async {
        let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        deaf.bind(&any_port().into()).unwrap();
        deaf.listen(0).unwrap();
        let to = deaf.local_addr().unwrap().as_socket().unwrap();
        let _first = TcpStream::connect(to).unwrap();
        let runtime = host.runtime();
        let waiting = async {
            let stream = runtime.connect(any_port(), to).await;
            panic!("it is connected: {}", stream.is_ok());
        };
        assert!(at_once(waiting).await.is_none(), "this thread waited for the peer");
    });
}

/// An end that closes first keeps its address for a while, for what is still on its way.
pub(crate) fn an_address_can_be_listened_at_again<H: Adapter>() {
    let host = H::start();
    host.block_on(async {
        let runtime = host.runtime();
        let (listener, address) = listen::<H>(&runtime);
        let mut client = connect(address).unwrap();
        let (stream, _) = runtime.accept(&listener).await.unwrap();
        drop(stream);
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
        drop((client, listener));
        let again = runtime.listen(address).unwrap();
        assert_eq!(runtime.local_address(&again).unwrap(), address);
    });
}

pub(crate) fn the_clock_goes_on_and_timers_with_it<H: Adapter>() {
    let host = H::start();
    host.block_on(async {
        let runtime = host.runtime();
        for milliseconds in [0, 1, 20] {
            let (time, begin) = (Duration::from_millis(milliseconds), runtime.now());
            runtime.sleep(time).await;
            assert!(runtime.now().saturating_since(begin) >= time, "it woke up before {time:?} were over");
        }
        assert!(at_once(runtime.sleep(Duration::MAX)).await.is_none());
    });
}

pub(crate) fn a_panic_takes_nobody_else_along<H: Adapter>() {
    let host = H::start();
    host.block_on(async {
        let runtime = host.runtime();
        let (ended, end) = mpsc::channel();
        for number in 0..100 {
            let (ended, timer) = (ended.clone(), runtime.clone());
            runtime.spawn(async move {
                timer.sleep(Duration::from_millis(1)).await;
                assert!(number % 2 == 0, "a task that panics, as the test wants it");
                ended.send(number).unwrap();
            });
        }
        drop(ended);
        let mut numbers = Vec::new();
        while numbers.len() < 50 {
            numbers.push(end.recv_timeout(PATIENCE).unwrap());
        }
        assert!(numbers.iter().all(|number| number % 2 == 0), "{numbers:?}");
    });
}
