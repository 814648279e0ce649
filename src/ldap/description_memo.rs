//! What was found out about attribute descriptions, for whoever reads entry after entry.

use foldhash::{HashMap, HashMapExt};

/// Something known of each description that was met, in the order they were met. Entries of one sort have their
/// attributes in one order, so the place of the next one is mostly known before it is looked up.
#[derive(Clone, Debug)]
pub struct DescriptionMemo<V> {
    places: HashMap<Box<str>, usize>,
    list: Vec<Known<V>>,
    last: usize,
}

#[derive(Clone, Debug)]
struct Known<V> {
    text: Box<str>,
    /// What came after it the last time.
    next: usize,
    value: V,
}

impl<V> Default for DescriptionMemo<V> {
    fn default() -> Self {
        Self { places: HashMap::new(), list: Vec::new(), last: 0 }
    }
}

impl<V> DescriptionMemo<V> {
    /// What is known of a description as it is spelled here; what is not known yet is made.
    pub fn known(&mut self, text: &str, make: impl FnOnce() -> V) -> V
    where
        V: Copy,
    {
        if let Some(known) = self.find(text).and_then(|place| self.list.get(place)) {
            return known.value;
        }
        let value = make();
        self.push(text, value);
        value
    }

    /// Lets `change` add to what is known, or to what `make` makes of a description that is new.
    pub fn update(&mut self, text: &str, make: impl FnOnce() -> V, change: impl FnOnce(&mut V)) {
        match self.find(text).and_then(|place| self.list.get_mut(place)) {
            Some(known) => change(&mut known.value),
            None => {
                let mut value = make();
                change(&mut value);
                self.push(text, value);
            }
        }
    }

    /// What is known of a description, if anything.
    pub fn get(&mut self, text: &str) -> Option<&V> {
        let place = self.find(text)?;
        self.list.get(place).map(|known| &known.value)
    }

    /// All descriptions with what is known of them, in the order they were met.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &V)> {
        self.list.iter().map(|known| (&*known.text, &known.value))
    }

    fn find(&mut self, text: &str) -> Option<usize> {
        let expected = self.list.get(self.last).map_or(0, |last| last.next);
        let place = match self.list.get(expected) {
            Some(known) if *known.text == *text => expected,
            Some(_) | None => *self.places.get(text)?,
        };
        if let Some(last) = self.list.get_mut(self.last) {
            last.next = place;
        }
        self.last = place;
        Some(place)
    }

    fn push(&mut self, text: &str, value: V) {
        let place = self.list.len();
        self.places.insert(text.into(), place);
        self.list.push(Known { text: text.into(), next: place + 1, value });
        self.last = place;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever comes after what, it is a map.
        #[test]
        fn the_order_of_questions_means_nothing(asked in vec("[a-e]{1,2}", 0..200)) {
            let mut memo = DescriptionMemo::default();
            let mut map: HashMap<String, usize> = HashMap::new();
            for (number, text) in asked.iter().enumerate() {
                prop_assert_eq!(memo.get(text), map.get(text));
                if number % 3 == 0 {
                    memo.update(text, || 0, |value| *value += number);
                    *map.entry(text.clone()).or_default() += number;
                } else {
                    let known = *map.entry(text.clone()).or_insert(number);
                    prop_assert_eq!(memo.known(text, || number), known);
                }
            }
            let all: HashMap<String, usize> =
                memo.iter().map(|(text, value)| (text.to_owned(), *value)).collect();
            prop_assert_eq!(all, map);
        }
    }
}
