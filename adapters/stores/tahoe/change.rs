//! Changes that run to their end.

use std::{
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::gateway::Gateway;
use crate::{
    adapters::{runtimes::Runtime, signal::Signal},
    storage::{StorageError, StorageErrorKind},
};

/// How long a change may take. Storage servers that hang are given up by the gateway after a minute for each request.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// What came of a change, for the one who waits for it.
struct Outcome<T> {
    result: Mutex<Option<Result<T, StorageError>>>,
    ended: Signal,
}

/// Tells that the change has ended, also if its task is dropped or panics.
struct Ending<T>(Arc<Outcome<T>>);

impl<T> Ending<T> {
    fn set(&self, result: Option<Result<T, StorageError>>) {
        *self.0.result.lock().unwrap_or_else(PoisonError::into_inner) = result;
    }
}

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.0.ended.give();
    }
}

impl<R: Runtime> Gateway<R> {
    /// Runs a change as a task of its own, and waits for it.
    ///
    /// The gateway cancels a change whose request is dropped, and would leave a rename half done, or a directory
    /// half written. So the change goes on if this is dropped, because the client had no patience, say.
    pub(super) async fn carry_out<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, StorageError>> + Send + 'static,
    ) -> Result<T, StorageError> {
        let outcome = Arc::new(Outcome { result: Mutex::new(None), ended: Signal::default() });
        let ending = Ending(Arc::clone(&outcome));
        let gateway = self.clone();
        self.runtime().spawn(async move {
            ending.set(gateway.within(CHANGE_TIMEOUT, change).await);
        });
        outcome.ended.wait().await;
        let result = outcome.result.lock().unwrap_or_else(PoisonError::into_inner).take();
        result.unwrap_or_else(|| {
            Err(StorageError::new(
                StorageErrorKind::Failed,
                "The grid did not tell in time what came of it; look before you try again.",
            ))
        })
    }
}
