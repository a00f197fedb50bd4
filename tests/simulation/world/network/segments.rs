//! Segments: how they are sent, what becomes of them on their way, and how they arrive.

use std::{
    io::{self, ErrorKind},
    time::Duration,
};

use super::{
    super::{Happening, LAG, State, Weather},
    End, Load, PipeId, Side,
};

impl State {
    // Sending.

    /// Sends bytes, as many as there is room for, and tells how many those are.
    pub(in super::super) fn send(&mut self, pipe: PipeId, bytes: &[u8]) -> io::Result<usize> {
        let from = pipe.to.other();
        let connection = self.connection_mut(pipe.connection);
        if let End::Broken(kind) = connection.pipe(from).end {
            return Err(kind.into());
        }
        if connection.pipe(pipe.to).has_sent_end {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let mut count = connection.pipe(pipe.to).room().min(bytes.len());
        let keeps = connection.is_control() && connection.server == from;
        if count > 1 && self.chance.one_in(self.weather.splits) {
            count = self.chance.between(1, count as u64) as usize;
        }
        self.note(|| format!("{pipe:?} takes {count} of {}", bytes.len()));
        let mut rest = &bytes[..count];
        while !rest.is_empty() {
            let mut cut = rest.len();
            if self.chance.one_in(self.weather.splits) {
                cut = self.chance.between(1, rest.len() as u64) as usize;
            }
            self.dispatch(pipe, Load::Bytes(rest[..cut].to_vec()), Duration::ZERO);
            rest = &rest[cut..];
        }
        if keeps && count > 0 {
            let (stamp, now) = (self.stamp(), self.now);
            let connection = self.connection_mut(pipe.connection);
            connection.transcript.extend_from_slice(&bytes[..count]);
            connection.marks.push((connection.transcript.len(), stamp));
            connection.last_written = now;
        }
        self.tasks.progressed();
        Ok(count)
    }

    /// Sends bytes that are held up until whatever is sent at the same time arrives, too, if there is room for them.
    pub(in super::super) fn send_late(&mut self, pipe: PipeId, bytes: &[u8]) {
        let sending = self.connection_mut(pipe.connection).pipe(pipe.to);
        if sending.room() < bytes.len() || sending.has_sent_end {
            return;
        }
        let latency = sending.latency;
        let earliest = self.now + latency + self.weather.jitter;
        self.dispatch(pipe, Load::Bytes(bytes.to_vec()), earliest);
    }

    /// Ends the sending side in good order; it arrives at `earliest` or later.
    pub(in super::super) fn finish(&mut self, pipe: PipeId, earliest: Duration) {
        let now = self.now;
        let connection = self.connection_mut(pipe.connection);
        let sending = connection.pipe(pipe.to);
        if !sending.has_sent_end {
            sending.has_sent_end = true;
            if connection.is_secret && connection.server != pipe.to {
                connection.last_written = now;
            }
            self.dispatch(pipe, Load::End, earliest);
        }
    }

    /// Breaks the connection from the end that `pipe` leads away from.
    pub(in super::super) fn reset(&mut self, pipe: PipeId, earliest: Duration) {
        self.dispatch(pipe, Load::Reset, earliest);
        let connection = self.connection_mut(pipe.connection);
        connection.pipe(pipe.to).has_sent_end = true;
        let own = connection.pipe(pipe.to.other());
        if !matches!(own.end, End::Broken(_)) {
            own.end = End::Broken(ErrorKind::ConnectionReset);
        }
        own.wake();
    }

    /// Puts a segment on its way.
    fn dispatch(&mut self, id: PipeId, load: Load, earliest: Duration) {
        let delay = self.delay(id);
        let now = self.now;
        let pipe = self.connection_mut(id.connection).pipe(id.to);
        if let Load::Bytes(bytes) = &load {
            pipe.flying += bytes.len();
            pipe.sent += bytes.len() as u64;
        }
        if pipe.is_hole {
            return;
        }
        let arrival = (now + pipe.latency + delay).max(pipe.last_arrival).max(earliest);
        pipe.last_arrival = arrival;
        match load {
            Load::Bytes(_) => pipe.bytes_arrival = arrival,
            // What is reset when it has ended has ended before.
            Load::End | Load::Reset => drop(pipe.end_arrival.get_or_insert(arrival)),
        }
        pipe.in_flight.push_back(load);
        self.plan(arrival, Happening::Arrive(id));
    }

    /// What the network does to the next segment.
    fn delay(&mut self, id: PipeId) -> Duration {
        let Weather { jitter, hiccups, holes, resets, .. } = self.weather;
        let mut delay = self.chance.time(jitter);
        if self.chance.one_in(hiccups) {
            delay += self.chance.time(Duration::from_secs(100));
            self.connection_mut(id.connection).is_harmed = true;
            self.counts.add("network: hiccups", 1);
        }
        if self.chance.one_in(holes) {
            self.silence(id.connection);
            self.counts.add("network: connections that fell silent", 1);
        }
        if self.chance.one_in(resets) {
            self.counts.add("network: resets", 1);
            self.connection_mut(id.connection).is_harmed = true;
            for to in [Side::Dialler, Side::Acceptor] {
                let earliest = self.now;
                let pipe = self.connection_mut(id.connection).pipe(to);
                let arrival = (earliest + pipe.latency).max(pipe.last_arrival);
                pipe.last_arrival = arrival;
                pipe.end_arrival = Some(arrival);
                pipe.in_flight.push_back(Load::Reset);
                self.plan(arrival, Happening::Arrive(PipeId { connection: id.connection, to }));
            }
        }
        delay
    }

    // Arriving.

    pub(in super::super) fn arrive(&mut self, id: PipeId) {
        let is_late = self.chance.one_in(self.weather.late_notices);
        let notice = if is_late { self.now + self.chance.time(LAG) } else { self.now };
        let drops_unread = self.chance.one_in(2);
        let connection = self.connection_mut(id.connection);
        let is_closed = connection.is_closed[id.to as usize];
        let pipe = connection.pipe(id.to);
        let Some(load) = pipe.in_flight.pop_front() else { return };
        match load {
            Load::Bytes(bytes) => {
                pipe.flying -= bytes.len();
                if is_closed {
                    // Nobody reads them: the system says so.
                    let back = PipeId { to: id.to.other(), ..id };
                    return self.reset(back, Duration::ZERO);
                }
                if !matches!(pipe.end, End::Broken(_)) {
                    pipe.arrived.extend(&bytes);
                }
            }
            Load::End if pipe.end == End::Open => pipe.end = End::Finished,
            Load::End => {}
            Load::Reset => {
                pipe.end = End::Broken(ErrorKind::ConnectionReset);
                if drops_unread {
                    pipe.arrived.clear();
                }
                connection.pipe(id.to.other()).wake();
            }
        }
        self.note(|| format!("{id:?} has arrived"));
        let pipe = self.connection_mut(id.connection).pipe(id.to);
        pipe.noticed = pipe.noticed.max(notice);
        if is_late {
            self.plan(notice, Happening::Notice(id));
        } else {
            self.notice(id);
        }
    }

    pub(in super::super) fn notice(&mut self, id: PipeId) {
        let now = self.now;
        let pipe = self.connection_mut(id.connection).pipe(id.to);
        if pipe.is_noticed(now) {
            pipe.wake();
        }
    }
}
