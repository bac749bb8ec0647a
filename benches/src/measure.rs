//! Rounds, and what is made of their figures.

use std::time::{Duration, Instant};

/// How long and how often to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Rounds of each work; of some, several times as many.
    pub(crate) rounds: usize,
    /// About how long one subject is measured in one round.
    pub(crate) slice: Duration,
    /// The most threads that are parked beside the two that hand over.
    pub(crate) crowd: usize,
    /// The most threads that want one lock.
    pub(crate) threads: usize,
    /// How long threads are parked when it is asked what that costs.
    pub(crate) nap: Duration,
    /// How many handoffs are timed one by one in a round.
    pub(crate) timed: u64,
    /// How many parks of a burst block in a round.
    pub(crate) bursts: u32,
}

impl Plan {
    pub(crate) fn full() -> Self {
        Self {
            rounds: 11,
            slice: Duration::from_millis(150),
            crowd: 4096,
            threads: 64,
            nap: Duration::from_secs(1),
            timed: 2000,
            bursts: 2000,
        }
    }

    pub(crate) fn quick() -> Self {
        Self {
            rounds: 3,
            slice: Duration::from_millis(5),
            crowd: 64,
            threads: 16,
            nap: Duration::from_millis(100),
            timed: 100,
            bursts: 200,
        }
    }

    /// With so many times the rounds, for a work that blocks in the system: that varies by a fifth from one round
    /// to the next, and what is asked is closer.
    pub(crate) fn times(self, rounds: usize) -> Self {
        Self { rounds: self.rounds * rounds, ..self }
    }
}

/// What one subject did in one round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample {
    /// Nanoseconds for one operation.
    pub(crate) nanos: f64,
    /// Processor time that the process has used for one operation, in nanoseconds, where it was asked for.
    pub(crate) cpu_nanos: Option<f64>,
    /// Nanoseconds for one operation of the slowest thread, over the number of threads, where there were several.
    pub(crate) slowest_nanos: Option<f64>,
    /// Single operations, in nanoseconds.
    pub(crate) latencies: Vec<f64>,
}

impl Sample {
    /// `operations` that took `elapsed`.
    pub(crate) fn new(elapsed: Duration, operations: u64) -> Self {
        Self { nanos: elapsed.as_secs_f64() * 1e9 / operations as f64, ..Self::default() }
    }
}

/// Does a work that many times, or about so many.
type Run = Box<dyn FnMut(u64) -> Sample>;

/// One subject at one work.
pub(crate) struct Case {
    pub(crate) subject: &'static str,
    run: Run,
    /// How many operations fill a slice.
    operations: u64,
    pub(crate) samples: Vec<Sample>,
}

impl Case {
    pub(crate) fn new(subject: &'static str, run: impl FnMut(u64) -> Sample + 'static) -> Self {
        Self { subject, run: Box::new(run), operations: 0, samples: Vec::new() }
    }

    /// Warms up, and finds out how many operations fill a slice.
    fn warm_up(&mut self, slice: Duration) {
        let mut operations = 64;
        loop {
            let start = Instant::now();
            (self.run)(operations);
            let elapsed = start.elapsed();
            if elapsed * 4 >= slice {
                let more = slice.as_secs_f64() / elapsed.as_secs_f64();
                self.operations = ((operations as f64 * more) as u64).max(64);
                return;
            }
            operations *= 4;
        }
    }
}

/// Measures every case once a round, in an order that is shuffled for each.
pub(crate) fn rounds(name: &str, cases: &mut [Case], plan: &Plan) {
    for case in cases.iter_mut() {
        eprint!("\r{name}: warming up, {:<24}", case.subject);
        case.warm_up(plan.slice);
    }
    let mut order: Vec<usize> = (0..cases.len()).collect();
    for round in 0..plan.rounds {
        eprint!("\r{name}: round {} of {} {:<24}", round + 1, plan.rounds, "");
        fastrand::shuffle(&mut order);
        for &index in &order {
            let case = &mut cases[index];
            let sample = (case.run)(case.operations);
            case.samples.push(sample);
        }
    }
    eprintln!("\r{name}: {} subjects, {} rounds {:<24}", cases.len(), plan.rounds, "");
}

/// The middle one, or the mean of the two in the middle. NaN if there are none.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The distance between the quartiles.
pub(crate) fn spread(values: &[f64]) -> f64 {
    quantile(values, 0.75) - quantile(values, 0.25)
}

/// The value below which `part` of them lie, interpolated. NaN if there are none.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let position = part * last as f64;
    let (below, above) = (position.floor(), position.ceil());
    let weight = position - below;
    sorted[below as usize] * (1.0 - weight) + sorted[above as usize] * weight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_interpolated() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(quantile(&[0.0, 10.0], 0.9), 9.0);
        assert_eq!(spread(&[0.0, 1.0, 2.0, 3.0, 4.0]), 2.0);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn each_case_is_measured_once_a_round() {
        let case = |subject| Case::new(subject, |operations| Sample::new(Duration::from_millis(1), operations));
        let mut cases = [case("a"), case("b")];
        let plan = Plan { rounds: 5, slice: Duration::ZERO, ..Plan::quick() };
        rounds("test", &mut cases, &plan);
        assert!(cases.iter().all(|case| case.samples.len() == 5));
    }
}
