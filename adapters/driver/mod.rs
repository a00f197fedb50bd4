//! The one loop that drives a [`Session`], for every runtime and every store.
//!
//! A session is one task. It spawns nothing and has no channels: the loop looks at everything that can happen (an
//! answer of the store, the transfer, the data connection, both directions of the control connection, the clock),
//! tells the session, and does what the session says.

mod alarm;
mod arranged;
#[cfg(test)]
mod boasts;
mod context;
mod control_socket;
mod counted;
mod data_socket;
mod journal;
mod passive_ports;
mod preparing;
mod pump;
mod requests;
mod slot;
mod transfers;
mod turn;
mod waiting;

use std::{
    boxed::Box,
    future::{Future, poll_fn},
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use self::{
    alarm::{Alarm, rest_of},
    control_socket::{ControlSocket, Input, Output},
    data_socket::DataSocket,
    journal::Journal,
    passive_ports::PassivePorts,
    requests::{Extra, Requests},
    transfers::{Position, Setup, Transfers},
};
pub use self::{context::ServerContext, passive_ports::RestingPorts};
use crate::{
    accounts::Accounts,
    adapters::{runtimes::Runtime, tls::SessionTls},
    config::{Config, Endpoints},
    instant::Instant,
    session::{Action, Answer, DataConnectionMode, DataId, Event, Session, TransferId},
};

/// Rounds of the loop before other tasks have their turn.
const ROUNDS: usize = 16;
/// Bytes that are read from the control connection at once: some dozens of commands.
const INPUT_SIZE: usize = 2 << 10;

/// Serves one control connection, from the greeting to the end of everything that the client started.
///
/// [`Server`](crate::adapters::Server) does this for each connection that it accepts; a program that accepts
/// connections in a way of its own calls it itself, after [`Runtime::prepare_control`].
///
/// When `shutdown` resolves, the session ends as soon as its transfer has; the output is the time at which that is
/// aborted. If the future of this function is dropped, everything ends at once: an upload that is not finished is
/// dropped, which means the same as an abort.
///
/// It panics only where a store or the accounts do.
pub async fn serve<R: Runtime, A: Accounts>(
    context: ServerContext<R, A>,
    stream: R::Stream,
    control: Endpoints,
    shutdown: impl Future<Output = Instant> + Send + 'static,
) {
    let mut driver = Driver::new(context, stream, control, Box::pin(shutdown));
    driver.obey();
    poll_fn(|cx| driver.poll(cx)).await;
}

/// Whether the server wants to end.
enum Shutdown {
    Awaited(Pin<Box<dyn Future<Output = Instant> + Send>>),
    /// It does, and cannot wait longer than this.
    Requested(Instant),
    Overdue,
}

/// A session, and everything that it is told of.
struct Driver<R: Runtime, A: Accounts> {
    runtime: R,
    config: Arc<Config>,
    endpoints: Endpoints,
    session: Session,
    control: ControlSocket<R::Stream>,
    data: DataSocket<R>,
    tls: Option<SessionTls>,
    store: Option<Arc<A::Storage>>,
    requests: Requests<A::Storage>,
    transfers: Transfers<A::Storage>,
    /// How far the session knows the running transfer to be.
    position: Option<Position>,
    /// The upload whose session wants to know whether the client is still there.
    look: Option<TransferId>,
    alarm: Alarm<R>,
    shutdown: Shutdown,
    /// Whether this round changed anything, so that another one is needed.
    has_changed: bool,
}

impl<R: Runtime, A: Accounts> Driver<R, A> {
    fn new(
        context: ServerContext<R, A>,
        stream: R::Stream,
        control: Endpoints,
        shutdown: Pin<Box<dyn Future<Output = Instant> + Send>>,
    ) -> Self {
        let ServerContext { runtime, accounts, config, tls, resting_ports } = context;
        let endpoints = Endpoints { local: canonical(control.local), peer: canonical(control.peer) };
        let ports = PassivePorts::new(runtime.clone(), resting_ports, &config, endpoints);
        Self {
            session: Session::new(Arc::clone(&config), endpoints, runtime.now()),
            control: ControlSocket::new(stream),
            data: DataSocket::new(runtime.clone(), ports),
            tls: tls.map(|tls| SessionTls::new(&tls, config.tls.session_reuse)),
            store: None,
            requests: Requests::new(runtime.clone(), accounts, config.sorted_entries_limit),
            transfers: Transfers::new(Journal::new(endpoints.peer)),
            position: None,
            look: None,
            alarm: Alarm::new(runtime.clone()),
            shutdown: Shutdown::Awaited(shutdown),
            has_changed: false,
            runtime,
            config,
            endpoints,
        }
    }

    /// The loop. Each round looks at everything once, so that nothing keeps anything else waiting; a round in which
    /// something happened is followed by another one.
    ///
    /// A preliminary reply comes from an answer of the store, and is written before its data connection and its transfer
    /// are looked at: some clients that read it together with the final reply wait for both for ever.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        for _ in 0..ROUNDS {
            self.has_changed = false;
            self.poll_shutdown(cx);
            self.poll_handshake(cx);
            self.poll_answer(cx);
            self.poll_output(cx);
            self.poll_data_connection(cx);
            self.poll_transfer(cx);
            let input = self.poll_input(cx);
            self.look_at_control(input);
            self.poll_alarm(cx);
            if self.is_over() {
                return Poll::Ready(());
            }
            if !self.has_changed {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Tells the session what happened, and does what it says.
    fn handle(&mut self, event: Event<'_>) {
        self.has_changed |= !matches!(event, Event::Progressed(..) | Event::Moved(_));
        self.session.handle(self.runtime.now(), event);
        self.obey();
    }

    fn obey(&mut self) {
        while let Some(action) = self.session.poll_action() {
            self.has_changed = true;
            self.perform(action);
        }
    }

    fn perform(&mut self, action: Action) {
        let now = self.runtime.now();
        match action {
            Action::SendReply(reply) => self.control.send(reply.into_bytes()),
            Action::SendReplyLine(bytes) | Action::SendTelnet(bytes) => self.control.send(bytes),
            Action::SecureControl => self.control.secure(),
            Action::ClearControl => self.control.clear(),
            Action::CloseControl => self.control.end(now),

            Action::Ask(id, request) => self.requests.ask(id, request, self.store.clone()),
            Action::Cancel(id) => self.requests.cancel(id),

            Action::OpenDataConnection(id, mode) => self.open_data_connection(id, mode),
            Action::RefuseDataConnection(id) => self.data.refuse(id),
            Action::SecureDataConnection(id, direction) => match &self.tls {
                Some(tls) => self.data.secure(id, tls, direction),
                None => self.data.close(),
            },
            Action::ExpectTransfer(_, direction) => self.data.expect(direction),
            Action::CloseDataConnection(_) => self.data.close(),

            Action::Transfer(id, movement) => {
                let chunk_size = self.config.chunk_size;
                let grace = rest_of(self.runtime.clone(), now + self.config.data_close_grace);
                let setup = Setup { now, time_of_day: self.runtime.time_of_day(), chunk_size, grace };
                self.transfers.start(id, movement, self.data.take(), setup);
            }
            Action::PrepareFinish(_) => self.transfers.prepare_finish(),
            Action::LookAtControl(id) => self.look = Some(id),
            Action::AwaitFinish(id) => self.transfers.finish(id),
            Action::Abort(id, why) => {
                self.data.close();
                self.transfers.abort(id, why, now);
            }
            Action::Drop(id) => self.transfers.drop_future(id, now),
            Action::Detach(_) => self.transfers.detach(),
        }
    }

    fn open_data_connection(&mut self, id: DataId, mode: DataConnectionMode) {
        let Endpoints { local, peer } = self.endpoints;
        let mode = match mode {
            DataConnectionMode::Connect(to) => {
                let (mut to, port) = (canonical(to), to.port());
                // The client's own address is better known from its control connection: with the zone, if it has one.
                if to.ip() == peer.ip() {
                    to = peer;
                    to.set_port(port);
                }
                DataConnectionMode::Connect(to)
            }
            DataConnectionMode::Listen => DataConnectionMode::Listen,
        };
        self.data.open(id, mode, local);
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) {
        if let Shutdown::Awaited(shutdown) = &mut self.shutdown
            && let Poll::Ready(deadline) = shutdown.as_mut().poll(cx)
        {
            self.shutdown = Shutdown::Requested(deadline);
            self.handle(Event::ShutdownRequested);
        }
    }

    fn poll_output(&mut self, cx: &mut Context<'_>) {
        match self.control.poll_output(cx, self.runtime.now()) {
            Poll::Ready(Output::RepliesSent) => self.handle(Event::RepliesSent),
            Poll::Ready(Output::Lost) => self.handle(Event::ControlClosed),
            Poll::Pending => {}
        }
    }

    /// A handshake that does not succeed, or cannot even begin, ends the session.
    fn poll_handshake(&mut self, cx: &mut Context<'_>) {
        if let Some(stream) = self.control.promised() {
            match &self.tls {
                Some(tls) => self.control.handshake(tls.accept_control(stream)),
                None => return self.handle(Event::ControlClosed),
            }
        }
        match self.control.poll_handshake(cx) {
            Poll::Ready(Ok(client)) => {
                if let Some(tls) = &mut self.tls {
                    tls.handle_control_secured(&client);
                }
                self.handle(Event::ControlSecured(client));
            }
            Poll::Ready(Err(error)) => {
                self.transfers.journal().handshake_failed(&error);
                self.handle(Event::ControlClosed);
            }
            Poll::Pending => {}
        }
    }

    fn poll_answer(&mut self, cx: &mut Context<'_>) {
        let Poll::Ready((id, answered)) = self.requests.poll(cx) else { return };
        let journal = self.transfers.journal();
        if let Answer::Failed(error) = &answered.answer {
            journal.request_failed(error);
        }
        match answered.extra {
            Extra::Nothing => {}
            Extra::Store(credentials, store) => {
                journal.logged_in(credentials);
                self.store = Some(store);
            }
            Extra::Refusal(credentials, why) => journal.denied(&credentials, why),
            Extra::Opened(opened, record) => self.transfers.hold(opened, record, self.runtime.now()),
        }
        self.handle(Event::Answered(id, answered.answer));
    }

    fn poll_data_connection(&mut self, cx: &mut Context<'_>) {
        let Poll::Ready(event) = self.data.poll(cx) else { return };
        self.handle(event);
        self.data.stop_listening();
    }

    fn poll_transfer(&mut self, cx: &mut Context<'_>) {
        let now = self.runtime.now();
        let transfer = self.transfers.poll(cx, now, || self.runtime.now());
        let position = self.transfers.position();
        if let Some(event) = position.and_then(|position| position.since(self.position)) {
            self.position = position;
            self.handle(event);
        }
        for event in [transfer, self.transfers.poll_detached(cx, now)] {
            if let Poll::Ready(event) = event {
                self.handle(event);
            }
        }
    }

    /// Ready if something came.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.session.wants_input() {
            return Poll::Pending;
        }
        let mut buffer = [0; INPUT_SIZE];
        match ready!(self.control.poll_input(cx, &mut buffer)) {
            Input::Bytes(bytes) => self.handle(Event::Received(bytes)),
            Input::End => self.handle(Event::ControlEnded),
            Input::Lost => self.handle(Event::ControlClosed),
        }
        Poll::Ready(())
    }

    /// Answers the session whether the client is still there. The control connection is read as far as it goes before, `input`
    /// being what it gave in this round. Its end may be in the system already, unnoticed by the runtime or behind commands
    /// that the session does not take yet, so the system is asked ([`Runtime::has_ended`]).
    fn look_at_control(&mut self, input: Poll<()>) {
        let Some(id) = self.look.take_if(|_| input.is_pending()) else { return };
        let state = self.control.look(&self.runtime);
        self.handle(Event::ControlLookedAt(id, state));
    }

    fn poll_alarm(&mut self, cx: &mut Context<'_>) {
        let deadlines = [self.session.poll_timeout(), self.control.deadline(), self.shutdown_deadline()];
        let Some(deadline) = deadlines.into_iter().flatten().min() else { return };
        if self.alarm.poll(cx, deadline).is_pending() {
            return;
        }
        let now = self.runtime.now();
        self.control.handle_elapsed(now);
        self.handle(Event::Elapsed);
        if self.shutdown_deadline().is_some_and(|deadline| deadline <= now) {
            self.shutdown = Shutdown::Overdue;
            self.handle(Event::ShutdownOverdue);
        }
    }

    fn shutdown_deadline(&self) -> Option<Instant> {
        match self.shutdown {
            Shutdown::Requested(deadline) => Some(deadline),
            Shutdown::Awaited(_) | Shutdown::Overdue => None,
        }
    }

    /// Whether the client is gone and nothing of it is left to be done.
    fn is_over(&self) -> bool {
        self.control.is_closed() && self.requests.is_idle() && self.transfers.is_idle()
    }
}

/// The same address, as IPv4 where it is one in IPv6's clothes: a client of a socket that takes both wants its `PASV`,
/// and a socket of the one kind does not connect to the other.
fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(IpAddr::V4(ip), address.port()),
        IpAddr::V6(_) => address,
    }
}
