//! A toy kernel: tasks with stacks of their own that take turns on one thread, and a time that only passes
//! while all of them sleep.
//!
//! Five functions are all that an operating system has to provide for ntpark, at the end of this file. The word is
//! compared, and its task put to sleep, under the lock that `wake` takes as well: so they are one step, in a kernel
//! with several processors too. Where interrupt handlers may wake, that lock has to mask interrupts; see
//! `examples/kernels`, which are preempted and run without an operating system.

use corosensei::{Coroutine, CoroutineResult, Yielder};
use ntpark::{Host, HostFunctions};
use std::cell::Cell;
use std::ffi::c_void;
use std::mem;
use std::num::NonZeroU32;
use std::ptr;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Mutex, MutexGuard};

/// What ntpark is given: the kernel as context, and what it does for it.
// SAFETY: the functions below do what their types ask for, for tasks of the one thread that `run` is called
// on, and don't unwind; the kernel is a static.
pub(crate) static HOST: Host = unsafe {
    let functions = HostFunctions { wait, wake, now, thread_yield, current_thread };
    // Time is told to the unit.
    Host::new((&raw const KERNEL).cast_mut().cast(), functions, NonZeroU32::MIN)
};

static KERNEL: Kernel = Kernel { tables: Mutex::new(Tables { time: 0, running: 0, tasks: Vec::new() }) };

struct Kernel {
    tables: Mutex<Tables>,
}

struct Tables {
    /// Units of 100 ns since the start.
    time: u64,
    /// Whose turn it is.
    running: usize,
    tasks: Vec<Task>,
}

/// What a task is up to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Task {
    Ready,
    /// Until something wakes it at this address, or until this time.
    Asleep {
        address: usize,
        until: u64,
    },
    Done,
}

/// Nobody can ever run again.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Deadlock {
    /// How many tasks sleep for ever.
    pub(crate) asleep: usize,
}

thread_local! {
    /// How the running task gives its turn back.
    static YIELDER: Cell<*const Yielder<(), ()>> = const { Cell::new(ptr::null()) };
}

/// Runs tasks until all are done.
pub(crate) fn run(tasks: impl IntoIterator<Item = Box<dyn FnOnce()>>) -> Result<(), Deadlock> {
    let mut stacks: Vec<Coroutine<(), (), ()>> = tasks
        .into_iter()
        .map(|task| {
            Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
                YIELDER.set(yielder);
                task();
            })
        })
        .collect();
    KERNEL.tables().tasks = vec![Task::Ready; stacks.len()];
    loop {
        match KERNEL.next() {
            Ok(Some(number)) => {
                if let CoroutineResult::Return(()) = stacks[number].resume(()) {
                    KERNEL.tables().tasks[number] = Task::Done;
                }
            }
            Ok(None) => return Ok(()),
            Err(deadlock) => {
                // Dropped, they would be unwound, and out of a wait there is no way but its end.
                mem::forget(stacks);
                return Err(deadlock);
            }
        }
    }
}

impl Kernel {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().expect("nothing panics with the tables locked")
    }

    fn next(&self) -> Result<Option<usize>, Deadlock> {
        self.tables().next()
    }

    /// Ends the running task's turn; returns when it is its turn again. What it waits for is in the tables already: if
    /// that has come meanwhile, it is ready, and has its turn like the others.
    fn suspend(&self) {
        let yielder = YIELDER.get();
        // SAFETY: the running task has set it to its own, which lives as long as the task.
        unsafe { &*yielder }.suspend(());
        // Others have run meanwhile, and set theirs.
        YIELDER.set(yielder);
    }
}

impl Tables {
    fn set_running(&mut self, task: Task) {
        self.tasks[self.running] = task;
    }

    /// The task whose turn it is next, round and round; none when all are done. If nobody can run, time
    /// passes until somebody's sleep is over.
    fn next(&mut self) -> Result<Option<usize>, Deadlock> {
        let count = self.tasks.len();
        loop {
            let in_turn = (1..=count).map(|step| (self.running + step) % count);
            if let Some(next) = in_turn.into_iter().find(|&number| self.tasks[number] == Task::Ready) {
                self.running = next;
                return Ok(Some(next));
            }
            let asleep = || {
                self.tasks
                    .iter()
                    .filter_map(|task| if let Task::Asleep { until, .. } = task { Some(*until) } else { None })
            };
            match asleep().min() {
                None => return Ok(None),
                Some(u64::MAX) => return Err(Deadlock { asleep: asleep().count() }),
                Some(until) => self.time = until,
            }
            for task in &mut self.tasks {
                if matches!(task, Task::Asleep { until, .. } if *until <= self.time) {
                    *task = Task::Ready;
                }
            }
        }
    }
}

/// The kernel that the host was given.
///
/// # Safety
/// `context` is that of [`HOST`].
unsafe fn kernel<'a>(context: *mut c_void) -> &'a Kernel {
    // SAFETY: it is the address of a static.
    unsafe { &*context.cast::<Kernel>() }
}

unsafe extern "C" fn wait(context: *mut c_void, word: *const usize, expected: usize, timeout: u64) {
    // SAFETY: the context is that of the host.
    let kernel = unsafe { kernel(context) };
    let must_sleep = {
        let mut tables = kernel.tables();
        // SAFETY: ntpark's word is alive as long as this call, and only used as an atomic.
        let found = unsafe { AtomicUsize::from_ptr(word.cast_mut()) }.load(Relaxed);
        if found == expected {
            let until = tables.time.saturating_add(timeout);
            tables.set_running(Task::Asleep { address: word.addr(), until });
        }
        found == expected
    };
    if must_sleep {
        kernel.suspend();
    }
}

unsafe extern "C" fn wake(context: *mut c_void, word: *const usize) {
    // SAFETY: the context is that of the host.
    let kernel = unsafe { kernel(context) };
    for task in &mut kernel.tables().tasks {
        if matches!(task, Task::Asleep { address, .. } if *address == word.addr()) {
            *task = Task::Ready;
        }
    }
}

unsafe extern "C" fn now(context: *mut c_void) -> u64 {
    // SAFETY: the context is that of the host.
    unsafe { kernel(context) }.tables().time
}

unsafe extern "C" fn thread_yield(context: *mut c_void) {
    // SAFETY: the context is that of the host. It is ready already, as every task that runs.
    unsafe { kernel(context) }.suspend();
}

unsafe extern "C" fn current_thread(context: *mut c_void) -> usize {
    // SAFETY: the context is that of the host.
    unsafe { kernel(context) }.tables().running + 1
}
