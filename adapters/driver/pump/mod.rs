//! One transfer: bytes between a store and a data connection.
//!
//! Each poll moves a bounded number of bytes, so that one transfer leaves time for others and for the commands on its
//! own control connection. The memory of a transfer is bounded too: it starts small, grows to two chunks at most, and
//! ends with the transfer.

mod chunk_size;
mod memory;
mod movement;
mod receive;
mod receive_buffer;
mod send;

pub(super) use self::{
    movement::{Ended, Progress},
    receive::receive,
    receive_buffer::StreamEnd,
    send::{Source, send},
};

#[cfg(test)]
mod tests {
    use std::{
        future::{Future, pending, ready},
        io,
        pin::{Pin, pin},
        sync::Arc,
        task::{Context, Poll, Waker},
        vec,
        vec::Vec,
    };

    use bytes::Bytes;
    use futures_io::{AsyncRead, AsyncWrite};

    use super::{
        super::{boasts::Boasts, turn::TURN},
        send::FORGOTTEN,
        *,
    };
    use crate::{
        adapters::tls::Stream,
        dtp::{Dtp, Representation},
        listing::ListingFormat,
        session::Outcome,
        storage::{AbortReason, Download, Entry, Listing, Metadata, StorageError, Stored, Upload},
        time_value::TimeValue,
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
    fn assert_bounded(movement: impl Future<Output = Ended<Endless>>, progress: &Progress) {
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
        assert!(matches!(stopped, Poll::Ready(Ended::Stopped(AbortReason::ClientAborted))));
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
        assert!(matches!(sent, Poll::Ready(Ended::Sent(Outcome::Lost))));
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
        assert!(matches!(sent, Poll::Ready(Ended::Sent(Outcome::Sent { bytes: 9 }))));
    }

    #[test]
    fn a_connection_that_tells_of_more_bytes_than_there_are_is_lost() {
        let cx = &mut Context::from_waker(Waker::noop());
        let source = Source::<Endless, Endless>::Text(Bytes::from_static(b"all of it"));
        let stream = Stream::Clear(Boasts);
        let sending = pin!(send::<Endless, _, _, _>(source, stream, 512, Arc::default(), ready(())));
        assert!(matches!(sending.poll(cx), Poll::Ready(Ended::Sent(Outcome::Lost))));

        let dtp = Dtp::new(Representation::Image);
        let receiving = pin!(receive(Endless, Stream::Clear(Boasts), dtp, 512, Arc::default()));
        assert!(matches!(receiving.poll(cx), Poll::Ready(Ended::BrokeOff(Outcome::Lost, _))));
    }
}
