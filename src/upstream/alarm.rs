//! `[io]` Bounds the waits of one link with one timer. A timer of its own for each wait would be put into
//! the runtime's wheel and taken out again with every answer; this one stays where it is while deadlines
//! move away from it, and is set anew when it goes off too soon.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::time::{Instant, Sleep, sleep_until};

/// The timer of one link; nothing is armed before the first wait.
#[derive(Default)]
pub(super) struct Alarm {
    timer: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Does `work`, but not beyond `deadline`; `None` when the time was up before it was done.
    pub(super) async fn within<W: Future>(
        &mut self,
        deadline: Instant,
        work: W,
    ) -> Option<W::Output> {
        let mut work = pin!(work);
        poll_fn(|context| match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => self.poll_reached(deadline, context).map(|()| None),
        })
        .await
    }

    fn poll_reached(&mut self, deadline: Instant, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        // It may go off too soon, never too late.
        if timer.deadline() > deadline {
            timer.as_mut().reset(deadline);
        }
        loop {
            match timer.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) if timer.deadline() >= deadline => return Poll::Ready(()),
                Poll::Ready(()) => timer.as_mut().reset(deadline),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Waits for something that never comes, and says how long that took.
    async fn waited(alarm: &mut Alarm, limit: Duration) -> Duration {
        let begun = Instant::now();
        assert_eq!(alarm.within(begun + limit, std::future::pending::<()>()).await, None);
        begun.elapsed()
    }

    #[tokio::test]
    async fn every_wait_ends_at_its_own_deadline() {
        let mut alarm = Alarm::default();
        for limit in [30, 60, 10, 80, 0, 20] {
            let took = waited(&mut alarm, ms(limit)).await;
            assert!(took >= ms(limit) && took < ms(limit + 500), "{limit} ms: {took:?}");
        }
    }

    /// What is armed for one wait neither ends the next one nor keeps it from its end.
    #[tokio::test]
    async fn an_earlier_deadline_does_not_cut_a_later_wait() {
        let mut alarm = Alarm::default();
        for _ in 0..5 {
            let work = tokio::time::sleep(ms(15));
            assert_eq!(alarm.within(Instant::now() + ms(500), work).await, Some(()));
        }
        let took = waited(&mut alarm, ms(40)).await;
        assert!(took >= ms(40) && took < ms(500), "{took:?}");
    }

    /// What is armed for a long wait that ended early does not let a short one last.
    #[tokio::test]
    async fn a_later_deadline_does_not_lengthen_an_earlier_one() {
        let mut alarm = Alarm::default();
        let work = tokio::time::sleep(ms(5));
        assert_eq!(alarm.within(Instant::now() + ms(60_000), work).await, Some(()));
        let took = waited(&mut alarm, ms(20)).await;
        assert!(took >= ms(20) && took < ms(500), "{took:?}");
    }

    #[tokio::test]
    async fn work_that_is_done_at_the_deadline_counts() {
        let mut alarm = Alarm::default();
        assert_eq!(alarm.within(Instant::now(), std::future::ready(7)).await, Some(7));
    }
}
