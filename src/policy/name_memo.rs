//! Remembers whom names stand for, for as long as nothing moves: a service account binds with every request of its
//! application, people several times a day, and each time under the same spelling.
//!
//! Only what resolves to one account is remembered, so names that nobody has take no room; how much there is, is
//! bounded by construction. Rules are never remembered.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex};

use super::application::Application;
use super::name::{self, BindName, Resolved};
use super::refusal::Refusal;
use super::world::World;

/// Places; each keeps two names, the last that belong there. With [`LONGEST`] at most some 20 MiB, with names as they are
/// 6 MiB.
const PLACES: usize = 16 * 1024;
/// Longest name that is remembered, in octets.
const LONGEST: usize = 512;

/// The names that sessions have resolved lately.
pub struct NameMemo {
    places: Box<[Mutex<Place>]>,
    hasher: foldhash::fast::RandomState,
}

/// The newer one first.
type Place = [Option<Box<Remembered>>; 2];

struct Remembered {
    /// Of the world that it was resolved in.
    epoch: u64,
    application: Arc<str>,
    name: Box<str>,
    stands_for: Resolved,
}

impl Remembered {
    fn is(&self, world: &World, application: &Application, name: &str) -> bool {
        self.epoch == world.epoch && *self.name == *name && self.application == application.name
    }
}

impl Default for NameMemo {
    fn default() -> Self {
        Self::with_places(PLACES)
    }
}

impl NameMemo {
    pub(super) fn with_places(count: usize) -> Self {
        let places = std::iter::repeat_with(Mutex::default).take(count).collect();
        Self { places, hasher: foldhash::fast::RandomState::default() }
    }

    /// As [`name::resolve`], which is asked where nothing is remembered of this world.
    ///
    /// # Errors
    /// As [`name::resolve`].
    pub fn resolve(
        &self,
        world: &World,
        application: &Application,
        name: &BindName,
    ) -> Result<Resolved, Refusal> {
        let text = name.as_str();
        if text.len() > LONGEST {
            return name::resolve(world, application, name);
        }
        // Who finds the place taken does without it.
        let mut place = self.place(text).and_then(|place| place.try_lock().ok());
        let mut known = place.as_deref().into_iter().flatten().flatten();
        if let Some(known) = known.find(|known| known.is(world, application, text)) {
            return Ok(known.stands_for.clone());
        }
        let stands_for = name::resolve(world, application, name)?;
        if let Some(place) = &mut place {
            let [newer, older] = &mut **place;
            *older = newer.take();
            *newer = Some(Box::new(Remembered {
                epoch: world.epoch,
                application: application.name.clone(),
                name: text.into(),
                stands_for: stands_for.clone(),
            }));
        }
        Ok(stands_for)
    }

    fn place(&self, name: &str) -> Option<&Mutex<Place>> {
        let hash = self.hasher.hash_one(name) % self.places.len() as u64;
        self.places.get(usize::try_from(hash).ok()?)
    }
}
