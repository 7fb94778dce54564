//! Keys of the views（视图键）: byte strings whose order is the order of what they say.
//!
//! Every key begins with a [`Table`] byte. Texts are written with `00` as `00 FF` and ended by
//! `00 00`, so that a text sorts before its continuations and parts cannot run into each other.
//! Numbers are big-endian; the sign of signed ones and of floats is turned so that bytes compare as
//! the numbers do, and a part that sorts downwards is complemented.

use risk_domain::subject::SubjectKind;

/// First byte of every key: which table it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Table {
    /// Raise by id.
    Alert = b'a',
    /// Number of dead letters by reason code.
    DeadLetterCount = b'c',
    /// Dead letter, newest first.
    DeadLetter = b'd',
    /// Current grade by kind and subject, with the entries of the latest ones.
    Grade = b'g',
    /// Entries of older grades of a subject, in lists, the newest first.
    History = b'h',
    /// Facts about the views themselves.
    Meta = b'm',
    /// Entries that are outgoing events, in lists.
    Outbox = b'o',
    /// Subjects of a kind, and of a group of it, the most probable failure first.
    Probability = b'p',
    /// Entry of a command by its id.
    Command = b'k',
    /// Entries of commands by what they act on, in the ledger's order.
    CommandOn = b'K',
    /// Entry of a signal by its id.
    Signal = b'n',
    /// Entries of an enterprise's results, in lists, the newest first.
    ResultsOf = b'r',
    /// Entry that erased a key of personal sections, by the key.
    Erased = b'x',
    /// Entries of results that name a draw, in lists, the newest first.
    ResultsOfDraw = b'R',
    /// Entries of a product's results, in lists, the newest first.
    ResultsOfProduct = b'P',
    /// Entries of a zone's own results, not of those below it, in lists, the newest first.
    ResultsInZone = b'Z',
    /// Raises of a subject's alerts, newest first, each with its entry.
    AlertOfSubject = b's',
    /// All raises, newest first.
    AlertByTime = b't',
    /// What changed of an alert, in the ledger's order.
    AlertMove = b'v',
    /// Entries that say what changed in a case, in the ledger's order.
    CaseMove = b'M',
    /// What became of an event at an endpoint, the newest event first; among deliveries.
    Delivery = b'w',
    /// How an endpoint behaves; among deliveries.
    Endpoint = b'y',
}

/// A key being written.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl Key {
    /// A key of a table.
    pub fn of(table: Table) -> Self {
        Self(vec![table as u8])
    }

    /// Adds one byte.
    #[must_use]
    pub fn byte(mut self, byte: u8) -> Self {
        self.0.push(byte);
        self
    }

    /// Adds a kind of subject.
    #[must_use]
    pub fn kind(self, kind: SubjectKind) -> Self {
        self.byte(kind as u8)
    }

    /// Adds a text.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            self.0.push(byte);
            if byte == 0 {
                self.0.push(0xFF);
            }
        }
        self.0.extend_from_slice(&[0, 0]);
        self
    }

    /// Adds a number, the least first.
    #[must_use]
    pub fn number(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// Adds a number, the greatest first.
    #[must_use]
    pub fn number_down(self, number: u64) -> Self {
        self.number(!number)
    }

    /// Adds a signed number, the least first.
    #[must_use]
    pub fn signed(self, number: i64) -> Self {
        self.number(number as u64 ^ SIGN)
    }

    /// Adds a signed number, the greatest first.
    #[must_use]
    pub fn signed_down(self, number: i64) -> Self {
        self.number_down(number as u64 ^ SIGN)
    }

    /// Adds a float, the greatest first, in the order of [`f64::total_cmp`].
    #[must_use]
    pub fn float_down(self, float: f64) -> Self {
        let bits = float.to_bits();
        let turned = if bits & SIGN == 0 { bits | SIGN } else { !bits };
        self.number_down(turned)
    }

    /// Adds bytes as they are, for instance the end of another key.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The key's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key's bytes, owned.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The first key after all that begin with this one; `None` if there is none.
    pub fn after_prefix(&self) -> Option<Vec<u8>> {
        let mut bytes = self.0.clone();
        while let Some(last) = bytes.pop() {
            if last < u8::MAX {
                bytes.push(last + 1);
                return Some(bytes);
            }
        }
        None
    }
}

const SIGN: u64 = 1 << 63;

/// Reads the parts of a key back, in the order in which they were written; `None` where the bytes
/// are no such part.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    /// The parts after the table byte.
    pub fn of(key: &'a [u8], table: Table) -> Option<Self> {
        let (first, rest) = key.split_first()?;
        (*first == table as u8).then_some(Self(rest))
    }

    /// Takes one byte.
    pub fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// Takes a kind of subject.
    pub fn kind(&mut self) -> Option<SubjectKind> {
        let kind = self.byte()?;
        SubjectKind::ALL.get(usize::from(kind)).copied()
    }

    /// Takes a text.
    pub fn text(&mut self) -> Option<String> {
        let mut text = Vec::new();
        loop {
            match self.byte()? {
                0 => match self.byte()? {
                    0 => return String::from_utf8(text).ok(),
                    u8::MAX => text.push(0),
                    1..=254 => return None,
                },
                byte => text.push(byte),
            }
        }
    }

    /// Takes a number.
    pub fn number(&mut self) -> Option<u64> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*first))
    }

    /// Takes a number that sorts downwards.
    pub fn number_down(&mut self) -> Option<u64> {
        self.number().map(|number| !number)
    }

    /// Takes a signed number that sorts downwards.
    pub fn signed_down(&mut self) -> Option<i64> {
        self.number_down().map(|number| (number ^ SIGN) as i64)
    }

    /// Takes a float that sorts downwards.
    pub fn float_down(&mut self) -> Option<f64> {
        let turned = self.number_down()?;
        let bits = if turned & SIGN == 0 {
            !turned
        } else {
            turned & !SIGN
        };
        Some(f64::from_bits(bits))
    }

    /// Whether nothing is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(text: &str, number: u64, signed: i64, float: f64) -> Key {
        Key::of(Table::History)
            .kind(SubjectKind::Site)
            .text(text)
            .signed_down(signed)
            .float_down(float)
            .number(number)
            .number_down(number)
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop::sample::select(vec!['\0', '\u{1}', 'a', 'b', '义', '\u{10FFFF}']),
            0..5,
        )
        .prop_map(|letters| letters.into_iter().collect())
    }

    proptest! {
        #[test]
        fn every_key_reads_back(text in any_text(), number: u64, signed: i64, float: f64) {
            let key = key(&text, number, signed, float);
            let mut parts = Parts::of(key.as_bytes(), Table::History).unwrap();
            prop_assert_eq!(parts.kind(), Some(SubjectKind::Site));
            prop_assert_eq!(parts.text(), Some(text));
            prop_assert_eq!(parts.signed_down(), Some(signed));
            prop_assert_eq!(parts.float_down().map(f64::to_bits), Some(float.to_bits()));
            prop_assert_eq!(parts.number(), Some(number));
            prop_assert_eq!(parts.number_down(), Some(number));
            prop_assert!(parts.is_empty());
        }

        #[test]
        fn keys_sort_as_what_they_say(
            one in (any_text(), -3i64..3, any::<f64>(), 0u64..3),
            other in (any_text(), -3i64..3, any::<f64>(), 0u64..3),
        ) {
            let in_words = one.0.cmp(&other.0)
                .then(other.1.cmp(&one.1))
                .then(other.2.total_cmp(&one.2))
                .then(one.3.cmp(&other.3));
            let write = |parts: &(String, i64, f64, u64)| {
                Key::of(Table::History).text(&parts.0).signed_down(parts.1).float_down(parts.2).number(parts.3)
            };
            prop_assert_eq!(write(&one).as_bytes().cmp(write(&other).as_bytes()), in_words);
        }

        #[test]
        fn a_prefix_ends_before_what_does_not_begin_with_it(one in prop::collection::vec(any::<u8>(), 0..4), other in prop::collection::vec(any::<u8>(), 0..6)) {
            let prefix = Key::of(Table::Grade).bytes(&one);
            let key = Key::of(Table::Grade).bytes(&other).into_bytes();
            let within = key.as_slice() >= prefix.as_bytes()
                && prefix.after_prefix().is_none_or(|end| key < end);
            prop_assert_eq!(within, key.starts_with(prefix.as_bytes()));
        }
    }

    #[test]
    fn the_number_of_a_kind_is_its_place_in_the_scale() {
        for (place, kind) in SubjectKind::ALL.iter().enumerate() {
            assert_eq!(*kind as usize, place);
        }
    }
}
