//! The texts of one column, kept by number and copied for many rows at once.

/// Texts, or none, by number.
#[derive(Debug, Default)]
pub(crate) struct KeptTexts {
    /// All texts, one behind the other.
    bytes: Vec<u8>,
    /// By number.
    places: Vec<Place>,
    /// How many numbers have a text.
    texts: usize,
}

/// Where a text is. One that is missing is empty.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    start: usize,
    len: u32,
    is_there: bool,
}

/// How many of some texts are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    None,
    Some,
    All,
}

impl KeptTexts {
    /// Stores the text of a number, or its absence.
    pub(crate) fn keep(&mut self, number: usize, text: Option<&[u8]>) {
        let place = text.map_or_else(Place::default, |text| {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(text);
            let len = u32::try_from(text.len()).expect("a text is part of one line");
            Place { start, len, is_there: true }
        });
        if self.places.len() <= number {
            self.places.resize(number + 1, Place::default());
        }
        self.texts += usize::from(place.is_there);
        self.texts -= usize::from(self.places[number].is_there);
        self.places[number] = place;
    }

    /// Returns how many of all texts are there.
    pub(crate) fn presence(&self) -> Presence {
        match self.texts {
            0 => Presence::None,
            texts if texts == self.places.len() => Presence::All,
            _ => Presence::Some,
        }
    }

    /// Returns whether there is a text of this number.
    #[inline]
    pub(crate) fn has(&self, number: usize) -> bool {
        self.places[number].is_there
    }

    /// Returns the length of a text; 0 for a missing one.
    #[inline]
    pub(crate) fn len(&self, number: usize) -> usize {
        self.places[number].len as usize
    }

    /// Appends the texts of these numbers, which have so many bytes together.
    pub(crate) fn copy(&self, numbers: &[usize], bytes: usize, out: &mut Vec<u8>) {
        out.reserve(bytes);
        for number in numbers {
            let Place { start, len, .. } = self.places[*number];
            out.extend_from_slice(&self.bytes[start..start + len as usize]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(kept: &KeptTexts, numbers: &[usize]) -> Vec<u8> {
        let mut copied = b"before ".to_vec();
        kept.copy(numbers, numbers.iter().map(|number| kept.len(*number)).sum(), &mut copied);
        copied
    }

    #[test]
    fn texts_are_copied_whole_and_in_the_order_of_their_numbers() {
        let mut kept = KeptTexts::default();
        assert_eq!(kept.presence(), Presence::None);
        for (number, text) in ["zero", "", "two"].into_iter().enumerate() {
            kept.keep(number, Some(text.as_bytes()));
        }
        assert_eq!(kept.presence(), Presence::All);
        kept.keep(4, None);
        assert_eq!(kept.presence(), Presence::Some);
        assert_eq!(
            [0, 1, 2, 3, 4].map(|number| kept.has(number)),
            [true, true, true, false, false]
        );
        assert_eq!(copied(&kept, &[2, 0, 1, 4, 3, 0]), b"before twozerozero");
    }

    #[test]
    fn the_last_text_of_a_number_counts() {
        let mut kept = KeptTexts::default();
        for (text, expected) in
            [(Some("one"), "before oneone"), (None, "before "), (Some("two"), "before twotwo")]
        {
            kept.keep(0, text.map(str::as_bytes));
            assert_eq!(kept.presence() == Presence::All, text.is_some());
            assert_eq!(copied(&kept, &[0, 0]), expected.as_bytes());
        }
    }
}
