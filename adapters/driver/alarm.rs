//! What wakes a session at its next deadline.

use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use super::slot::Slot;
use crate::{adapters::runtimes::Runtime, instant::Instant};

/// A sleep that is set again only when it would end too late.
///
/// A deadline moves with each command and mostly moves away. Then the sleep stays as it is, ends early, and is set
/// again: that is one sleep per deadline and not one per command.
pub(super) struct Alarm<R> {
    runtime: R,
    sleep: Slot<Duration, ()>,
    ends: Option<Instant>,
}

impl<R: Runtime> Alarm<R> {
    pub(super) fn new(runtime: R) -> Self {
        let sleeper = runtime.clone();
        let sleep = Slot::new(move |time| {
            let runtime = sleeper.clone();
            async move { runtime.sleep(time).await }
        });
        Self { runtime, sleep, ends: None }
    }

    /// Ready when `deadline` has come.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        loop {
            let now = self.runtime.now();
            if now >= deadline {
                return Poll::Ready(());
            }
            if self.ends.is_none_or(|ends| ends > deadline) {
                self.sleep.start(deadline.saturating_since(now));
                self.ends = Some(deadline);
            }
            ready!(self.sleep.poll(cx));
            self.ends = None;
        }
    }
}

/// What is left of the time to this deadline when it is first asked for.
pub(super) async fn rest_of<R: Runtime>(runtime: R, deadline: Instant) {
    let rest = deadline.saturating_since(runtime.now());
    if !rest.is_zero() {
        runtime.sleep(rest).await;
    }
}
