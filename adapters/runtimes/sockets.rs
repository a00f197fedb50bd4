//! TCP sockets as every runtime needs them: set up before the runtime gets them, and asked what it does not tell.

use std::{
    io,
    net::{SocketAddr, TcpListener, TcpStream},
    time::Duration,
};

use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 1024;
/// Silence on the control connection before the client is asked for a sign of life, and between two such questions.
const KEEPALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(60)).with_interval(Duration::from_secs(15));

/// Listens. The socket does not block.
pub(super) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket_for(address)?;
    // On other systems this would let two servers have the same port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Begins to connect. The socket does not block: it is connected when it can be written to and has no error.
pub(super) fn begin_to_connect(mut from: SocketAddr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = socket_for(from)?;
    from.set_port(0);
    socket.bind(&from.into())?;
    match socket.connect(&to.into()) {
        Err(error) if !has_only_begun(&error) => Err(error),
        _ => Ok(socket.into()),
    }
}

fn socket_for(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(unix)]
fn has_only_begun(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

#[cfg(not(unix))]
fn has_only_begun(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

/// See [`Runtime::prepare_control`](super::runtime::Runtime::prepare_control).
pub(super) fn prepare_control(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    socket.set_out_of_band_inline(true)
}

/// See [`Runtime::has_ended`](super::runtime::Runtime::has_ended). The kernel tells the end even if there are bytes before it.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn has_ended(socket: &Socket) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let mut asked = [PollFd::new(socket, PollFlags::RDHUP)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&at_once)).is_ok_and(|ended| ended > 0)
}

/// Without such a question, the next byte is looked at: an end behind it is not seen.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn has_ended(socket: &Socket) -> bool {
    match socket.peek(&mut [std::mem::MaybeUninit::uninit()]) {
        Ok(count) => count == 0,
        Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
    }
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_clients_may_wait_to_be_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        // The system does not answer those who are too many. Only a test that fails waits so long.
        let patience = Duration::from_secs(20);
        let clients: io::Result<Vec<_>> =
            (0..200).map(|_| TcpStream::connect_timeout(&address, patience)).collect();
        assert!(clients.is_ok());
    }
}
