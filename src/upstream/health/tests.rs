//! The state machine by example and by property.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct World {
    health: CapabilityHealth,
    config: HealthConfig,
    now: Now,
}

impl World {
    fn new() -> Self {
        let now = Now::read();
        Self { health: CapabilityHealth::new(now), config: HealthConfig::default(), now }
    }

    /// A controller that has been up for long.
    fn up() -> Self {
        let mut world = Self::new();
        world.probe(Observation::Good);
        world.pass(3600);
        world
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now.later(SECOND * u32::try_from(seconds).unwrap());
    }

    fn see(&mut self, source: Source, observation: Observation) -> Option<StateChange> {
        self.health.observe(source, observation, &self.config, self.now)
    }

    fn probe(&mut self, observation: Observation) -> Option<StateChange> {
        self.see(Source::Probe, observation)
    }

    fn traffic(&mut self, observation: Observation) -> Option<StateChange> {
        self.see(Source::Traffic, observation)
    }

    /// Good probes every five seconds until it is up; how many it took.
    fn probes_until_up(&mut self) -> u32 {
        for count in 1.. {
            self.pass(5);
            if self.probe(Observation::Good).is_some_and(|change| change.to == State::Up) {
                return count;
            }
            assert!(count < 100);
        }
        unreachable!()
    }
}

fn lost() -> Observation {
    Observation::Lost("no answer in time".to_owned())
}

fn fault() -> Observation {
    Observation::Fault("52 (unavailable)".to_owned())
}

#[test]
fn a_start_is_no_return() {
    let mut world = World::new();
    assert_eq!(world.health.state(), State::Degraded);
    let change = world.probe(Observation::Good).unwrap();
    assert_eq!((change.from, change.to), (State::Degraded, State::Up));
    assert!(world.health.settled(&world.config, world.now.monotonic));
}

#[test]
fn one_timeout_takes_a_controller_down_and_one_trial_brings_it_back() {
    let mut world = World::up();
    let change = world.traffic(lost()).unwrap();
    assert_eq!((change.from, change.to, change.after), (State::Up, State::Down, 3600 * SECOND));
    assert_eq!(change.cause, "no answer in time");
    world.pass(3);
    assert_eq!(world.probe(lost()), None);
    world.pass(4);
    let change = world.probe(Observation::Good).unwrap();
    assert_eq!((change.from, change.to, change.after), (State::Down, State::Up, 7 * SECOND));
    // Back, but logins stay elsewhere for a while.
    assert!(!world.health.settled(&world.config, world.now.monotonic));
    world.pass(29);
    assert!(!world.health.settled(&world.config, world.now.monotonic));
    world.pass(1);
    assert!(world.health.settled(&world.config, world.now.monotonic));
}

#[test]
fn a_flapping_controller_needs_more_trials_each_time() {
    let mut world = World::up();
    let mut trials = Vec::new();
    for _ in 0..8 {
        world.traffic(lost());
        trials.push(world.probes_until_up());
    }
    assert_eq!(trials, [1, 2, 3, 4, 5, 6, 6, 6]);
    world.pass(601);
    world.traffic(lost());
    assert_eq!(world.probes_until_up(), 1);
}

#[test]
fn a_failed_trial_starts_the_count_again() {
    let mut world = World::up();
    world.traffic(lost());
    world.probes_until_up();
    world.traffic(lost());
    assert_eq!(world.probe(Observation::Good), None);
    assert_eq!(world.probe(lost()), None);
    assert_eq!(world.probe(Observation::Good), None);
    assert_eq!(world.probe(Observation::Good).unwrap().to, State::Up);
}

#[test]
fn an_answer_that_is_no_verdict_degrades_for_a_while() {
    let mut world = World::up();
    for memory in [30, 60, 120, 240, 480, 480] {
        assert_eq!(world.traffic(fault()).unwrap().to, State::Degraded);
        // Those of logins that ran at the same time are the same fault.
        assert_eq!(world.traffic(fault()), None);
        // A good probe does not cut it short.
        world.pass(memory - 1);
        assert_eq!(world.probe(Observation::Good), None, "{memory}");
        world.pass(1);
        assert_eq!(world.probe(Observation::Good).unwrap().to, State::Up, "{memory}");
    }
}

#[test]
fn an_outage_replaces_the_fault_that_it_began_with() {
    let mut world = World::up();
    world.traffic(fault());
    assert_eq!(world.traffic(lost()).unwrap().from, State::Degraded);
    assert_eq!(world.traffic(fault()), None);
    assert_eq!(world.probe(Observation::Good).unwrap().to, State::Up);
}

#[test]
fn a_verdict_clears_the_fault_at_once() {
    let mut world = World::up();
    world.traffic(fault());
    assert_eq!(world.traffic(Observation::Good).unwrap().to, State::Up);
}

#[test]
fn a_wrong_clock_degrades_until_a_probe_finds_it_right() {
    let mut world = World::up();
    let off = Observation::Impaired("its clock is 400 s off ours".to_owned());
    assert_eq!(world.probe(off).unwrap().to, State::Degraded);
    assert_eq!(world.traffic(Observation::Good), None);
    assert_eq!(world.health.cause(), Some("its clock is 400 s off ours"));
    assert_eq!(world.probe(Observation::Good).unwrap().to, State::Up);
}

#[test]
fn a_controller_that_is_down_is_tried_soon_at_first() {
    let mut world = World::up();
    let delay = |world: &World| world.health.probe_delay(&world.config).as_millis();
    assert_eq!(delay(&world), 5000);
    let mut delays = Vec::new();
    for _ in 0..5 {
        world.probe(lost());
        delays.push(delay(&world));
    }
    assert_eq!(delays, [625, 1250, 2500, 5000, 5000]);
}

fn observation() -> impl Strategy<Value = Observation> {
    let clock = Observation::Impaired("its clock".to_owned());
    prop::sample::select(vec![Observation::Good, clock, fault(), lost()])
}

/// A fault that is no longer held against it still counts when the next one comes, so a good answer to a
/// request does change something.
#[test]
fn a_remembered_fault_is_a_spot() {
    let mut world = World::up();
    assert!(world.health.is_spotless());
    world.traffic(Observation::Fault("no verdict".to_owned()));
    world.pass(120);
    world.probe(Observation::Good);
    assert_eq!(world.health.state(), State::Up);
    assert!(!world.health.is_spotless());
    world.traffic(Observation::Good);
    assert!(world.health.is_spotless());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Changes are real, connect to each other and sum up to the time that passed; a loss is
    /// always down; enough good probes always bring a controller up.
    #[test]
    fn changes_tell_the_whole_story(
        seen in prop::collection::vec((any::<bool>(), observation(), 0..100_u64), 0..60),
    ) {
        let mut world = World::new();
        let start = world.now;
        let mut state = State::Degraded;
        let mut told = Duration::ZERO;
        for (probe, observation, seconds) in seen {
            world.pass(seconds);
            let source = if probe { Source::Probe } else { Source::Traffic };
            let is_loss = matches!(observation, Observation::Lost(_));
            if let Some(change) = world.see(source, observation) {
                prop_assert_eq!(change.from, state);
                prop_assert_ne!(change.from, change.to);
                prop_assert!(!change.cause.is_empty());
                state = change.to;
                told += change.after;
            }
            prop_assert_eq!(world.health.state(), state);
            prop_assert!(!is_loss || state == State::Down);
            prop_assert_eq!(state == State::Up, world.health.cause().is_none());
        }
        let open = world.now.monotonic - world.health.since().monotonic;
        prop_assert_eq!(told + open, world.now.monotonic - start.monotonic);
        if state != State::Up {
            prop_assert!(world.probes_until_up() <= 100);
        }
    }
    /// Where another good answer is not even noted, noting it would have changed nothing, then or later.
    #[test]
    fn a_spotless_state_loses_nothing_with_a_good_answer_not_noted(
        before in prop::collection::vec((any::<bool>(), observation(), 0..100_u64), 0..12),
        after in prop::collection::vec((any::<bool>(), observation(), 0..700_u64), 0..12),
    ) {
        let mut world = World::up();
        let source = |probe| if probe { Source::Probe } else { Source::Traffic };
        for (probe, observation, seconds) in before {
            world.pass(seconds);
            world.see(source(probe), observation);
        }
        prop_assume!(world.health.is_spotless());
        let mut noted = World { health: world.health.clone(), config: world.config.clone(), now: world.now };
        prop_assert_eq!(noted.traffic(Observation::Good), None);
        for (probe, observation, seconds) in after {
            world.pass(seconds);
            noted.pass(seconds);
            let change = world.see(source(probe), observation.clone());
            prop_assert_eq!(change, noted.see(source(probe), observation));
            prop_assert_eq!(world.health.cause(), noted.health.cause());
        }
    }
}
