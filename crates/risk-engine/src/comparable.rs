//! Whom a subject can be compared with（同类对象）: "why me, not him".

use crate::step::Engine;
use crate::subjects::{SubjectIx, ZONE};
use risk_domain::subject::{Subject, SubjectKind};
use std::collections::BTreeMap;

impl Engine {
    /// The nearest of its kind, the nearest first, at most `most`. Of a cell, an enterprise or a site these
    /// are those that sell a product that it sells, those in the same zone first; of a product the products
    /// of its sector, of a zone the zones in the same zone, of a sector all others. Nearer is whose number
    /// of results is more alike, then whose name comes first. Empty for what never counted.
    pub fn comparables(&self, subject: &Subject, most: usize) -> Vec<Subject> {
        let Some(own) = self.subjects.find(subject) else {
            return Vec::new();
        };
        let found = match self.subjects.kind(own) {
            SubjectKind::Cell | SubjectKind::Enterprise | SubjectKind::Site => {
                self.sellers_like(own)
            }
            SubjectKind::Product | SubjectKind::Zone | SubjectKind::Sector => self.groups_like(own),
        };
        let results = |subject: SubjectIx| -> f64 {
            let tallies = self.state(subject).tallies.iter();
            let results = tallies.map(|tally| f64::from(tally.count)).sum::<f64>();
            libm::log1p(results.max(0.0))
        };
        let alike = results(own);
        let mut found: Vec<(bool, f64, &Subject)> = found
            .into_iter()
            .map(|(other, apart)| {
                let distance = (results(other) - alike).abs();
                (apart, distance, self.subjects.name(other))
            })
            .collect();
        found.sort_by(
            |(apart, distance, name), (other_apart, other, other_name)| {
                apart
                    .cmp(other_apart)
                    .then_with(|| distance.total_cmp(other))
                    .then_with(|| name.cmp(other_name))
            },
        );
        let nearest = found.into_iter().take(most);
        nearest.map(|(_, _, name)| name.clone()).collect()
    }

    /// Others that sell a product that it sells, and whether they do so in other zones only.
    fn sellers_like(&self, own: SubjectIx) -> BTreeMap<SubjectIx, bool> {
        let kind = self.subjects.kind(own);
        let same_kind = |target: u32| -> Option<SubjectIx> {
            let base = self.subjects.base(target);
            match kind {
                SubjectKind::Cell => Some(base.cell),
                SubjectKind::Enterprise => Some(base.enterprise),
                SubjectKind::Site => Some(base.site),
                SubjectKind::Product | SubjectKind::Zone | SubjectKind::Sector => None,
            }
        };
        let place = |target: u32| -> Option<(SubjectIx, SubjectIx)> {
            let above = self.subjects.above(self.subjects.base(target).above);
            Some((*above.first()?, *above.get(ZONE)?))
        };
        let targets = &self.subjects.kin(own).targets;
        let places: Vec<_> = targets.iter().filter_map(|at| place(*at)).collect();
        let mut elsewhere: BTreeMap<SubjectIx, bool> = BTreeMap::new();
        for (target, _) in self.subjects.linked() {
            let Some((other, (product, zone))) = same_kind(target).zip(place(target)) else {
                continue;
            };
            if other == own || !places.iter().any(|(sold, _)| *sold == product) {
                continue;
            }
            let apart = !places.contains(&(product, zone));
            let known = elsewhere.entry(other).or_insert(true);
            *known &= apart;
        }
        elsewhere
    }

    /// Others that lie in the same. None of them is nearer by its place.
    fn groups_like(&self, own: SubjectIx) -> BTreeMap<SubjectIx, bool> {
        let alike = |other: SubjectIx| match (self.subjects.name(own), self.subjects.name(other)) {
            (Subject::Product(one), Subject::Product(other)) => {
                let sector = self.taxonomy.sector_of(one);
                sector.is_some() && sector == self.taxonomy.sector_of(other)
            }
            (Subject::Zone(_), Subject::Zone(_)) => {
                self.subjects.kin(own).parent == self.subjects.kin(other).parent
            }
            (Subject::Sector(_), Subject::Sector(_)) => true,
            _other_kinds => false,
        };
        let others = self.subjects.all().filter(|other| *other != own);
        let found = others.filter(|other| alike(*other));
        found.map(|other| (other, false)).collect()
    }
}
