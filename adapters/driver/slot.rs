//! One future at a time, in memory that is used again.

use std::{
    boxed::Box,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

/// Runs one future at a time. One function makes them all, so they are all of one size, and only the first one costs
/// an allocation.
pub(super) struct Slot<I, O>(Box<dyn Run<I, O> + Send>);

impl<I, O> Slot<I, O> {
    /// An empty slot, and the function that makes its futures.
    pub(super) fn new<F>(make: impl Fn(I) -> F + Send + 'static) -> Self
    where
        F: Future<Output = O> + Send + 'static,
    {
        Self(Box::new(Place { make, memory: None }))
    }

    /// Makes a future of `input` and runs it from now on, in place of an earlier one.
    pub(super) fn start(&mut self, input: I) {
        self.0.start(input);
    }

    /// Drops the future, if there is one.
    pub(super) fn stop(&mut self) {
        self.0.stop();
    }

    /// The output of the future, once. Pending while there is none.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<O> {
        self.0.poll(cx)
    }
}

/// What [`Slot`] needs of a [`Place`], whose type cannot be named.
trait Run<I, O> {
    fn start(&mut self, input: I);
    fn stop(&mut self);
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<O>;
}

struct Place<M, F> {
    make: M,
    memory: Option<Pin<Box<Option<F>>>>,
}

impl<I, M: Fn(I) -> F, F: Future> Run<I, F::Output> for Place<M, F> {
    fn start(&mut self, input: I) {
        let future = (self.make)(input);
        match &mut self.memory {
            Some(memory) => memory.as_mut().set(Some(future)),
            None => self.memory = Some(Box::pin(Some(future))),
        }
    }

    fn stop(&mut self) {
        if let Some(memory) = &mut self.memory {
            memory.as_mut().set(None);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Some(memory) = &mut self.memory else { return Poll::Pending };
        let Some(future) = memory.as_mut().as_pin_mut() else { return Poll::Pending };
        let output = ready!(future.poll(cx));
        memory.as_mut().set(None);
        Poll::Ready(output)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, task::Waker, vec::Vec};

    use super::*;

    #[test]
    fn a_slot_runs_one_future_after_the_other_and_drops_what_it_is_told_to_stop() {
        let cx = &mut Context::from_waker(Waker::noop());
        let mut slot = Slot::new(|(number, guard): (Option<u8>, Arc<()>)| async move {
            let Some(number) = number else { return std::future::pending().await };
            drop(guard);
            number
        });
        assert!(slot.poll(cx).is_pending(), "nothing was started");

        let guard = Arc::new(());
        let outputs: Vec<_> = (1..=3)
            .map(|number| {
                slot.start((Some(number), Arc::clone(&guard)));
                slot.poll(cx)
            })
            .collect();
        assert_eq!(outputs, [Poll::Ready(1), Poll::Ready(2), Poll::Ready(3)]);
        assert!(slot.poll(cx).is_pending(), "an output comes once");

        slot.start((None, Arc::clone(&guard)));
        assert!(slot.poll(cx).is_pending());
        assert_eq!(Arc::strong_count(&guard), 2);
        slot.stop();
        assert_eq!(Arc::strong_count(&guard), 1, "a future that is stopped is dropped");
        assert!(slot.poll(cx).is_pending());
    }
}
