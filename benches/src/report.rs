//! Figures become rows: on the terminal for people, as JSON for `cargo xtask bench`.

use serde::Serialize;

use crate::measure::{Plan, median, quantile, spread};
use crate::subjects;

/// What ntpark is to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// At most so many times the limit.
    Limit(f64),
    /// At most so many times the best peer.
    BestPeer(f64),
    /// At most so many times this subject.
    Subject(&'static str, f64),
    /// At most so many times this subject in the geometric mean of the rounds: met if the 95 % interval reaches it, or
    /// if that subject is not there.
    Mean(&'static str, f64),
    /// At most so many nanoseconds.
    Nanos(f64),
    /// At most so many nanoseconds more than this subject.
    Over(&'static str, f64),
}

/// One subject at one work.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) subject: &'static str,
    /// Nanoseconds, one figure for each round.
    pub(crate) nanos: Vec<f64>,
    /// Single operations, where they were timed.
    pub(crate) latencies: Vec<f64>,
    /// What the figures are compared with, if that is another for each subject.
    pub(crate) baseline: Option<Vec<f64>>,
}

impl Figures {
    pub(crate) fn new(subject: &'static str) -> Self {
        Self { subject, nanos: Vec::new(), latencies: Vec::new(), baseline: None }
    }
}

/// A work that was done.
pub(crate) struct Outcome {
    pub(crate) work: String,
    pub(crate) description: &'static str,
    /// The subject that is the limit.
    pub(crate) limit: Option<&'static str>,
    pub(crate) figures: Vec<Figures>,
    pub(crate) goals: Vec<(&'static str, Goal)>,
}

/// The points of a distribution that are kept: each part in a hundred, and the last one more finely.
const PARTS: [f64; 104] = {
    let mut parts = [0.0; 104];
    let mut index = 0;
    while index < 100 {
        parts[index] = index as f64 / 100.0;
        index += 1;
    }
    parts[100] = 0.995;
    parts[101] = 0.998;
    parts[102] = 0.999;
    parts[103] = 1.0;
    parts
};

#[derive(Serialize)]
struct Row {
    work: String,
    description: &'static str,
    backend: &'static str,
    subject: &'static str,
    median_ns: f64,
    spread_ns: f64,
    ratio_to_limit: Option<f64>,
    ratio_to_best_peer: Option<f64>,
    goal: Option<String>,
    met: Option<bool>,
    rounds: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    quantiles: Vec<[f64; 2]>,
}

#[derive(Serialize)]
struct Absent {
    subject: &'static str,
    reason: &'static str,
}

/// All rows of one backend.
#[derive(Serialize)]
pub(crate) struct Report {
    backend: &'static str,
    target: String,
    processors: usize,
    rounds: usize,
    slice_ms: u128,
    absent: Vec<Absent>,
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn new(backend: &'static str, plan: &Plan) -> Self {
        let absent = subjects::absent().into_iter().map(|(subject, reason)| Absent { subject, reason }).collect();
        Self {
            backend,
            target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            rounds: plan.rounds,
            slice_ms: plan.slice.as_millis(),
            absent,
            rows: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, outcomes: Vec<Outcome>) {
        for outcome in outcomes {
            let new = outcome.figures.iter().map(|figures| row(self.backend, &outcome, figures)).collect::<Vec<_>>();
            self.rows.extend(new);
        }
    }

    /// The backend's name.
    pub(crate) fn backend(&self) -> &'static str {
        self.backend
    }

    /// Each subject at a work, and its median.
    pub(crate) fn medians(&self, work: &str) -> impl Iterator<Item = (&'static str, f64)> {
        self.rows.iter().filter(move |row| row.work == work).map(|row| (row.subject, row.median_ns))
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        println!(
            "\n{:<17} {:<20} {:>12} {:>10} {:>9} {:>9}  goal",
            "work", "subject", "median", "spread", "/ limit", "/ best"
        );
        for row in &self.rows {
            let ratio = |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}"));
            let goal = row.goal.as_deref().unwrap_or_default();
            let met = row.met.map_or("", |met| if met { ": met" } else { ": MISSED" });
            println!(
                "{:<17} {:<20} {:>9.1} ns {:>7.1} ns {:>9} {:>9}  {goal}{met}",
                row.work,
                row.subject,
                row.median_ns,
                row.spread_ns,
                ratio(row.ratio_to_limit),
                ratio(row.ratio_to_best_peer)
            );
        }
        for absent in &self.absent {
            println!("not on this backend: {}: {}", absent.subject, absent.reason);
        }
    }
}

/// Whether a subject is neither ntpark nor one of the bare limits.
fn is_peer(subject: &str) -> bool {
    !subject.starts_with("ntpark") && !subject.starts_with("bare")
}

/// The median over the rounds of the ratio within each.
fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    let ratios: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect();
    median(&ratios)
}

/// The 95 % interval of the geometric mean of the ratios within each round.
fn mean_ratio(ours: &[f64], theirs: &[f64]) -> (f64, f64) {
    let logs: Vec<f64> = ours.iter().zip(theirs).map(|(ours, theirs)| (ours / theirs).ln()).collect();
    let count = logs.len() as f64;
    let mean = logs.iter().sum::<f64>() / count;
    let variance = logs.iter().map(|log| (log - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
    let half = 1.96 * (variance / count).sqrt();
    ((mean - half).exp(), (mean + half).exp())
}

fn row(backend: &'static str, outcome: &Outcome, figures: &Figures) -> Row {
    let find = |name: &str| outcome.figures.iter().find(|other| other.subject == name).map(|other| &other.nanos);
    let limit = figures.baseline.as_ref().or_else(|| outcome.limit.and_then(find));
    let ratio_to_limit = limit.map(|limit| ratio(&figures.nanos, limit)).filter(|ratio| ratio.is_finite());
    // The best of the others: a peer is not compared with itself.
    let best = outcome.figures.iter().filter(|other| is_peer(other.subject) && other.subject != figures.subject);
    let best = best.min_by(|a, b| median(&a.nanos).total_cmp(&median(&b.nanos)));
    let ratio_to_best_peer = best.map(|best| ratio(&figures.nanos, &best.nanos)).filter(|ratio| ratio.is_finite());

    let goals: Vec<(String, bool)> = outcome
        .goals
        .iter()
        .filter(|(subject, _)| *subject == figures.subject)
        .map(|(_, goal)| match *goal {
            Goal::Limit(most) => (format!("≤ {most} × the limit"), ratio_to_limit.is_some_and(|ratio| ratio <= most)),
            Goal::BestPeer(most) => {
                (format!("≤ {most} × the best peer"), ratio_to_best_peer.is_some_and(|ratio| ratio <= most))
            }
            Goal::Subject(name, most) => {
                (format!("≤ {most} × {name}"), find(name).is_some_and(|other| ratio(&figures.nanos, other) <= most))
            }
            Goal::Mean(name, most) => match find(name) {
                Some(other) => {
                    let (low, high) = mean_ratio(&figures.nanos, other);
                    (format!("≤ {most} × {name}: {low:.2} to {high:.2}"), low <= most)
                }
                None => (format!("≤ {most} × {name}, which is absent"), true),
            },
            Goal::Nanos(most) => (format!("≤ {} µs", most / 1e3), median(&figures.nanos) <= most),
            Goal::Over(name, most) => {
                let met = find(name).is_some_and(|other| median(&figures.nanos) - median(other) <= most);
                (format!("≤ {} µs over {name}", most / 1e3), met)
            }
        })
        .collect();
    let goal = goals.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>().join("; ");
    let quantiles = if figures.latencies.is_empty() {
        Vec::new()
    } else {
        let mut sorted = figures.latencies.clone();
        sorted.sort_by(f64::total_cmp);
        PARTS.iter().map(|&part| [part, quantile(&sorted, part)]).collect()
    };
    Row {
        work: outcome.work.clone(),
        description: outcome.description,
        backend,
        subject: figures.subject,
        median_ns: median(&figures.nanos),
        spread_ns: spread(&figures.nanos),
        ratio_to_limit,
        ratio_to_best_peer,
        goal: Some(goal).filter(|goal| !goal.is_empty()),
        met: (!goals.is_empty()).then(|| goals.iter().all(|(_, met)| *met)),
        rounds: figures.nanos.len(),
        quantiles,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(goals: Vec<(&'static str, Goal)>) -> Outcome {
        let figures = |subject, nanos: [f64; 3]| Figures { nanos: nanos.to_vec(), ..Figures::new(subject) };
        Outcome {
            work: "work".into(),
            description: "",
            limit: Some("bare-spin"),
            figures: vec![
                figures("bare-spin", [1.0, 2.0, 4.0]),
                figures("ntpark", [2.0, 4.0, 8.0]),
                figures("slow", [30.0, 30.0, 30.0]),
                figures("std", [4.0, 8.0, 16.0]),
            ],
            goals,
        }
    }

    fn ntpark(goals: Vec<(&'static str, Goal)>) -> Row {
        let outcome = outcome(goals);
        row("host", &outcome, &outcome.figures[1])
    }

    #[test]
    fn ratios_are_formed_within_a_round() {
        let row = ntpark(Vec::new());
        assert_eq!(row.ratio_to_limit, Some(2.0));
        assert_eq!(row.ratio_to_best_peer, Some(0.5));
        assert_eq!((row.goal, row.met), (None, None));
    }

    #[test]
    fn all_goals_have_to_be_met() {
        let goals = |limit| vec![("ntpark", Goal::Limit(limit)), ("ntpark", Goal::Subject("std", 0.5))];
        assert_eq!(ntpark(goals(2.0)).met, Some(true));
        assert_eq!(ntpark(goals(1.9)).met, Some(false));
        assert_eq!(ntpark(vec![("ntpark", Goal::Over("bare-spin", 2.0))]).met, Some(true));
        assert_eq!(ntpark(vec![("ntpark", Goal::Nanos(3.9))]).met, Some(false));
        assert_eq!(ntpark(vec![("ntpark", Goal::Subject("nobody", 9.0))]).met, Some(false));
    }

    #[test]
    fn a_mean_has_an_interval() {
        let (low, high) = mean_ratio(&[2.0, 4.0, 8.0], &[1.0, 2.0, 4.0]);
        assert!((low - 2.0).abs() < 1e-9 && (high - 2.0).abs() < 1e-9);
        let (low, high) = mean_ratio(&[1.0, 4.0], &[1.0, 1.0]);
        assert!(low < 1.0 && high > 4.0);
        assert_eq!(ntpark(vec![("ntpark", Goal::Mean("std", 0.4))]).met, Some(false));
        assert_eq!(ntpark(vec![("ntpark", Goal::Mean("nobody", 0.4))]).met, Some(true));
    }

    #[test]
    fn a_peer_is_not_its_own_best_peer() {
        let outcome = outcome(Vec::new());
        let std = row("host", &outcome, &outcome.figures[3]);
        assert_eq!(std.ratio_to_best_peer, Some(8.0 / 30.0));
    }
}
