//! The thread and the queue before it: more lines than room, and a disk that takes nothing more.

use std::process::Command;

use super::super::queue::Queue;
use super::*;

/// More at once than may wait: they are counted, and a line says so.
#[test]
fn what_is_lost_is_told() {
    let scratch = Scratch::new("trail-lost");
    let config = config(&scratch);
    let trail = Trail::with_room_for(10, config.clone(), Now::read()).unwrap();
    (0..100).for_each(|number| trail.leave(login(number)));
    trail.stop();
    let kinds = kinds(&config.file);
    let binds = kinds.iter().filter(|kind| *kind == "bind").count();
    let text = fs::read_to_string(&config.file).unwrap();
    let lost: Vec<u64> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter_map(|line| line["lost"].as_u64())
        .collect();
    assert!(binds >= 10 && !lost.is_empty(), "{text}");
    assert_eq!(binds as u64 + lost.iter().sum::<u64>(), 100);
    assert!(checked(&config, None).faults.is_empty());
}

/// Where nothing is to be lost, there is no room until the writer has taken what waits.
#[tokio::test]
async fn who_waits_gets_room_when_there_is_some() {
    let queue = std::sync::Arc::new(Queue::new(3));
    let short = Duration::from_millis(30);
    for number in 0..3 {
        assert!(queue.has_room(short).await);
        queue.leave(login(number), true);
    }
    assert!(!queue.has_room(short).await, "it is full");
    queue.leave(login(3), true);
    let writer = queue.clone();
    let taker = tokio::spawn(async move {
        tokio::time::sleep(short).await;
        writer.take().events.len()
    });
    assert!(queue.has_room(Duration::from_secs(5)).await);
    assert_eq!(taker.await.unwrap(), 4, "one that came all the same is not lost");
    assert_eq!(queue.take().lost, 0);
}

/// Three sessions' worth of threads, each line once, none lost.
#[test]
fn lines_of_many_threads_are_all_there() {
    let scratch = Scratch::new("trail-threads");
    let config = TrailConfig { when_full: WhenFull::Wait, ..config(&scratch) };
    let trail = Trail::open(config.clone(), Now::read()).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| (0..2000).for_each(|number| trail.leave(login(number))));
        }
    });
    trail.stop();
    let report = checked(&config, None);
    assert_eq!((report.lines, report.faults.len()), (6000, 0));
}

/// The variable that tells the process of its own where the trail is.
const FOLDER: &str = "LDAPGATE_TEST_FULL_TRAIL";

/// What [`a_full_disk_loses_lines_and_says_so`] runs in a process of its own, whose files may grow only so far. In
/// any other process it does nothing.
#[test]
fn in_a_process_with_small_files() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let scratch = std::mem::ManuallyDrop::new(Scratch(PathBuf::from(folder)));
    let config = config(&scratch);
    let trail = Trail::with_room_for(50, config.clone(), Now::read()).unwrap();
    let begun = Now::read().monotonic;
    // Far more than the file may hold, and nobody who leaves a line waits.
    for number in 0..20_000 {
        trail.leave(login(number));
        if number % 50 == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    assert!(Now::read().monotonic - begun < Duration::from_secs(10));
    std::thread::sleep(Duration::from_millis(200));
    trail.stop();
    println!("it goes on");
}

/// In blocks of 1024 octets. What is in the file then are whole lines, and a start with room goes on from them.
#[test]
fn a_full_disk_loses_lines_and_says_so() {
    let scratch = Scratch::new("trail-full");
    let script = "trap '' XFSZ; ulimit -f 20; exec \"$0\" --exact --nocapture \
                  trail::tests::writing::in_a_process_with_small_files";
    let output = Command::new("bash")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(FOLDER, &scratch.0)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("it goes on"), "{said}{errors}");
    let config = config(&scratch);
    let length = fs::metadata(&config.file).unwrap().len();
    assert!(length <= 20 * 1024, "{length}");
    let report = checked(&config, None);
    assert_eq!((report.faults.len(), report.unfinished), (0, 0), "{report:?}");
    run(&config, 2);
    let after = checked(&config, Some(report.head));
    assert!(after.faults.is_empty() && after.lines == report.lines + 2, "{after:?}");
}
