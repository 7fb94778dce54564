//! Whom a subject can be compared with（同类对象）: "why me, not him".

use crate::step::Engine;
use crate::subjects::{SubjectIx, ZONE};
use risk_domain::subject::{Subject, SubjectKind};
use std::collections::BTreeMap;

impl Engine {
    /// The nearest of its kind that sell a product that it sells, the nearest first, at most `most`.
    /// Nearest is who sells in the same zone, then whose number of results is the most alike, then
    /// whose name comes first. Empty for products, zones and sectors, and for what never counted.
    pub fn comparables(&self, subject: &Subject, most: usize) -> Vec<Subject> {
        let Some(own) = self.subjects.find(subject) else {
            return Vec::new();
        };
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
        let results = |subject: SubjectIx| -> f64 {
            let tallies = self.state(subject).tallies.iter();
            let results = tallies.map(|tally| f64::from(tally.count)).sum::<f64>();
            libm::log1p(results.max(0.0))
        };
        // Whether in another zone, by candidate.
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
        let alike = results(own);
        let mut found: Vec<(bool, f64, &Subject)> = elsewhere
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
}
