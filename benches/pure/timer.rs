//! A timer loop: enough turns for a sample to outweigh the clock, enough samples for a median and a p99.

use std::time::{Duration, Instant};

/// Time spent on each benchmark.
const BUDGET: Duration = Duration::from_millis(1500);
/// A sample takes at least this long, so that reading the clock is less than a thousandth of it.
const SAMPLE: Duration = Duration::from_micros(50);
/// Fewest samples, however long they take.
const FEWEST: usize = 20;
/// The same where every turn is prepared anew.
const FEWEST_SLOW: usize = 3;

/// Turns that are measured one by one.
const TURNS: usize = 1000;

/// Runs what is wanted and prints a line of a table for each.
pub(crate) struct Timer {
    wanted: Vec<String>,
}

impl Timer {
    /// Runs benchmarks whose name contains one of the words; all, if there are none.
    pub(crate) fn new(wanted: Vec<String>) -> Self {
        Self { wanted }
    }

    /// Prints the head of the table.
    pub(crate) fn head(&self) {
        println!("| what | median | p99 |\n|---|--:|--:|");
    }

    /// Measures what can be repeated at once. `work` gets the number of the turn. The p99 is that of samples,
    /// each the mean of some turns where one alone would be too short to measure.
    pub(crate) fn fast(&self, name: &str, mut work: impl FnMut(usize)) {
        if !self.wants(name) {
            return;
        }
        let mut turn = 0;
        let mut sample = |turns: usize| {
            let start = now();
            for _ in 0..turns {
                work(turn);
                turn += 1;
            }
            start.elapsed()
        };
        let mut turns = 1;
        while sample(turns) < SAMPLE {
            turns *= 2;
        }
        let end = now() + BUDGET;
        let mut samples = Vec::new();
        while samples.len() < FEWEST || now() < end {
            samples.push(sample(turns).as_secs_f64() / turns as f64);
        }
        print(name, samples);
    }

    /// Measures what has to be prepared anew for every turn; `prepare` does not count.
    pub(crate) fn slow<T>(
        &self,
        name: &str,
        mut prepare: impl FnMut() -> T,
        mut work: impl FnMut(T),
    ) {
        if !self.wants(name) {
            return;
        }
        let mut spent = Duration::ZERO;
        let mut samples = Vec::new();
        while samples.len() < FEWEST_SLOW || spent < BUDGET {
            let input = prepare();
            let start = now();
            work(input);
            let time = start.elapsed();
            spent += time;
            samples.push(time.as_secs_f64());
        }
        print(name, samples);
    }

    /// Measures each of a thousand turns by itself, with what `prepare` gives for it, which does not count.
    pub(crate) fn each<T>(
        &self,
        name: &str,
        mut prepare: impl FnMut(usize) -> Option<T>,
        mut work: impl FnMut(T),
    ) {
        if !self.wants(name) {
            return;
        }
        let mut samples = Vec::new();
        for input in (0..TURNS).map_while(&mut prepare) {
            let start = now();
            work(input);
            samples.push(start.elapsed().as_secs_f64());
        }
        print(name, samples);
    }

    fn wants(&self, name: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|word| name.contains(word.as_str()))
    }
}

fn print(name: &str, mut seconds: Vec<f64>) {
    seconds.sort_by(f64::total_cmp);
    let at = |part: usize| {
        let place = (seconds.len() * part).div_ceil(100).saturating_sub(1);
        readable(seconds.get(place).copied().unwrap_or(f64::NAN))
    };
    println!("| {name} | {} | {} |", at(50), at(99));
}

fn readable(seconds: f64) -> String {
    match seconds {
        _ if seconds < 1e-6 => format!("{:.0} ns", seconds * 1e9),
        _ if seconds < 1e-3 => format!("{:.2} µs", seconds * 1e6),
        _ if seconds < 1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}

#[expect(clippy::disallowed_methods, reason = "a timer reads the clock")]
fn now() -> Instant {
    Instant::now()
}

/// Resident memory of this process in KiB; 0 where it cannot be read.
pub(crate) fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_ascii_whitespace().next()?.parse().ok()).unwrap_or_default()
}
