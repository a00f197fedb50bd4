//! Parts of an upload that are on their way.

use core::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use std::{
    boxed::Box,
    fmt, mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    vec::Vec,
};

use opendal::{Execute, Executor};

type Part = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The executor that OpenDAL sends parts with. They move on when the upload that they belong to is polled, so no runtime
/// is needed, and they end with it.
#[derive(Clone, Default)]
pub(super) struct Parts(Arc<Mutex<Vec<Part>>>);

impl Parts {
    pub(super) fn executor(&self) -> Executor {
        Executor::with(self.clone())
    }

    /// Moves all of them on; whether one has arrived.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> bool {
        // They are polled without the lock: whoever they wake may add more.
        let mut parts = mem::take(&mut *self.lock());
        let before = parts.len();
        parts.retain_mut(|part| part.as_mut().poll(cx) == Poll::Pending);
        let has_arrived = parts.len() < before;
        self.lock().append(&mut parts);
        has_arrived
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Part>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Execute for Parts {
    fn execute(&self, part: Part) {
        self.lock().push(part);
    }
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Parts({})", self.lock().len())
    }
}
