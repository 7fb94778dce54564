//! How strict laboratories and inspector groups are, and how right the fast tests（检验偏差报告）: what the
//! model found of them and took out of every score.

use crate::event_time::Epoch;
use crate::logodds::{MethodAccuracy, ObserverEffects, Snapshot, Strictness};
use crate::sampling::Numbered;
use crate::step::Engine;
use std::collections::BTreeMap;

/// What the snapshot in force says of those who test（检验偏差报告）.
#[doc(alias = "检验偏差报告")]
#[derive(Debug, Clone, PartialEq)]
pub struct ObserverReport {
    /// The close that it was fitted at.
    pub epoch: Epoch,
    /// Laboratories, by name.
    pub laboratories: BTreeMap<String, Strictness>,
    /// Inspector groups, by name.
    pub inspectors: BTreeMap<String, Strictness>,
    /// Fast-test methods.
    pub methods: Vec<MethodAccuracy>,
}

impl Engine {
    /// The report; none before the first fit.
    pub fn observer_report(&self) -> Option<ObserverReport> {
        let model = &self.model;
        let epoch = model.in_force?.epoch;
        let snapshot: &Snapshot = &model.snapshot;
        let named = |found: Vec<Strictness>, known: &Numbered, of: Option<&ObserverEffects>| {
            // One that the snapshot has not seen has the prior's whole doubt.
            let unseen = |one: &Strictness| {
                let effect = of.and_then(|of| of.effects.get(usize::from(one.observer)));
                effect.is_none_or(|effect| effect.mean == 0.0)
            };
            let named = found.into_iter().filter(|one| !unseen(one));
            named
                .map(|one| (known.name(one.observer).to_owned(), one))
                .collect()
        };
        let observers = &model.observers;
        Some(ObserverReport {
            epoch,
            laboratories: named(
                snapshot.laboratory_strictness(),
                &observers.laboratories,
                snapshot.laboratories.as_ref(),
            ),
            inspectors: named(
                snapshot.inspector_strictness(),
                &observers.inspectors,
                snapshot.inspectors.as_ref(),
            ),
            methods: snapshot.methods.clone(),
        })
    }
}
