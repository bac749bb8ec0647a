//! The scheduler's table: which threads are ready, and what the others wait for. It knows no machine: whoever calls it
//! has masked interrupts and, where there are several processors, holds the lock.
//!
//! Threads are made at boot, are bound to a processor and never end. Number `c` below [`CPUS`] is the idle thread of
//! processor `c`.

use crate::machine::CPUS;

/// The thread that directs the workers, which have the numbers after it.
pub(crate) const DIRECTOR: usize = CPUS;
/// Threads that do what the director says.
pub(crate) const WORKERS: usize = 4;
/// All threads.
pub(crate) const THREADS: usize = DIRECTOR + 1 + WORKERS;

/// Where workers wait until they are started. No word lies here.
pub(crate) const START: usize = 0;

/// The table.
pub(crate) struct Kernel {
    threads: [Thread; THREADS],
    /// The thread that each processor runs.
    running: [usize; CPUS],
    /// The ticks that each processor has had.
    ticks: [u64; CPUS],
}

#[derive(Clone, Copy)]
struct Thread {
    /// Its stack pointer while it does not run.
    context: usize,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    /// It runs, or could.
    Ready,
    /// Until somebody wakes it at this address, or its processor has had so many ticks.
    Waiting { address: usize, until: u64 },
}

impl Kernel {
    pub(crate) const fn new() -> Self {
        let thread = Thread { context: 0, state: State::Ready };
        Self { threads: [thread; THREADS], running: [0; CPUS], ticks: [0; CPUS] }
    }

    /// The processor of a thread.
    #[allow(clippy::modulo_one, reason = "a board may have one processor")]
    pub(crate) const fn processor(thread: usize) -> usize {
        thread % CPUS
    }

    /// Gives a new thread its first context. Processors begin as their idle threads; workers wait.
    pub(crate) fn prepare(&mut self, thread: usize, context: usize) {
        let is_worker = thread > DIRECTOR;
        let state = if is_worker { State::Waiting { address: START, until: u64::MAX } } else { State::Ready };
        self.threads[thread] = Thread { context, state };
        if thread < CPUS {
            self.running[thread] = thread;
        }
    }

    pub(crate) fn running(&self, cpu: usize) -> usize {
        self.running[cpu]
    }

    pub(crate) fn ticks(&self, cpu: usize) -> u64 {
        self.ticks[cpu]
    }

    /// Makes the running thread wait at `address`, for at most so many ticks.
    pub(crate) fn block(&mut self, cpu: usize, address: usize, ticks: u64) {
        let until = self.ticks[cpu].saturating_add(ticks);
        self.threads[self.running[cpu]].state = State::Waiting { address, until };
    }

    /// Makes the thread ready that waits at `address`. Returns its processor.
    pub(crate) fn wake(&mut self, address: usize) -> Option<usize> {
        let is_here = |thread: &Thread| matches!(thread.state, State::Waiting { address: at, .. } if at == address);
        let number = self.threads.iter().position(is_here)?;
        self.threads[number].state = State::Ready;
        Some(Self::processor(number))
    }

    /// Another tick: ends the waits that have lasted long enough.
    pub(crate) fn tick(&mut self, cpu: usize) {
        self.ticks[cpu] += 1;
        for thread in self.threads.iter_mut().skip(cpu).step_by(CPUS) {
            if matches!(thread.state, State::Waiting { until, .. } if until <= self.ticks[cpu]) {
                thread.state = State::Ready;
            }
        }
    }

    /// Keeps the context of the thread that runs, and returns that of the next in turn.
    pub(crate) fn switch(&mut self, cpu: usize, context: usize) -> usize {
        let current = self.running[cpu];
        self.threads[current].context = context;
        // Round and round; the idle thread only if nobody else is ready.
        let in_turn = (1..=THREADS).map(|step| (current + step) % THREADS);
        let mut others = in_turn.filter(|&number| number >= CPUS && Self::processor(number) == cpu);
        let next = others.find(|&number| matches!(self.threads[number].state, State::Ready)).unwrap_or(cpu);
        self.running[cpu] = next;
        self.threads[next].context
    }
}
