//! All schedules with up to so many preemptions, one after the other.
//!
//! A preemption is to go on with another thread although the one that runs could go on and does not yield. Few
//! are enough for most faults, and there are far fewer such schedules than all.

use shuttle::scheduler::{Schedule, Scheduler, Task, TaskId};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

/// The number of the option that was chosen, and how many there were.
#[derive(Clone, Copy)]
struct Choice {
    chosen: usize,
    options: usize,
}

pub(crate) struct Bounded {
    preemptions: usize,
    left: usize,
    path: Vec<Choice>,
    depth: usize,
    executions: Arc<AtomicUsize>,
}

impl Bounded {
    /// With so many preemptions; counts executions.
    pub(crate) fn new(preemptions: usize, executions: Arc<AtomicUsize>) -> Self {
        Self { preemptions, left: 0, path: Vec::new(), depth: 0, executions }
    }
}

impl Scheduler for Bounded {
    fn new_execution(&mut self) -> Option<Schedule> {
        if self.executions.load(Relaxed) > 0 {
            // The last choice that could have been another.
            while self.path.last().is_some_and(|choice| choice.chosen + 1 == choice.options) {
                self.path.pop();
            }
            self.path.last_mut()?.chosen += 1;
        }
        self.executions.fetch_add(1, Relaxed);
        (self.depth, self.left) = (0, self.preemptions);
        Some(Schedule::new(0))
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        let current = current.filter(|&current| runnable.iter().any(|task| task.id() == current));
        let others = runnable.iter().map(|task| task.id()).filter(|&task| Some(task) != current);
        let options: Vec<_> = match current {
            // It waits for the others.
            Some(_) if is_yielding && runnable.len() > 1 => others.collect(),
            Some(current) if self.left == 0 => vec![current],
            Some(current) => [current].into_iter().chain(others).collect(),
            None => others.collect(),
        };
        if self.depth == self.path.len() {
            self.path.push(Choice { chosen: 0, options: options.len() });
        }
        let choice = self.path[self.depth];
        assert_eq!(choice.options, options.len(), "the test does the same under the same schedule");
        self.depth += 1;
        if current.is_some() && !is_yielding && choice.chosen > 0 {
            self.left -= 1;
        }
        Some(options[choice.chosen])
    }

    fn next_u64(&mut self) -> u64 {
        unreachable!("what is random is for the other schedulers")
    }
}
