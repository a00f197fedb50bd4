//! A signal that is given once and that any number of tasks wait for.

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    mem,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// A signal; its clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Signal(Arc<State>);

#[derive(Debug, Default)]
struct State {
    is_given: AtomicBool,
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    next_key: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Signal {
    /// Gives the signal, for good.
    pub(super) fn give(&self) {
        self.0.is_given.store(true, Ordering::SeqCst);
        let wakers = mem::take(&mut self.0.lock().wakers);
        wakers.into_values().for_each(Waker::wake);
    }

    /// Waits for the signal.
    pub(super) fn wait(&self) -> Wait {
        Wait { state: Arc::clone(&self.0), registered: None }
    }

    /// The output of `future`, or `None` if the signal comes first. The future is dropped then.
    pub(super) async fn or<F: Future>(&self, future: F) -> Option<F::Output> {
        let mut wait = self.wait();
        let mut future = pin!(future);
        poll_fn(|cx| match Pin::new(&mut wait).poll(cx) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => future.as_mut().poll(cx).map(Some),
        })
        .await
    }
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing panics while it is held, and if it did, the table would still be whole.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The future of [`Signal::wait`].
#[derive(Debug)]
pub(super) struct Wait {
    state: Arc<State>,
    registered: Option<(u64, Waker)>,
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // A session polls this each time it wakes up. The lock is only for the first time.
        let is_registered = self.registered.as_ref().is_some_and(|(_, waker)| waker.will_wake(cx.waker()));
        if !is_registered {
            let mut waiting = self.state.lock();
            let key = self.registered.as_ref().map_or(waiting.next_key, |(key, _)| *key);
            waiting.next_key = waiting.next_key.max(key + 1);
            waiting.wakers.insert(key, cx.waker().clone());
            drop(waiting);
            self.registered = Some((key, cx.waker().clone()));
        }
        // This comes after the registration, so a signal that is given meanwhile is seen here or wakes the task.
        if self.state.is_given.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some((key, _)) = &self.registered {
            self.state.lock().wakers.remove(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::pending, task::Wake};

    use super::*;

    #[derive(Default)]
    struct Flag(AtomicBool);

    impl Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_signal_wakes_all_who_wait_and_is_there_for_those_who_come_later() {
        let signal = Signal::default();
        let flags = [Arc::new(Flag::default()), Arc::new(Flag::default())];
        let mut waits = [signal.wait(), signal.wait()];
        for (wait, flag) in waits.iter_mut().zip(&flags) {
            let waker = Waker::from(Arc::clone(flag));
            assert!(Pin::new(&mut *wait).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        signal.give();
        assert!(flags.iter().all(|flag| flag.0.load(Ordering::SeqCst)));
        for mut wait in waits.into_iter().chain([signal.wait()]) {
            assert!(Pin::new(&mut wait).poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
    }

    #[test]
    fn who_waits_no_more_leaves_nothing_behind() {
        let signal = Signal::default();
        let mut wait = signal.wait();
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut wait).poll(cx).is_pending());
        assert!(Pin::new(&mut wait).poll(cx).is_pending());
        assert_eq!(signal.0.lock().wakers.len(), 1);
        drop(wait);
        assert!(signal.0.lock().wakers.is_empty());
    }

    #[test]
    fn the_signal_comes_before_the_future() {
        let signal = Signal::default();
        let cx = &mut Context::from_waker(Waker::noop());
        assert_eq!(pin!(signal.or(async { 5 })).poll(cx), Poll::Ready(Some(5)));
        let mut endless = pin!(signal.or(pending::<()>()));
        assert!(endless.as_mut().poll(cx).is_pending());
        signal.give();
        assert_eq!(endless.poll(cx), Poll::Ready(None));
    }
}
