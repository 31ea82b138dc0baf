//! Timers of a thread that serves connections: set often, due seldom, and never exact.
//!
//! Tokio waits for sockets no longer than until its next timer, so that with timers of its own, each wait of a worker has a
//! limit, for which the kernel arms a timer and disarms it again when the first octet comes. The timers of a worker are in a
//! list of ours instead, and one timerfd(2) wakes the worker when the first of them is due, rounded up to a fourth of a
//! second: its waits have no limit, and cost less.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, Sleep, sleep_until};

/// By how much a timer can be late: a fourth of a second.
const GRAIN: Duration = Duration::from_millis(1000 / GRAINS);

/// How many grains a second has.
const GRAINS: u64 = 4;

thread_local! {
    static TIMERS: RefCell<Option<Timers>> = const { RefCell::new(None) };
}

/// The first number of the next thread's timers, and how many numbers each thread has.
static NUMBERS: AtomicU64 = AtomicU64::new(0);
const NUMBERS_EACH: u64 = 1 << 48;

/// A time at which a task wants to be woken.
#[derive(Debug)]
pub struct Timer {
    at: Instant,
    entry: Entry,
}

/// Where a timer is registered.
#[derive(Debug, Default)]
enum Entry {
    /// Nowhere: nothing has waited for it yet, or it is due.
    #[default]
    None,
    /// With its thread's timers.
    Coarse(Number),
    /// With Tokio, because its thread has none.
    Exact(Pin<Box<Sleep>>),
}

/// A timer's number, which no other timer has, of whatever thread.
type Number = u64;

/// The timers of one thread.
#[derive(Debug)]
struct Timers {
    waiting: foldhash::HashMap<Number, Waiting>,
    /// What is waiting, by its time.
    due: BTreeSet<(Tick, Number)>,
    begun: Instant,
    clock: Rc<AsyncFd<OwnedFd>>,
    /// When the clock wakes the thread next, if it does.
    armed: Option<Tick>,
    /// The number of the next timer.
    next: Number,
}

/// So many grains after a thread's timers have begun.
type Tick = u64;

#[derive(Debug)]
struct Waiting {
    tick: Tick,
    waker: Waker,
}

impl Timer {
    /// A timer that is due then.
    pub fn new(at: Instant) -> Self {
        Self { at, entry: Entry::None }
    }

    /// When it is due.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Has it due at another time.
    pub fn reset(&mut self, at: Instant) {
        self.at = at;
        match &mut self.entry {
            Entry::Exact(sleep) => sleep.as_mut().reset(at),
            entry => *entry = std::mem::take(entry).retired(),
        }
    }

    /// Ready when it is due, on a thread that has timers of its own at most a fourth of a second later. After a reset it must be
    /// polled for its task to be woken.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.entry {
            Entry::Exact(sleep) => return sleep.as_mut().poll(cx),
            Entry::Coarse(number) if is_waiting(*number, cx.waker()) => return Poll::Pending,
            // Nothing has waited yet, its time has come, or it waited on another thread.
            Entry::None | Entry::Coarse(_) => self.entry = Entry::None,
        }
        if Instant::now() >= self.at {
            return Poll::Ready(());
        }
        if let Some(number) = with(|timers| timers.add(self.at, cx.waker().clone())) {
            self.entry = Entry::Coarse(number);
            return Poll::Pending;
        }
        let mut sleep = Box::pin(sleep_until(self.at));
        let due = sleep.as_mut().poll(cx);
        self.entry = Entry::Exact(sleep);
        due
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        drop(std::mem::take(&mut self.entry).retired());
    }
}

impl Entry {
    /// Nowhere, after it has been taken off its thread's timers.
    fn retired(self) -> Self {
        if let Self::Coarse(number) = self {
            // To drop a waker can end its task, which drops timers: not while the list is in use.
            drop(with(|timers| timers.remove(number)));
        }
        Self::None
    }
}

impl Timers {
    fn add(&mut self, at: Instant, waker: Waker) -> Number {
        let (number, tick) = (self.next, self.ticks(at) + 1);
        self.next += 1;
        self.waiting.insert(number, Waiting { tick, waker });
        self.due.insert((tick, number));
        self.arm();
        number
    }

    fn remove(&mut self, number: Number) -> Option<Waiting> {
        let waiting = self.waiting.remove(&number)?;
        self.due.remove(&(waiting.tick, number));
        Some(waiting)
    }

    /// What is due by now is taken off, and its wakers are given.
    fn turn(&mut self, now: Instant) -> Vec<Waker> {
        let later = self.due.split_off(&(self.ticks(now) + 1, 0));
        let due = std::mem::replace(&mut self.due, later);
        self.armed = None;
        self.arm();
        due.into_iter().filter_map(|(_, number)| self.waiting.remove(&number)).map(|waiting| waiting.waker).collect()
    }

    /// Has the clock fire when the first of them is due. A clock that fires for nothing, because that one was taken off, is left as
    /// it is.
    fn arm(&mut self) {
        let Some(&(first, _)) = self.due.first() else { return };
        if self.armed.is_some_and(|armed| armed <= first) {
            return;
        }
        let at = GRAIN.saturating_mul(u32::try_from(first).unwrap_or(u32::MAX));
        // Zero would disarm it.
        let time = at.saturating_sub(self.begun.elapsed()).max(Duration::from_nanos(1));
        let it_interval = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() };
        let once = Itimerspec { it_interval, it_value };
        // It fails for what is no time, which this is not.
        if rustix::time::timerfd_settime(&*self.clock, TimerfdTimerFlags::empty(), &once).is_ok() {
            self.armed = Some(first);
        }
    }

    /// How many whole grains have passed by then.
    fn ticks(&self, at: Instant) -> Tick {
        let time = at.saturating_duration_since(self.begun);
        time.as_secs() * GRAINS + u64::from(time.subsec_nanos() / GRAIN.subsec_nanos())
    }
}

/// Whether a timer is still among those of this thread; if so, this is whom it wakes.
fn is_waiting(number: Number, waker: &Waker) -> bool {
    let found = with(|timers| {
        let waiting = timers.waiting.get_mut(&number)?;
        let is_other = !waiting.waker.will_wake(waker);
        Some(is_other.then(|| std::mem::replace(&mut waiting.waker, waker.clone())))
    });
    found.flatten().is_some()
}

/// Asks this thread's timers, if it has any.
fn with<T>(ask: impl FnOnce(&mut Timers) -> T) -> Option<T> {
    TIMERS.try_with(|timers| timers.try_borrow_mut().ok()?.as_mut().map(ask)).ok().flatten()
}

/// Gives this thread timers of its own and wakes what is due, for ever. Whatever is polled on the thread meanwhile has its
/// timers among them.
pub async fn drive() -> io::Result<Infallible> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let clock = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
    #[expect(deprecated, reason = "it is for what may close its descriptor early, which an OwnedFd does not")]
    let clock = AsyncFd::with_interest(clock, Interest::READABLE)?;
    let clock = Rc::new(clock);
    let (waiting, due, begun) = (foldhash::HashMap::default(), BTreeSet::new(), Instant::now());
    let next = NUMBERS.fetch_add(NUMBERS_EACH, Ordering::Relaxed);
    TIMERS.set(Some(Timers { waiting, due, begun, clock: Rc::clone(&clock), armed: None, next }));
    let _driven = Driven;
    loop {
        let mut fired = clock.readable().await?;
        // How often it has fired does not matter.
        let (Ok(_) | Err(_)) = rustix::io::read(&*clock, &mut [0_u8; 8]);
        fired.clear_ready();
        let due = with(|timers| timers.turn(Instant::now()));
        due.into_iter().flatten().for_each(Waker::wake);
    }
}

/// While it lives, its thread has timers of its own.
struct Driven;

impl Drop for Driven {
    fn drop(&mut self) {
        drop(TIMERS.take());
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Instant as Moment;

    use super::*;

    /// What `asked` gives on a thread that has timers of its own.
    fn driven<F: Future>(asked: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            tokio::select! {
                biased;
                Err(error) = drive() => panic!("{error}"),
                given = asked => given,
                () = tokio::time::sleep(Duration::from_secs(60)) => panic!("nothing was woken"),
            }
        })
    }

    fn soon(millis: u64) -> Instant {
        Instant::now() + Duration::from_millis(millis)
    }

    async fn wait(timer: &mut Timer) {
        poll_fn(|cx| timer.poll(cx)).await;
    }

    fn poll_once(timer: &mut Timer) -> Poll<()> {
        timer.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn waiting() -> usize {
        with(|timers| {
            assert_eq!(timers.due.len(), timers.waiting.len());
            timers.due.len()
        })
        .unwrap()
    }

    #[test]
    fn a_timer_is_never_early_and_at_most_a_grain_late() {
        driven(async {
            for millis in [0, 1, 249, 250, 251, 600] {
                let begun = Moment::now();
                let mut timer = Timer::new(soon(millis));
                wait(&mut timer).await;
                let took = begun.elapsed();
                assert!(took >= Duration::from_millis(millis), "{took:?} for {millis} ms");
                // A busy machine may take its time besides.
                assert!(
                    took < Duration::from_millis(millis) + GRAIN + Duration::from_secs(2),
                    "{took:?} for {millis} ms"
                );
            }
            assert_eq!(waiting(), 0);
        });
    }

    #[test]
    fn each_is_woken_at_its_own_time_also_one_that_is_set_after_a_later_one() {
        driven(async {
            let begun = Moment::now();
            let mut late = Timer::new(soon(3_600_000));
            assert!(poll_once(&mut late).is_pending());
            let mut near = Timer::new(soon(3000));
            let mut nearer = Timer::new(soon(300));
            tokio::join!(wait(&mut near), async {
                wait(&mut nearer).await;
                // However busy the machine is.
                assert!(begun.elapsed() < Duration::from_millis(3000), "{:?}", begun.elapsed());
            });
            assert!(begun.elapsed() >= Duration::from_millis(3000));
            assert_eq!(waiting(), 1);
            late.reset(soon(300));
            assert_eq!(waiting(), 0, "until it is polled");
            wait(&mut late).await;
        });
    }

    #[test]
    fn what_waits_no_more_is_forgotten() {
        driven(async {
            let mut timers = [Timer::new(soon(3_600_000)), Timer::new(soon(3_600_000))];
            assert!(timers.iter_mut().all(|timer| poll_once(timer).is_pending()));
            assert_eq!(waiting(), 2);
            let [first, second] = timers;
            drop(first);
            assert_eq!(waiting(), 1);
            drop(second);
            assert_eq!(waiting(), 0);
        });
    }

    #[test]
    fn a_timer_goes_on_where_there_are_none_and_where_there_are_others() {
        let mut timer = driven(async {
            let mut timer = Timer::new(soon(400));
            assert!(poll_once(&mut timer).is_pending());
            timer
        });
        let timer = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            assert!(poll_once(&mut timer).is_pending());
            assert!(matches!(timer.entry, Entry::Exact(_)));
            let mut other = Timer::new(soon(300));
            wait(&mut other).await;
            Timer::new(timer.at())
        });
        driven(async move {
            let mut timer = timer;
            wait(&mut timer).await;
            assert!(Instant::now() >= timer.at());
        });
    }

    #[test]
    fn tasks_that_end_with_the_thread_leave_their_timers_behind_without_harm() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let task = tokio::spawn(async { wait(&mut Timer::new(soon(3_600_000))).await });
            tokio::select! {
                Err(error) = drive() => panic!("{error}"),
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
            assert!(!task.is_finished());
        });
        drop(runtime);
        assert!(with(|_| ()).is_none());
    }
}
