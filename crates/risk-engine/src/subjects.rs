//! All subjects by number and by name, what they lie in, and what a result touches.

mod found;
mod heap;
mod names;

pub use found::{Found, SubjectsKey};
use names::{BaseNames, base_hash, base_names};
pub(crate) use names::{name_begins, name_bytes};

use crate::taxonomy::Taxonomy;
use compact_str::CompactString;
use hashbrown::{DefaultHashBuilder, HashTable};
use risk_domain::ids::ProductCode;
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::{Subject, SubjectKind};
use risk_domain::time::Timestamp;
use smallvec::SmallVec;
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// A subject's number within one engine. Numbers depend on arrival and never leave the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubjectIx(pub(crate) u32);

/// What one result touches: three subjects of its own, and what it shares with many others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Base {
    pub(crate) cell: SubjectIx,
    pub(crate) enterprise: SubjectIx,
    pub(crate) site: SubjectIx,
    /// An entry of [`Subjects::above`].
    pub(crate) above: u32,
    /// Whether its subjects are tied together as [`Kin`].
    linked: bool,
}

impl Base {
    pub(crate) fn own(&self) -> [SubjectIx; 3] {
        [self.cell, self.enterprise, self.site]
    }
}

/// Product, sector, then zones from the innermost out. A product without a sector stands in the
/// sector's place, so that zones keep theirs.
type Above = Box<[SubjectIx]>;

/// The place of the innermost zone in [`Above`].
pub(crate) const ZONE: usize = 2;

/// Few numbers, mostly within.
type Few = SmallVec<[SubjectIx; 4]>;

/// All subjects, by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    names: Vec<Subject>,
    kinds: Vec<SubjectKind>,
    products: Vec<SubjectIx>,
    by_name: HashTable<u32>,
    bases: Vec<Base>,
    /// Bases by 128 bits of what names them, so that finding one touches nothing else.
    by_parts: HashTable<(u128, u32)>,
    aboves: Vec<Above>,
    by_above: BTreeMap<Above, u32>,
    /// Numbers of subjects within their kind, and how many of each kind there are.
    ordinals: Vec<u32>,
    of_kind: [u32; SubjectKind::ALL.len()],
    /// Product and innermost zone, by their number; and the number of each of [`Self::aboves`].
    pairs: Vec<(SubjectIx, SubjectIx)>,
    by_pair: BTreeMap<(SubjectIx, SubjectIx), u32>,
    pair_of: Vec<u32>,
    hasher: DefaultHashBuilder,
    /// For each subject, what it lies in and is made of.
    kin: Vec<Kin>,
    titles: Vec<Title>,
}

/// What a subject lies in and is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kin {
    /// The zone that a zone lies in.
    pub(crate) parent: Option<SubjectIx>,
    /// A cell's, an enterprise's and a site's bases: what of the frame of targets is theirs.
    pub(crate) targets: SmallVec<[u32; 4]>,
    /// Where it was seen: the innermost zones of cells, enterprises and sites.
    pub(crate) zones: Few,
    /// The product whose failures a cell's, enterprise's or site's are expected to resemble.
    pub(crate) resembles: Option<SubjectIx>,
}

/// A subject's public name, as the result observed last gave it.
#[derive(Debug, Clone, Default)]
struct Title {
    name: CompactString,
    observed_at: Option<Timestamp>,
}

impl Subjects {
    /// What one base touches and whether it is linked, in the order of numbers.
    pub(crate) fn bases(&self) -> impl Iterator<Item = (Vec<SubjectIx>, bool)> {
        let bases = self.bases.iter();
        bases.map(|base| (self.touched_by(base).collect(), base.linked))
    }

    /// Cell, enterprise, site, product, sector, then zones from the innermost out.
    pub(crate) fn touched(&self, base: u32) -> impl Iterator<Item = SubjectIx> {
        self.touched_by(self.base(base))
    }

    fn touched_by(&self, base: &Base) -> impl Iterator<Item = SubjectIx> + use<'_> {
        let above = self.above(base.above).iter().copied();
        base.own().into_iter().chain(above)
    }

    /// Product, sector, then zones from the innermost out.
    pub(crate) fn above(&self, above: u32) -> &[SubjectIx] {
        &self.aboves[above as usize]
    }

    pub(crate) fn above_count(&self) -> usize {
        self.aboves.len()
    }

    fn intern_above(&mut self, above: Vec<SubjectIx>) -> u32 {
        let above = above.into_boxed_slice();
        if let Some(found) = self.by_above.get(&above) {
            return *found;
        }
        let at = self.aboves.len() as u32;
        let pair = match (above.first(), above.get(ZONE)) {
            (Some(product), Some(zone)) => (*product, *zone),
            // Every base lies in a zone.
            _other => (SubjectIx(u32::MAX), SubjectIx(u32::MAX)),
        };
        let next = self.pairs.len() as u32;
        let number = *self.by_pair.entry(pair).or_insert(next);
        if number == next {
            self.pairs.push(pair);
        }
        self.pair_of.push(number);
        self.aboves.push(above.clone());
        self.by_above.insert(above, at);
        at
    }

    /// A subject's number within its kind.
    pub(crate) fn ordinal(&self, subject: SubjectIx) -> u32 {
        self.ordinals[subject.0 as usize]
    }

    /// How many subjects of a kind there are.
    pub(crate) fn count_of(&self, kind: SubjectKind) -> usize {
        self.of_kind[kind as usize] as usize
    }

    /// Number of the product in the innermost zone.
    pub(crate) fn pair_of(&self, above: u32) -> u32 {
        self.pair_of[above as usize]
    }

    /// Every product in a zone, by its number.
    pub(crate) fn pairs(&self) -> &[(SubjectIx, SubjectIx)] {
        &self.pairs
    }

    /// A base, if evidence counted of it.
    pub(crate) fn linked_base(&self, number: u32) -> Option<&Base> {
        self.bases.get(number as usize).filter(|base| base.linked)
    }

    /// Every base that evidence counted of, with its number.
    pub(crate) fn linked(&self) -> impl Iterator<Item = (u32, &Base)> {
        let numbered = (0..).zip(&self.bases);
        numbered.filter(|(_, base)| base.linked)
    }

    /// Puts a subject back from a checkpoint; numbers come out as they were.
    pub(crate) fn restore_subject(&mut self, subject: &Subject, title: Option<(Timestamp, &str)>) {
        let at = self.intern(subject);
        if let (Some((observed_at, name)), Some(slot)) = (title, self.titles.get_mut(at.0 as usize))
        {
            *slot = Title {
                name: CompactString::new(name),
                observed_at: Some(observed_at),
            };
        }
    }

    /// Puts a base back from a checkpoint. Needs at least the innermost zone among its subjects.
    pub(crate) fn restore_base(&mut self, subjects: &[SubjectIx], linked: bool) -> bool {
        let known = |subject: &SubjectIx| (subject.0 as usize) < self.names.len();
        let Some(([cell, enterprise, site], above)) = subjects.split_first_chunk() else {
            return false;
        };
        if above.len() <= ZONE || !subjects.iter().all(known) {
            return false;
        }
        let base = Base {
            cell: *cell,
            enterprise: *enterprise,
            site: *site,
            above: self.intern_above(above.to_vec()),
            linked: false,
        };
        let zone = self.name(self.above(base.above)[ZONE]);
        let parts = match (self.name(base.cell), self.name(base.site), zone) {
            (Subject::Cell(enterprise, product), Subject::Site(site), Subject::Zone(zone)) => {
                base_hash((enterprise, site, zone, product))
            }
            _other => return false,
        };
        let at = self.add_base(base, parts);
        if linked {
            self.link(at);
        }
        true
    }

    /// When the title of a subject was observed, and the title.
    pub(crate) fn dated_title(&self, subject: SubjectIx) -> Option<(Timestamp, &str)> {
        let title = &self.titles[subject.0 as usize];
        title.observed_at.map(|at| (at, title.name.as_str()))
    }

    /// Every product that was seen.
    pub(crate) fn products(&self) -> impl Iterator<Item = (SubjectIx, &ProductCode)> {
        self.products.iter().filter_map(|at| match self.name(*at) {
            Subject::Product(code) => Some((*at, code)),
            Subject::Enterprise(_)
            | Subject::Site(_)
            | Subject::Zone(_)
            | Subject::Sector(_)
            | Subject::Cell(..) => None,
        })
    }

    pub(crate) fn base_count(&self) -> usize {
        self.bases.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    pub(crate) fn name(&self, subject: SubjectIx) -> &Subject {
        &self.names[subject.0 as usize]
    }

    pub(crate) fn kin(&self, subject: SubjectIx) -> &Kin {
        &self.kin[subject.0 as usize]
    }

    pub(crate) fn base(&self, base: u32) -> &Base {
        &self.bases[base as usize]
    }

    pub(crate) fn kind(&self, subject: SubjectIx) -> SubjectKind {
        self.kinds[subject.0 as usize]
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = SubjectIx> + use<> {
        (0..self.names.len() as u32).map(SubjectIx)
    }

    /// Hash of a name, of this run.
    pub(crate) fn name_hash(&self, subject: &Subject) -> u64 {
        self.hasher.hash_one(subject)
    }

    pub(crate) fn find(&self, subject: &Subject) -> Option<SubjectIx> {
        let hash = self.name_hash(subject);
        let found = self
            .by_name
            .find(hash, |at| self.names[*at as usize] == *subject);
        found.map(|at| SubjectIx(*at))
    }

    pub(crate) fn intern(&mut self, subject: &Subject) -> SubjectIx {
        if let Some(found) = self.find(subject) {
            return found;
        }
        let at = self.names.len() as u32;
        self.names.push(subject.clone());
        self.kinds.push(subject.kind());
        let of_kind = &mut self.of_kind[subject.kind() as usize];
        self.ordinals.push(*of_kind);
        *of_kind += 1;
        if matches!(subject, Subject::Product(_)) {
            self.products.push(SubjectIx(at));
        }
        self.kin.push(Kin::default());
        self.titles.push(Title::default());
        let hash = self.hasher.hash_one(subject);
        let Self {
            names,
            by_name,
            hasher,
            ..
        } = self;
        by_name.insert_unique(hash, at, |at| hasher.hash_one(&names[*at as usize]));
        SubjectIx(at)
    }

    /// The public name of an enterprise or a site.
    pub(crate) fn title(&self, subject: SubjectIx) -> Option<&str> {
        let title = &self.titles[subject.0 as usize];
        title.observed_at.map(|_| title.name.as_str())
    }

    /// Keeps the name that the result observed last gives to the enterprise and the site.
    pub(crate) fn entitle_base(&mut self, base: u32, result: &InspectionResult) {
        let Base {
            enterprise, site, ..
        } = self.bases[base as usize];
        for subject in [enterprise, site] {
            self.entitle(subject, result.observed_at, &result.site.name);
        }
    }

    /// Gives a subject this public name, unless one was observed later.
    pub(crate) fn entitle(
        &mut self,
        subject: SubjectIx,
        observed_at: Timestamp,
        name: &CompactString,
    ) {
        let title = &mut self.titles[subject.0 as usize];
        if (title.observed_at, &title.name) < (Some(observed_at), name) {
            title.observed_at = Some(observed_at);
            if title.name != *name {
                title.name.clone_from(name);
            }
        }
    }

    /// A zone and everything it lies in.
    pub(crate) fn zone_and_above(&self, zone: SubjectIx) -> Vec<SubjectIx> {
        let mut path = vec![zone];
        while let Some(parent) = path.last().and_then(|last| self.kin(*last).parent) {
            if path.contains(&parent) {
                break;
            }
            path.push(parent);
        }
        path
    }

    /// The base of a result, made on first sight.
    pub(crate) fn base_of(&mut self, result: &InspectionResult, taxonomy: &Taxonomy) -> u32 {
        self.base_named(base_names(result), taxonomy)
    }

    /// The base with these names, made on first sight.
    pub(crate) fn base_named(&mut self, names: BaseNames<'_>, taxonomy: &Taxonomy) -> u32 {
        let parts = base_hash(names);
        self.find_parts(parts).unwrap_or_else(|| {
            let base = self.new_base(names, taxonomy);
            self.add_base(base, parts)
        })
    }

    fn add_base(&mut self, base: Base, parts: u128) -> u32 {
        let at = self.bases.len() as u32;
        self.bases.push(base);
        self.by_parts
            .insert_unique(parts as u64, (parts, at), |(parts, _)| *parts as u64);
        at
    }

    fn new_base(&mut self, names: BaseNames<'_>, taxonomy: &Taxonomy) -> Base {
        let (enterprise_id, site_id, zone_id, product_id) = names;
        let cell = self.intern(&Subject::Cell(enterprise_id.clone(), product_id.clone()));
        let enterprise = self.intern(&Subject::Enterprise(enterprise_id.clone()));
        let site = self.intern(&Subject::Site(site_id.clone()));
        let product = self.intern(&Subject::Product(product_id.clone()));
        let sector = taxonomy.sector_of(product_id).cloned().map(Subject::Sector);
        let sector = sector.map(|sector| self.intern(&sector));
        let zones: Vec<SubjectIx> = taxonomy
            .zone_path(zone_id)
            .into_iter()
            .map(|zone| self.intern(&Subject::Zone(zone)))
            .collect();

        let mut above = vec![product, sector.unwrap_or(product)];
        above.extend(zones);
        Base {
            cell,
            enterprise,
            site,
            above: self.intern_above(above),
            linked: false,
        }
    }

    /// Ties together what a base touches, once evidence of it counts. Done at closes, because a
    /// close must not see what was read beyond it.
    pub(crate) fn link(&mut self, number: u32) {
        let Some(base) = self
            .bases
            .get_mut(number as usize)
            .filter(|base| !base.linked)
        else {
            return;
        };
        base.linked = true;
        let Base {
            cell,
            enterprise,
            site,
            above,
            ..
        } = *base;
        let above = self.aboves[above as usize].clone();
        let (Some(([product, _sector], zones)), Some(innermost)) =
            (above.split_first_chunk::<ZONE>(), above.get(ZONE))
        else {
            return;
        };
        let product = *product;
        for subject in [cell, enterprise, site, product] {
            // The product with the least code, whichever was seen first.
            let least = self.kin[subject.0 as usize].resembles;
            let least = least.filter(|least| self.name(*least) <= self.name(product));
            self.kin[subject.0 as usize].resembles = least.or(Some(product));
        }
        for owner in [cell, enterprise, site] {
            self.kin[owner.0 as usize].targets.push(number);
        }
        for seen in [cell, enterprise, site] {
            let places = &mut self.kin[seen.0 as usize].zones;
            if let Err(at) = places.binary_search(innermost) {
                places.insert(at, *innermost);
            }
        }
        for pair in zones.windows(2) {
            if let [zone, parent] = pair {
                self.kin[zone.0 as usize].parent = Some(*parent);
            }
        }
    }
}
