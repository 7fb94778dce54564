//! All subjects by number and by name, what they lie in, and what a result touches.

use crate::taxonomy::Taxonomy;
use compact_str::CompactString;
use hashbrown::{DefaultHashBuilder, HashTable};
use risk_domain::inspection::InspectionResult;
use risk_domain::subject::Subject;
use risk_domain::time::Timestamp;
use std::hash::BuildHasher;

/// A subject's number within one engine. Numbers depend on arrival and never leave the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SubjectIx(pub(crate) u32);

/// What one result touches.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// Cell, enterprise, site, product, sector, then zones from the innermost out.
    pub(crate) subjects: Box<[SubjectIx]>,
    /// Whether its subjects are tied together as [`Kin`].
    linked: bool,
}

impl Base {
    const CELL: usize = 0;
    const ENTERPRISE: usize = 1;
    const SITE: usize = 2;
    const ZONE: usize = 5;
}

/// All subjects, by number and by name.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    names: Vec<Subject>,
    by_name: HashTable<u32>,
    bases: Vec<Base>,
    by_parts: HashTable<u32>,
    hasher: DefaultHashBuilder,
    /// For each subject, what it is compared with and made of.
    kin: Vec<Kin>,
    titles: Vec<Title>,
}

/// What a subject lies in and is made of.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kin {
    /// A cell's product and enterprise, a product's sector, a zone's parent; none at the top.
    pub(crate) parents: Vec<SubjectIx>,
    /// An enterprise's and a site's cells.
    pub(crate) cells: Vec<SubjectIx>,
    /// Where it was seen: the innermost zones of cells, enterprises and sites.
    pub(crate) zones: Vec<SubjectIx>,
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
    pub(crate) fn bases(&self) -> impl Iterator<Item = (&[SubjectIx], bool)> {
        self.bases.iter().map(|base| (&*base.subjects, base.linked))
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
    pub(crate) fn restore_base(&mut self, subjects: Vec<SubjectIx>, linked: bool) -> bool {
        let valid = subjects.len() > Base::ZONE
            && subjects
                .iter()
                .all(|subject| (subject.0 as usize) < self.names.len());
        if valid {
            let at = self.bases.len() as u32;
            self.bases.push(Base {
                subjects: subjects.into_boxed_slice(),
                linked: false,
            });
            let hash = self.base_hash(at);
            let mut hashes = std::mem::take(&mut self.by_parts);
            hashes.insert_unique(hash, at, |at| self.base_hash(*at));
            self.by_parts = hashes;
            if linked {
                self.link(at);
            }
        }
        valid
    }

    /// When the title of a subject was observed, and the title.
    pub(crate) fn dated_title(&self, subject: SubjectIx) -> Option<(Timestamp, &str)> {
        let title = &self.titles[subject.0 as usize];
        title.observed_at.map(|at| (at, title.name.as_str()))
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

    pub(crate) fn all(&self) -> impl Iterator<Item = SubjectIx> + use<> {
        (0..self.names.len() as u32).map(SubjectIx)
    }

    pub(crate) fn find(&self, subject: &Subject) -> Option<SubjectIx> {
        let hash = self.hasher.hash_one(subject);
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

    /// 64 bits of a subject's name, the same in every engine.
    pub(crate) fn name_hash(&self, subject: SubjectIx) -> u64 {
        xxhash_rust::xxh3::xxh3_64(self.name(subject).to_string().as_bytes())
    }

    /// The public name of an enterprise or a site.
    pub(crate) fn title(&self, subject: SubjectIx) -> Option<&str> {
        let title = &self.titles[subject.0 as usize];
        title.observed_at.map(|_| title.name.as_str())
    }

    /// Keeps the name that the result observed last gives to the enterprise and the site.
    pub(crate) fn entitle(&mut self, base: u32, result: &InspectionResult) {
        let subjects = &self.bases[base as usize].subjects;
        for subject in [subjects[Base::ENTERPRISE], subjects[Base::SITE]] {
            let title = &mut self.titles[subject.0 as usize];
            let newer =
                (title.observed_at, &title.name) < (Some(result.observed_at), &result.site.name);
            if newer {
                title.observed_at = Some(result.observed_at);
                if title.name != result.site.name {
                    title.name.clone_from(&result.site.name);
                }
            }
        }
    }

    /// A zone and everything it lies in.
    pub(crate) fn zone_and_above(&self, zone: SubjectIx) -> Vec<SubjectIx> {
        let mut path = vec![zone];
        while let Some(parent) = path.last().and_then(|last| self.kin(*last).parents.first()) {
            if path.contains(parent) {
                break;
            }
            path.push(*parent);
        }
        path
    }

    /// The base of a result, made on first sight.
    pub(crate) fn base_of(&mut self, result: &InspectionResult, taxonomy: &Taxonomy) -> u32 {
        let hash = self.parts_hash(result);
        let found = self.by_parts.find(hash, |at| self.is_base_of(*at, result));
        if let Some(found) = found {
            return *found;
        }
        let base = self.new_base(result, taxonomy);
        let at = self.bases.len() as u32;
        self.bases.push(base);
        let mut hashes = std::mem::take(&mut self.by_parts);
        hashes.insert_unique(hash, at, |at| self.base_hash(*at));
        self.by_parts = hashes;
        at
    }

    fn parts_hash(&self, result: &InspectionResult) -> u64 {
        let site = &result.site;
        let product = &result.product.category;
        self.hasher
            .hash_one((&site.enterprise_id, &site.site_id, &site.zone_id, product))
    }

    fn base_hash(&self, at: u32) -> u64 {
        let subjects = &self.bases[at as usize].subjects;
        let parts = (
            self.name(subjects[Base::CELL]),
            self.name(subjects[Base::SITE]),
            self.name(subjects[Base::ZONE]),
        );
        match parts {
            (Subject::Cell(enterprise, product), Subject::Site(site), Subject::Zone(zone)) => {
                self.hasher.hash_one((enterprise, site, zone, product))
            }
            _other => 0,
        }
    }

    fn is_base_of(&self, at: u32, result: &InspectionResult) -> bool {
        let subjects = &self.bases[at as usize].subjects;
        let cell = matches!(
            self.name(subjects[Base::CELL]),
            Subject::Cell(enterprise, product)
                if *enterprise == result.site.enterprise_id && *product == result.product.category
        );
        let site = matches!(self.name(subjects[Base::SITE]), Subject::Site(id) if *id == result.site.site_id);
        let zone = matches!(self.name(subjects[Base::ZONE]), Subject::Zone(id) if *id == result.site.zone_id);
        cell && site && zone
    }

    fn new_base(&mut self, result: &InspectionResult, taxonomy: &Taxonomy) -> Base {
        let enterprise_id = &result.site.enterprise_id;
        let product_id = &result.product.category;
        let cell = self.intern(&Subject::Cell(enterprise_id.clone(), product_id.clone()));
        let enterprise = self.intern(&Subject::Enterprise(enterprise_id.clone()));
        let site = self.intern(&Subject::Site(result.site.site_id.clone()));
        let product = self.intern(&Subject::Product(product_id.clone()));
        let sector = taxonomy.sector_of(product_id).cloned().map(Subject::Sector);
        let sector = sector.map(|sector| self.intern(&sector));
        let zones: Vec<SubjectIx> = taxonomy
            .zone_path(&result.site.zone_id)
            .into_iter()
            .map(|zone| self.intern(&Subject::Zone(zone)))
            .collect();

        // A product without a sector stands in the sector's place, so that zones keep theirs; the
        // doubled entry is dropped when rows are added.
        let mut subjects = vec![cell, enterprise, site, product, sector.unwrap_or(product)];
        subjects.extend(zones);
        Base {
            subjects: subjects.into_boxed_slice(),
            linked: false,
        }
    }

    /// Ties together what a base touches, once evidence of it counts. Done at closes, because a
    /// close must not see what was read beyond it.
    pub(crate) fn link(&mut self, base: u32) {
        let Some(base) = self
            .bases
            .get_mut(base as usize)
            .filter(|base| !base.linked)
        else {
            return;
        };
        base.linked = true;
        let subjects = base.subjects.clone();
        let (Some((fixed, zones)), Some(innermost)) = (
            subjects.split_first_chunk::<{ Base::ZONE }>(),
            subjects.get(Base::ZONE),
        ) else {
            return;
        };
        let [cell, enterprise, site, product, sector] = *fixed;
        self.kin[cell.0 as usize].parents = vec![product, enterprise];
        for subject in [cell, enterprise, site, product] {
            // The product with the least code, whichever was seen first.
            let least = self.kin[subject.0 as usize].resembles;
            let least = least.filter(|least| self.name(*least) <= self.name(product));
            self.kin[subject.0 as usize].resembles = least.or(Some(product));
        }
        for owner in [enterprise, site] {
            // In the order of names: a sum over cells must not depend on which was seen first.
            let cells = &self.kin[owner.0 as usize].cells;
            let place = cells.binary_search_by(|other| self.name(*other).cmp(self.name(cell)));
            if let Err(at) = place {
                self.kin[owner.0 as usize].cells.insert(at, cell);
            }
        }
        for seen in [cell, enterprise, site] {
            let places = &mut self.kin[seen.0 as usize].zones;
            if let Err(at) = places.binary_search(innermost) {
                places.insert(at, *innermost);
            }
        }
        if sector != product {
            self.kin[product.0 as usize].parents = vec![sector];
        }
        for pair in zones.windows(2) {
            if let [zone, parent] = pair {
                self.kin[zone.0 as usize].parents = vec![*parent];
            }
        }
    }
}
