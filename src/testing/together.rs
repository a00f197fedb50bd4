//! Futures that are polled in ways that a runtime would choose, without one.

use alloc::{boxed::Box, vec::Vec};
use core::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
};

use super::breach::Outcome;

/// Polls a future so many times at most, each time when it has asked for it, and drops it. Tells whether it was done by
/// then.
pub(super) async fn poll_times(times: usize, future: impl Future) -> bool {
    let mut future = pin!(future);
    let mut polls = 0..times;
    poll_fn(|context| match polls.next() {
        None => Poll::Ready(false),
        Some(_) if future.as_mut().poll(context).is_ready() => Poll::Ready(true),
        Some(_) if polls.is_empty() => Poll::Ready(false),
        Some(_) => Poll::Pending,
    })
    .await
}

/// Lets others come in between.
pub(super) async fn pause() {
    let mut is_over = false;
    poll_fn(|context| {
        if core::mem::replace(&mut is_over, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs steps at the same time, until all are done. If some fail, the first of them tells.
pub(super) async fn all<'a>(steps: impl IntoIterator<Item = Step<'a>>) -> Outcome {
    let mut steps: Vec<Option<Step<'a>>> = steps.into_iter().map(Some).collect();
    let mut outcome = Ok(());
    poll_fn(|context| {
        for place in &mut steps {
            let Some(Poll::Ready(result)) = place.as_mut().map(|step| step.as_mut().poll(context)) else {
                continue;
            };
            *place = None;
            outcome = core::mem::replace(&mut outcome, Ok(())).and(result);
        }
        if steps.iter().any(Option::is_some) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    outcome
}

/// One of several steps of unlike kinds.
pub(super) type Step<'a> = Pin<Box<dyn Future<Output = Outcome> + 'a>>;
