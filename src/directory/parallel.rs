//! Work on all processors, and waiting for nothing else: what a start has to wait for is worth sharing out.

use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

/// Most threads that work at once: beyond, the memory is what is waited for.
const MOST: usize = 8;

/// How many threads are worth having here.
pub(super) fn workers() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST)
}

/// Fewer entries than this are not worth a thread of their own.
const FEW: usize = 512;

/// How many of so many things make a run: a few runs for each thread, so that none waits long for the last.
pub(super) fn run_length(count: usize) -> usize {
    (count / (workers() * 4) + 1).max(FEW)
}

/// Things in runs, in their order.
pub(super) fn runs_of<T>(mut things: Vec<T>) -> Vec<Vec<T>> {
    let length = run_length(things.len());
    let mut runs = Vec::new();
    // From the end, because what is behind a place can be split off.
    while things.len() > length {
        let last = (things.len() - 1) / length * length;
        runs.push(things.split_off(last));
    }
    runs.push(things);
    runs.reverse();
    runs
}

/// The results of all jobs in the order of the jobs; each is taken by whoever is free. `None` if one of them
/// has panicked. Where no thread can be had, the jobs are done here.
pub(super) fn in_parallel<J: Send, R: Send>(
    jobs: Vec<J>,
    work: impl Fn(J) -> R + Sync,
) -> Option<Vec<R>> {
    let count = jobs.len();
    let queue = Mutex::new(jobs.into_iter().enumerate());
    let next = || queue.lock().ok()?.next();
    let run = || {
        let mut done = Vec::new();
        while let Some((place, job)) = next() {
            done.push((place, work(job)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let helpers =
            (1..workers().min(count)).map(|_| thread::Builder::new().spawn_scoped(scope, run));
        let helpers: Vec<_> = helpers.filter_map(Result::ok).collect();
        let mut done = run();
        for helper in helpers {
            done.extend(helper.join().unwrap_or_default());
        }
        done
    });
    done.sort_unstable_by_key(|(place, _)| *place);
    (done.len() == count).then(|| done.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_everything_in_order() {
        for count in [0, 1, 511, 512, 513, 1024, 100_000] {
            let all: Vec<usize> = (0..count).collect();
            let runs = runs_of(all.clone());
            assert!(runs.iter().all(|run| run.len() <= run_length(count)), "{count}");
            assert_eq!(runs.concat(), all, "{count}");
        }
    }

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let jobs: Vec<u64> = (0..1000).collect();
        let expected: Vec<u64> = jobs.iter().map(|job| job * 3).collect();
        assert_eq!(in_parallel(jobs, |job| job * 3), Some(expected));
        assert_eq!(in_parallel(Vec::<u8>::new(), |job| job), Some(Vec::new()));
    }
}
