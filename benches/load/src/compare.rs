//! Several servers under the same load in turn, several times, and the medians as a line of a table.

use crate::process;
use crate::run::{self, Figures, Load, Server};

/// The head of the table.
pub(crate) const HEAD: &str = "\
| what | connections | server | CPU s per 100 000 | ratio | upstream CPU | operations/s | p50 ms | p99 ms | resident MiB |
|---|--:|---|--:|--:|--:|--:|--:|--:|--:|";

/// Runs the load against each server in turn, `runs` times over, and writes a line for each. The ratio is
/// that of the first server to this one: the median of the ratios of the runs.
pub(crate) fn compare(
    what: &str,
    load: &Load,
    servers: &[Server],
    upstream: Option<u32>,
    runs: usize,
) -> Result<String, String> {
    let mut all: Vec<Vec<Figures>> = servers.iter().map(|_| Vec::new()).collect();
    for _ in 0..runs.max(1) {
        for (server, figures) in servers.iter().zip(&mut all) {
            figures.push(run::run(load, server, upstream)?);
        }
    }
    let first: Vec<f64> = all.first().into_iter().flatten().map(per_100_000).collect();
    let mut lines = Vec::new();
    for (place, (server, figures)) in servers.iter().zip(&all).enumerate() {
        let ratios = first.iter().zip(figures).map(|(first, own)| first / per_100_000(own));
        let ratio = if place == 0 { String::new() } else { format!("{:.2}", median(ratios)) };
        lines.push(line(what, load, server, figures, &ratio)?);
    }
    Ok(lines.join("\n"))
}

fn line(
    what: &str,
    load: &Load,
    server: &Server,
    figures: &[Figures],
    ratio: &str,
) -> Result<String, String> {
    let of = |value: &dyn Fn(&Figures) -> f64| median(figures.iter().map(value));
    let share =
        |part: usize| move |own: &Figures| f64::from(percentile(&own.latencies, part)) / 1000.0;
    let upstream = of(&|own| own.upstream_cpu / own.operations as f64 * 100_000.0);
    let resumed = of(&|own| own.resumed as f64 / own.operations as f64);
    let note =
        if resumed > 0.0 { format!(", {:.0} % resumed", resumed * 100.0) } else { String::new() };
    Ok(format!(
        "| {what}{note} | {} | {} | {:.3} | {ratio} | {} | {:.0} | {:.2} | {:.2} | {:.0} |",
        load.connections,
        server.name,
        of(&per_100_000),
        if upstream > 0.0 { format!("{upstream:.2}") } else { String::new() },
        of(&|own| own.operations as f64 / own.seconds),
        of(&share(50)),
        of(&share(99)),
        process::resident_kib(server.pid)? as f64 / 1024.0,
    ))
}

fn per_100_000(figures: &Figures) -> f64 {
    figures.cpu / figures.operations as f64 * 100_000.0
}

/// The smallest value that is not below `part` percent of them.
fn percentile(ascending: &[u32], part: usize) -> u32 {
    let place = (ascending.len() * part).div_ceil(100).saturating_sub(1);
    ascending.get(place).copied().unwrap_or_default()
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let at = |place: usize| values.get(place).copied().unwrap_or(f64::NAN);
    if values.len() % 2 == 1 { at(middle) } else { (at(middle.wrapping_sub(1)) + at(middle)) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), 2.5);
        assert!(median(std::iter::empty()).is_nan());
    }

    #[test]
    fn percentiles() {
        let values: Vec<u32> = (1..=200).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 99)), (100, 198));
        assert_eq!(percentile(&[7], 99), 7);
        assert_eq!(percentile(&[], 50), 0);
    }
}
