//! `[io]` Kills and revives the demonstration's controllers, one after the other, so that the failover
//! can be watched.

use std::io::{self, BufRead, IsTerminal};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::demo::{Controller, ControllerError};

/// Kills the first controller, revives it, kills the next, and so on; one step every `every` (never
/// by itself if that is zero), and one whenever Enter is pressed. Says on standard error what it does.
/// Does not end.
///
/// # Errors
/// A killed controller cannot come back.
pub async fn run(controllers: &[Controller], every: Duration) -> Result<(), ControllerError> {
    let mut enter = enter_keys();
    for controller in controllers.iter().cycle() {
        next(&mut enter, every).await;
        say(&format!("{} dies", controller.host_name()));
        controller.kill().await?;
        next(&mut enter, every).await;
        say(&format!("{} comes back", controller.host_name()));
        controller.revive()?;
    }
    std::future::pending().await
}

fn say(what: &str) {
    eprintln!("\n=== demo: {what} ===\n");
}

/// Waits for the time or for Enter.
async fn next(enter: &mut mpsc::Receiver<()>, every: Duration) {
    let time = async {
        if every.is_zero() {
            std::future::pending().await
        } else {
            sleep(every).await;
        }
    };
    tokio::select! {
        () = time => {}
        Some(()) = enter.recv() => {}
    }
}

/// Receives whenever Enter is pressed; never, if standard input is no terminal.
fn enter_keys() -> mpsc::Receiver<()> {
    let (pressed, receiver) = mpsc::channel(1);
    if io::stdin().is_terminal() {
        // A thread of its own: a blocking read cannot be called off, and must not hold up the end.
        std::thread::spawn(move || {
            for line in io::stdin().lock().lines() {
                if line.is_err() || pressed.blocking_send(()).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}
