//! Memory that is gone: where a thread's waiter lay until it returned.
//!
//! Waiters lie on stacks, so what touches one too late reads what was there, or something else, and goes on as if
//! nothing were wrong. Here that is noticed, until the thread itself uses that part of its stack for something else.

use shuttle::current::me;
use shuttle::scheduler::TaskId;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::Range;

/// How near the thread's own use of its stack has to be to be taken for use of the same place: a waiter's size.
const NEAR: usize = 256;

/// Parts of stacks.
#[derive(Default)]
struct Places {
    /// Where each thread has waited last.
    last: HashMap<TaskId, Range<usize>>,
    gone: Vec<(TaskId, Range<usize>)>,
}

thread_local! {
    /// Shuttle runs all threads of an execution on one thread of the system.
    static PLACES: RefCell<Places> = RefCell::default();
    /// How often things have been used.
    static USES: Cell<usize> = const { Cell::new(0) };
}

/// How often atomics and cells of the lot are used by `work`.
pub(crate) fn uses(work: impl FnOnce()) -> usize {
    let before = USES.get();
    work();
    USES.get() - before
}

/// An execution begins.
pub(crate) fn reset() {
    PLACES.take();
}

/// The calling thread waits, and this part of its stack is in use.
pub(crate) fn wait_at(range: Range<usize>) {
    PLACES.with_borrow_mut(|places| places.last.insert(me(), range));
}

/// The calling thread leaves the place where it has waited, if it has.
pub(crate) fn leave() {
    PLACES.with_borrow_mut(|places| {
        if let Some(range) = places.last.remove(&me()) {
            places.gone.push((me(), range));
        }
    });
}

/// The calling thread ends; its stack may be another's from here on.
pub(crate) fn end_thread() {
    PLACES.with_borrow_mut(|places| places.gone.retain(|(thread, _)| *thread != me()));
}

/// Looks whether a thing is still there that is used.
pub(crate) fn touch<T>(thing: *const T) {
    USES.set(USES.get() + 1);
    let address = thing.addr();
    PLACES.with_borrow_mut(|places| {
        if places.gone.is_empty() || std::thread::panicking() {
            return;
        }
        let me = me();
        let is_near = |range: &Range<usize>| range.start < address + NEAR && address < range.end + NEAR;
        places.gone.retain(|(thread, range)| *thread != me || !is_near(range));
        let is_gone = places.gone.iter().any(|(_, range)| range.contains(&address));
        assert!(!is_gone, "a waiter is used whose thread has returned");
    });
}
