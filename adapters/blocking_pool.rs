//! Threads for calls that may block.

use std::{
    boxed::Box,
    collections::VecDeque,
    fmt,
    future::Future,
    io, mem,
    num::NonZeroUsize,
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    string::ToString,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    thread::{self, Thread},
    time::{Duration, Instant},
    vec::Vec,
};

use async_task::{Runnable, Task};

/// What the shared pool has at most. Disks and network file systems are faster with many calls at once, and if all of these
/// hang, the process still has room for other threads.
const SHARED_MOST_THREADS: NonZeroUsize = NonZeroUsize::new(256).unwrap();
/// A thread without work ends after this time: a busy moment is over, and its memory is free again.
const IDLE_TIME: Duration = Duration::from_secs(2);

/// A pool of threads for calls that may block: files, hashes of passwords, the system's resolver.
///
/// It serves every runtime. A clone is the same pool. Threads start when they are needed, and end when they have had
/// nothing to do for two seconds. Jobs that find all threads at work begin in the order in which they came; there is no bound
/// to how many of them wait.
///
/// ```
/// use std::num::NonZeroUsize;
///
/// use sansftp::adapters::BlockingPool;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let pool = BlockingPool::new(NonZeroUsize::new(4).unwrap());
/// assert_eq!(pool.run(|| 6 * 7).await, 42);
/// # }
/// ```
#[derive(Clone)]
pub struct BlockingPool(Arc<Shared>);

struct Shared {
    most_threads: NonZeroUsize,
    state: Mutex<State>,
    start_thread: fn(Work) -> io::Result<()>,
}

/// What a thread does.
type Work = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    threads: usize,
    /// Those that have nothing to do. The last one is the first to be woken: what it has in caches is the freshest.
    idle: Vec<Arc<Seat>>,
    /// Jobs that no thread is free for.
    waiting: VecDeque<Runnable>,
}

/// Where a thread that is idle gets its next job.
struct Seat {
    thread: Thread,
    job: Mutex<Option<Runnable>>,
}

/// A job of a [`BlockingPool`].
///
/// A job whose task is dropped before it began never does; what it holds is dropped in the pool. One that has begun goes
/// on to its end.
///
/// # Panics
///
/// When it is polled, if the job has panicked.
#[derive(Debug)]
#[must_use = "a job whose task is dropped may never begin"]
pub struct BlockingTask<T>(Task<T>);

impl BlockingPool {
    /// A pool of at most `most_threads` threads.
    #[must_use]
    pub fn new(most_threads: NonZeroUsize) -> Self {
        Self(Arc::new(Shared { most_threads, state: Mutex::default(), start_thread }))
    }

    /// The one that all stores and accounts of a process take if they are given no other, of 256 threads at most.
    #[must_use]
    pub fn shared() -> Self {
        static SHARED: LazyLock<BlockingPool> = LazyLock::new(|| BlockingPool::new(SHARED_MOST_THREADS));
        SHARED.clone()
    }

    /// Does a job on one of the threads.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> BlockingTask<T> {
        let shared = Arc::clone(&self.0);
        let schedule = move |job| Shared::schedule(&shared, job);
        // Whoever waits for a job that panics panics like it.
        let task = async_task::Builder::new().propagate_panic(true);
        let (runnable, task) = task.spawn(|()| async move { job() }, schedule);
        runnable.schedule();
        BlockingTask(task)
    }
}

impl<T> BlockingTask<T> {
    /// Whether the job is done, and its output waits here.
    pub(super) fn is_done(&self) -> bool {
        self.0.is_finished()
    }

    /// Lets the job be done though nobody waits for it.
    pub fn detach(self) {
        self.0.detach();
    }
}

impl<T> Future for BlockingTask<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn schedule(this: &Arc<Self>, job: Runnable) {
        let mut state = this.state();
        if let Some(seat) = state.idle.pop() {
            drop(state);
            *lock(&seat.job) = Some(job);
            return seat.thread.unpark();
        }
        state.waiting.push_back(job);
        if state.threads < this.most_threads.get() {
            state.threads += 1;
            drop(state);
            Self::start_thread(this);
        }
    }

    /// Starts a thread. If none can start, running threads do the work; if there are none, the caller does it.
    fn start_thread(this: &Arc<Self>) {
        let shared = Arc::clone(this);
        let Err(error) = (this.start_thread)(Box::new(move || shared.work())) else { return };
        tracing::warn!(%error, "no thread can be started for calls that block");
        let mut state = this.state();
        // A job that starts another one here leaves it to this loop, so they do not nest.
        while state.threads == 1
            && let Some(job) = state.waiting.pop_front()
        {
            drop(state);
            run(job);
            state = this.state();
        }
        state.threads -= 1;
    }

    /// What a thread does.
    fn work(&self) {
        let seat = Arc::new(Seat { thread: thread::current(), job: Mutex::new(None) });
        while let Some(job) = self.next_job(&seat) {
            run(job);
        }
    }

    /// The next job of a thread; `None` if it is to end.
    fn next_job(&self, seat: &Arc<Seat>) -> Option<Runnable> {
        {
            let mut state = self.state();
            let waiting = state.waiting.pop_front();
            if waiting.is_some() {
                return waiting;
            }
            state.idle.push(Arc::clone(seat));
        }
        let idle_since = Instant::now();
        loop {
            thread::park_timeout(IDLE_TIME.saturating_sub(idle_since.elapsed()));
            let job = lock(&seat.job).take();
            if job.is_some() {
                return job;
            }
            if idle_since.elapsed() >= IDLE_TIME && self.leave(seat) {
                return None;
            }
        }
    }

    /// Whether this thread may end: nobody is about to give it a job.
    fn leave(&self, seat: &Arc<Seat>) -> bool {
        let mut state = self.state();
        let Some(index) = state.idle.iter().position(|idle| Arc::ptr_eq(idle, seat)) else { return false };
        state.idle.remove(index);
        state.threads -= 1;
        true
    }
}

fn start_thread(work: Work) -> io::Result<()> {
    thread::Builder::new().name("sansftp-blocking".to_string()).spawn(work).map(drop)
}

/// The task gets the panic of its job. What is left is one in the drop of what the job held, and the thread outlives that.
fn run(job: Runnable) {
    if let Err(payload) = panic::catch_unwind(AssertUnwindSafe(|| job.run())) {
        mem::forget(payload);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let most_threads = self.0.most_threads;
        f.debug_struct("BlockingPool").field("most_threads", &most_threads).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, task::Waker};

    use super::*;

    fn pool(most_threads: usize) -> BlockingPool {
        BlockingPool::new(NonZeroUsize::new(most_threads).unwrap())
    }

    /// Waits for a job on this thread.
    fn wait<T>(mut task: BlockingTask<T>) -> T {
        struct Unpark(Thread);

        impl std::task::Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }

        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match Pin::new(&mut task).poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(output) => return output,
                Poll::Pending => thread::park(),
            }
        }
    }

    /// A thread that is at work until the sender is dropped.
    fn occupy(pool: &BlockingPool) -> mpsc::Sender<()> {
        let (sender, receiver) = mpsc::channel();
        let (begun, has_begun) = mpsc::channel();
        pool.run(move || {
            begun.send(()).unwrap();
            let _ = receiver.recv();
        })
        .detach();
        has_begun.recv().unwrap();
        sender
    }

    #[test]
    fn jobs_run_at_a_time_up_to_the_bound_and_then_in_order() {
        let pool = pool(2);
        let busy = [occupy(&pool), occupy(&pool)];
        let order = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = (0..100)
            .map(|number| {
                let order = Arc::clone(&order);
                pool.run(move || lock(&order).push(number))
            })
            .collect();
        assert_eq!(pool.0.state().threads, 2);
        assert_eq!(pool.0.state().waiting.len(), 100);
        let [one, other] = busy;
        drop(one);
        tasks.into_iter().for_each(wait);
        assert!(lock(&order).iter().copied().eq(0..100));
        drop(other);
    }

    #[test]
    fn a_job_whose_task_is_dropped_before_it_began_never_does() {
        let pool = pool(1);
        let busy = occupy(&pool);
        let held = Arc::new(());
        let (of_dropped, of_detached) = (Arc::clone(&held), Arc::clone(&held));
        drop(pool.run(move || panic!("{of_dropped:?} is done though nobody wants it")));
        let (sender, receiver) = mpsc::channel();
        pool.run(move || sender.send(of_detached).unwrap()).detach();
        drop(busy);
        receiver.recv().unwrap();
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    fn a_job_that_panics_takes_no_thread_along() {
        let pool = pool(1);
        let failed = pool.run(|| panic!("this is what the test wants"));
        assert_eq!(wait(pool.run(|| 7)), 7);
        let payload = panic::catch_unwind(AssertUnwindSafe(|| wait(failed))).unwrap_err();
        assert_eq!(payload.downcast_ref(), Some(&"this is what the test wants"));
    }

    /// As where a process may have no more of them.
    #[test]
    fn every_job_is_done_where_no_thread_can_start() {
        let shared = Shared {
            most_threads: NonZeroUsize::new(8).unwrap(),
            state: Mutex::default(),
            start_thread: |_| Err(io::ErrorKind::OutOfMemory.into()),
        };
        let pool = BlockingPool(Arc::new(shared));
        let callers: Vec<_> = (0..4)
            .map(|_| {
                let pool = pool.clone();
                thread::spawn(move || {
                    (0..50).for_each(|number| assert_eq!(wait(pool.run(move || number)), number))
                })
            })
            .collect();
        callers.into_iter().for_each(|caller| caller.join().unwrap());

        fn nest(pool: BlockingPool, depth: usize, done: mpsc::Sender<()>) {
            match depth.checked_sub(1) {
                Some(depth) => pool.clone().run(move || nest(pool, depth, done)).detach(),
                None => done.send(()).unwrap(),
            }
        }
        let (done, is_done) = mpsc::channel();
        nest(pool.clone(), 100_000, done);
        is_done.recv().unwrap();
        let state = pool.0.state();
        assert_eq!((state.threads, state.waiting.len()), (0, 0));
    }

    #[test]
    fn threads_that_are_idle_are_used_again_and_end() {
        let pool = pool(8);
        let busy: Vec<_> = (0..8).map(|_| occupy(&pool)).collect();
        drop(busy);
        while pool.0.state().idle.len() < 8 {
            thread::yield_now();
        }
        for _ in 0..100 {
            wait(pool.run(|| ()));
        }
        assert_eq!(pool.0.state().threads, 8);
        while pool.0.state().threads > 0 {
            thread::sleep(Duration::from_millis(50));
        }
        assert!(pool.0.state().idle.is_empty());
        assert_eq!(wait(pool.run(|| 7)), 7);
    }
}
