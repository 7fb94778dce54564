//! The short way（快速读取）: reads a record in the form that programs write, several times as fast as a
//! reader for any JSON.
//!
//! It gives up at whatever is unusual: an escape, a null, a negative number, an unknown or repeated name, any
//! mistake. The general reader reads such a record instead, or says what is wrong with it. What is read here
//! the general reader would read alike; a test holds the two against each other.

use super::{
    Agency, Extra, Item, Producer, Product, Record, Sample, Selection, Site, Supplier, Test, Text,
};

/// The record in `text`; `None` where the general reader must look.
pub(in crate::wire) fn read(text: &str) -> Option<Record<'_>> {
    let mut reader = Reader { text, at: 0 };
    reader.pass_blanks();
    let record = Record::read(&mut reader);
    // Not moved: it is large.
    if reader.at == text.len() {
        record
    } else {
        None
    }
}

/// A text, and how far it was read. Blanks behind what was read are passed.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn pass_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.rest().first() {
            self.at += 1;
        }
    }

    /// Passes this byte, if it is the next one.
    fn takes(&mut self, byte: u8) -> bool {
        let next = self.rest().first() == Some(&byte);
        if next {
            self.at += 1;
            self.pass_blanks();
        }
        next
    }

    /// Passes what follows an element: whether another one does, or the list ends.
    fn more(&mut self, close: u8) -> Option<bool> {
        if self.takes(b',') {
            return Some(true);
        }
        self.takes(close).then_some(false)
    }

    /// What stands between these bytes, with commas in between.
    fn list<T>(
        &mut self,
        (open, close): (u8, u8),
        mut element: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut list = Vec::new();
        if !self.takes(open) {
            return None;
        }
        let mut more = !self.takes(close);
        while more {
            list.push(element(self)?);
            more = self.more(close)?;
        }
        Some(list)
    }

    /// Passes this name, in its quotes, if it is the next one.
    fn takes_name(&mut self, quoted: &str) -> bool {
        let before = self.at;
        if !self.rest().starts_with(quoted.as_bytes()) {
            return false;
        }
        self.at += quoted.len();
        self.pass_blanks();
        let named = self.takes(b':');
        if !named {
            self.at = before;
        }
        named
    }

    fn text(&mut self) -> Option<&'a str> {
        let (b'"', rest) = self.rest().split_first()? else {
            return None;
        };
        let from = self.at + 1;
        let to = from + plain_until_quote(rest)?;
        self.at = to + 1;
        self.pass_blanks();
        self.text.get(from..to)
    }

    /// Digits without a needless zero before them, and what else of a number follows.
    fn digits(&mut self) -> Option<&'a str> {
        let length = self
            .rest()
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let digits = self.text.get(self.at..self.at + length)?;
        self.at += length;
        let plain = length == 1 || (length > 1 && !digits.starts_with('0'));
        plain.then_some(digits)
    }

    fn integer(&mut self) -> Option<i64> {
        let digits = self.digits()?;
        if let Some(b'.' | b'e' | b'E') = self.rest().first() {
            return None;
        }
        self.pass_blanks();
        digits.parse().ok()
    }

    fn decimal(&mut self) -> Option<f64> {
        let from = self.at;
        self.digits()?;
        if self.rest().first() == Some(&b'.') {
            let after = |byte: &&u8| byte.is_ascii_digit();
            let places = self.rest().iter().skip(1).take_while(after).count();
            if places == 0 {
                return None;
            }
            self.at += 1 + places;
        }
        if let Some(b'e' | b'E') = self.rest().first() {
            return None;
        }
        let decimal = self.text.get(from..self.at)?;
        self.pass_blanks();
        decimal.parse().ok()
    }
}

/// Bytes before the closing quote; `None` where an escape or a control character comes before it.
fn plain_until_quote(bytes: &[u8]) -> Option<usize> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The high bit of each byte that is less than `limit`, right up to the first one.
    let below = |word: u64, limit: u64| word.wrapping_sub(EACH * limit) & !word & HIGH;
    let (words, _) = bytes.as_chunks::<8>();
    let mut at = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let quote = below(word ^ (EACH * u64::from(b'"')), 1);
        let escape = below(word ^ (EACH * u64::from(b'\\')), 1);
        let found = quote | escape | below(word, 0x20);
        if found != 0 {
            at += found.trailing_zeros() as usize / 8;
            return (bytes.get(at) == Some(&b'"')).then_some(at);
        }
        at += 8;
    }
    let last = bytes.get(at..)?;
    let stop = last
        .iter()
        .position(|byte| matches!(byte, b'"' | b'\\' | ..0x20))?;
    (last.get(stop) == Some(&b'"')).then_some(at + stop)
}

/// What can be read the short way.
trait Read<'a>: Sized {
    fn read(reader: &mut Reader<'a>) -> Option<Self>;

    /// What stands for a field that is not there; `None` where it must be.
    fn absent() -> Option<Self> {
        None
    }
}

impl<'a> Read<'a> for Text<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        reader.text().map(Text::from)
    }
}

impl<'a> Read<'a> for i64 {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        reader.integer()
    }

    // Of counts, which are the only numbers that need not be options.
    fn absent() -> Option<Self> {
        Some(0)
    }
}

impl<'a> Read<'a> for f64 {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        reader.decimal()
    }
}

impl<'a, T: Read<'a>> Read<'a> for Option<T> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        T::read(reader).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<'a, T: Read<'a>> Read<'a> for Vec<T> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        reader.list((b'[', b']'), T::read)
    }

    fn absent() -> Option<Self> {
        Some(Vec::new())
    }
}

impl<'a> Read<'a> for Extra<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let entry = |reader: &mut Reader<'a>| {
            let name = Text::read(reader)?;
            let value = reader.takes(b':').then(|| Text::read(reader))??;
            Some((name, value))
        };
        reader.list((b'{', b'}'), entry).map(Extra)
    }

    fn absent() -> Option<Self> {
        Some(Extra::default())
    }
}

/// Fields are looked for in the order given, which is mostly that of the record; as often as it takes.
macro_rules! objects {
    ($($name:ident $(<$life:lifetime>)? { $($field:ident),+ } $(or $absent:expr)?;)+) => {$(
        impl<'a> Read<'a> for $name $(<$life>)? {
            fn read(reader: &mut Reader<'a>) -> Option<Self> {
                $(let mut $field = None;)+
                if !reader.takes(b'{') {
                    return None;
                }
                if !reader.takes(b'}') {
                    'fields: loop {
                        let before = reader.at;
                        $(if reader.takes_name(concat!('"', stringify!($field), '"')) {
                            if $field.replace(Read::read(reader)?).is_some() {
                                return None;
                            }
                            if !reader.more(b'}')? {
                                break 'fields;
                            }
                        })+
                        if reader.at == before {
                            return None;
                        }
                    }
                }
                Some(Self { $($field: $field.or_else(Read::absent)?),+ })
            }

            $(fn absent() -> Option<Self> {
                Some($absent)
            })?
        }
    )+};
}

objects! {
    Record<'a> {
        schema_version, inspection_id, supersedes, sampled_at, tested_at, observed_at, mode, agency, team_id,
        selection, site, producer, supplier, product, sample, test, outcome, items, confirms, follow_up_of,
        case_id, extra
    };
    Agency<'a> { id, level };
    Selection<'a> { basis, draw_id, inclusion_probability, campaign_id };
    Site<'a> { site_id, enterprise_id, name, zone_id, booth, channel, platform };
    Producer<'a> { enterprise_id, name, region };
    Supplier<'a> { enterprise_id };
    Product<'a> { category, name, brand, model, standard, lot_no, lot_size, gtin };
    Sample { tested, backup, defective, cost } or Sample::default();
    Test<'a> { kind, method_id, lab_id };
    Item<'a> { code, name, clause, method, measured, limit, unit, verdict, hazard, severity };
}
