//! An engine with a shell around it that looks up what the engine asks for.

use crate::listed;
use compact_str::CompactString;
use risk_domain::decision::Command;
use risk_domain::ids::{
    AgencyId, EnterpriseId, InspectionId, ItemCode, ProductCode, SectorCode, SiteId, TeamId, ZoneId,
};
use risk_domain::inspection::{
    Agency, AgencyLevel, Channel, InspectionResult, Outcome as TestOutcome, ProductRef,
    SampleCounts, SiteRef, TestItem, TestKind, TestRef, Verdict,
};
use risk_domain::registry::RegistryEntry;
use risk_domain::scales::Severity;
use risk_domain::selection::{Selection, SelectionBasis, SelectionMode};
use risk_domain::signal::Signal;
use risk_domain::time::{DAY_MILLIS, Timestamp};
use risk_engine::{
    AlertEntry, Effect, Engine, Input, Linked, Outcome, Policy, Recorded, Registration,
    ResultInput, SourcePartition, StateHash, SubjectsKey, Taxonomy,
};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) const START: i64 = 1_735_689_600_000; // 2025-01-01T00:00:00Z

pub(crate) fn result(
    id: u32,
    enterprise: u32,
    product: u32,
    day: i64,
    nonconforming: bool,
) -> InspectionResult {
    let observed_at =
        Timestamp::from_millis(START + day * DAY_MILLIS + i64::from(id % 1000) * 60_000);
    let item = TestItem {
        code: ItemCode::new("small-parts").unwrap(),
        name: CompactString::new("小零件"),
        clause: None,
        method: None,
        measured: None,
        limit: None,
        unit: None,
        verdict: if nonconforming {
            Verdict::Nonconforming
        } else {
            Verdict::Conforming
        },
        hazard: None,
        severity: Some(Severity::try_from((id % 4 + 1) as u8).unwrap()),
    };
    InspectionResult {
        inspection_id: InspectionId::new(format!("R{id:05}")).unwrap(),
        supersedes: None,
        sampled_at: observed_at.plus_millis(-3 * DAY_MILLIS),
        tested_at: None,
        observed_at,
        mode: SelectionMode::SupervisoryCheck,
        agency: Agency {
            id: AgencyId::new("330782").unwrap(),
            level: AgencyLevel::County,
        },
        team_id: TeamId::new("T1").unwrap(),
        selection: Selection {
            basis: SelectionBasis::Random,
            draw_id: None,
            inclusion_probability: None,
            campaign_id: None,
        },
        site: SiteRef {
            site_id: SiteId::new(format!("S{enterprise}")).unwrap(),
            enterprise_id: EnterpriseId::new(format!("E{enterprise}")).unwrap(),
            name: CompactString::new("义乌市某商行"),
            zone_id: ZoneId::new(format!("F{}", enterprise % 3)).unwrap(),
            booth: None,
            channel: Channel::Market,
            platform: None,
        },
        producer: None,
        supplier: None,
        product: ProductRef {
            category: ProductCode::new(format!("P{product}")).unwrap(),
            name: CompactString::new("塑胶玩具"),
            brand: None,
            model: None,
            standard: None,
            lot_no: None,
            lot_size: None,
            gtin: None,
        },
        sample: SampleCounts::default(),
        test: TestRef {
            kind: TestKind::Laboratory,
            method_id: None,
            lab_id: None,
        },
        outcome: if nonconforming {
            TestOutcome::Nonconforming
        } else {
            TestOutcome::Conforming
        },
        items: vec![item],
        confirms: None,
        follow_up_of: None,
        case_id: None,
        extra: BTreeMap::new(),
    }
}

pub(crate) fn partition(number: i32) -> SourcePartition {
    SourcePartition {
        source: CompactString::const_new("test"),
        partition: number,
    }
}

fn register() -> SourcePartition {
    SourcePartition {
        source: CompactString::const_new("register"),
        partition: 0,
    }
}

/// Accepted results, each with its epoch.
pub(crate) type Accepted = BTreeMap<InspectionId, (InspectionResult, risk_engine::Epoch)>;

/// What the engine must be shown with a result, from what has been accepted so far.
pub(crate) fn linked(
    accepted: &Accepted,
    engine: &Engine,
    result: &InspectionResult,
) -> Vec<Linked> {
    let missing = engine.missing_links(result);
    let found = missing.iter().filter_map(|id| accepted.get(id));
    found
        .map(|(result, epoch)| Linked {
            result: result.clone(),
            epoch: *epoch,
        })
        .collect()
}

/// An engine with a shell around it that looks up what the engine asks for.
pub(crate) struct Desk {
    pub(crate) engine: Engine,
    pub(crate) accepted: Accepted,
    pub(crate) recorded: Vec<Entry>,
    pub(crate) effects: Vec<Effect>,
}

pub(crate) enum Entry {
    Result(SourcePartition, Box<InspectionResult>, risk_engine::Epoch),
    Registry(SourcePartition, Box<RegistryEntry>, risk_engine::Epoch),
    Command(SourcePartition, Box<Command>, risk_engine::Epoch),
    Signal(SourcePartition, Box<Signal>, risk_engine::Epoch),
    Register(Registration),
    Hold(Vec<SourcePartition>),
    Ended(Vec<SourcePartition>),
    Effect(Effect),
}

pub(crate) fn new_engine() -> Engine {
    // A lateness of 30 days, so that permutations within it are far ones.
    let text = include_str!("../../../../config/policy/default.toml");
    let text = text.replace("lateness_minutes = 1440", "lateness_minutes = 43200");
    Engine::new(
        Arc::new(Policy::from_toml(&text).unwrap()),
        Taxonomy::default(),
    )
    .unwrap()
}

pub(crate) fn registrations() -> Vec<Registration> {
    let zone = |id: &str, parent: Option<&str>| Registration::Zone {
        zone: ZoneId::new(id).unwrap(),
        parent: parent.map(|parent| ZoneId::new(parent).unwrap()),
    };
    let product = |id: &str| Registration::Product {
        product: ProductCode::new(id).unwrap(),
        sector: SectorCode::new("toys").unwrap(),
        severity_mix: None,
    };
    let mut all = vec![zone("city", None)];
    all.extend(["F0", "F1", "F2"].map(|floor| zone(floor, Some("city"))));
    all.extend(["P0", "P1"].map(product));
    all
}

impl Desk {
    /// Every alert, those that opened last first.
    pub(crate) fn alerts(&self) -> Vec<AlertEntry<'_>> {
        let mut all: Vec<_> = self.engine.alerts().collect();
        all.sort_by_key(|entry| Reverse((entry.alert.opened_at, entry.alert.id.clone())));
        all
    }

    pub(crate) fn new(partitions: i32) -> Self {
        let mut desk = Self {
            engine: new_engine(),
            accepted: BTreeMap::new(),
            recorded: Vec::new(),
            effects: Vec::new(),
        };
        for registration in registrations() {
            desk.input(
                &Input::Register(&registration),
                Entry::Register(registration.clone()),
            );
        }
        let held: Vec<SourcePartition> = (0..partitions).map(partition).collect();
        desk.input(&Input::Hold(&held), Entry::Hold(held.clone()));
        desk
    }

    pub(crate) fn input(&mut self, input: &Input<'_>, entry: Entry) {
        let step = self.engine.step(input);
        self.recorded.push(entry);
        self.keep(step.effects);
    }

    pub(crate) fn keep(&mut self, effects: Vec<Effect>) {
        self.recorded
            .extend(effects.iter().cloned().map(Entry::Effect));
        self.effects.extend(effects);
    }

    pub(crate) fn linked(&self, engine: &Engine, result: &InspectionResult) -> Vec<Linked> {
        linked(&self.accepted, engine, result)
    }

    pub(crate) fn post(&mut self, partition_number: i32, result: &InspectionResult) -> Outcome {
        let name = partition(partition_number);
        let linked = self.linked(&self.engine, result);
        let known = self.accepted.get(&result.inspection_id);
        let seen = known.map(|(before, _)| u128::from(before != result));
        let index = self.engine.partition(&name);
        // A fold is not told what is found; a law holds the two against each other.
        let found = self
            .engine
            .find_all(std::iter::once((SubjectsKey::of(result), result)));
        let input = ResultInput {
            partition: index,
            result,
            digest: 0,
            seen,
            linked: &linked,
            found: found.first().copied().unwrap_or_default(),
        };
        let step = self.engine.step(&Input::Result(input));
        if let Outcome::Accepted(accepted) = step.outcome {
            let epoch = accepted.epoch.unwrap();
            self.accepted
                .insert(result.inspection_id.clone(), (result.clone(), epoch));
            self.recorded
                .push(Entry::Result(name, Box::new(result.clone()), epoch));
        }
        self.keep(step.effects);
        step.outcome
    }

    /// From now on the register holds the watermark, too.
    pub(crate) fn hold_register(&mut self) {
        let held = vec![register()];
        self.input(&Input::Hold(&held), Entry::Hold(held.clone()));
    }

    /// What the register says, from a partition of its own.
    pub(crate) fn tell(&mut self, entry: &RegistryEntry) -> Outcome {
        let partition = register();
        let input = Input::Registry {
            partition: &partition,
            entry,
        };
        let step = self.engine.step(&input);
        if let Outcome::Accepted(accepted) = step.outcome {
            let epoch = accepted.epoch.unwrap();
            let entry = Box::new(entry.clone());
            self.recorded.push(Entry::Registry(partition, entry, epoch));
        }
        self.keep(step.effects);
        step.outcome
    }

    /// What an officer decides, from a partition of its own.
    pub(crate) fn decide(&mut self, command: &Command) -> Outcome {
        let partition = SourcePartition {
            source: CompactString::const_new("commands"),
            partition: 0,
        };
        let input = Input::Command {
            partition: &partition,
            command,
        };
        let step = self.engine.step(&input);
        if let Outcome::Accepted(accepted) = step.outcome {
            let epoch = accepted.epoch.unwrap();
            let command = Box::new(command.clone());
            self.recorded
                .push(Entry::Command(partition, command, epoch));
        }
        self.keep(step.effects);
        step.outcome
    }

    /// What is heard, from a partition of its own.
    pub(crate) fn hear(&mut self, signal: &Signal) -> Outcome {
        let partition = SourcePartition {
            source: CompactString::const_new("signals"),
            partition: 0,
        };
        let input = Input::Signal {
            partition: &partition,
            signal,
        };
        let step = self.engine.step(&input);
        if let Outcome::Accepted(accepted) = step.outcome {
            let epoch = accepted.epoch.unwrap();
            let signal = Box::new(signal.clone());
            self.recorded.push(Entry::Signal(partition, signal, epoch));
        }
        self.keep(step.effects);
        step.outcome
    }

    pub(crate) fn end(&mut self, partitions: i32) -> StateHash {
        let clocks = self.engine.partition_clocks();
        let mut held: Vec<SourcePartition> = clocks.map(|(name, _)| name.clone()).collect();
        held.extend((0..partitions).map(partition));
        self.input(&Input::Ended(&held), Entry::Ended(held.clone()));
        self.engine.state_hash()
    }

    /// Folds what was recorded into a new engine. What either lists must be what sorting all tells, and an engine
    /// that leaves lists out must stand as they do.
    pub(crate) fn rebuilt(&self) -> StateHash {
        let engine = self.folded_into(new_engine());
        listed::check(&self.engine, &self.effects);
        listed::check(&engine, &self.effects);
        let mut unlisted = new_engine();
        unlisted.leave_out_lists();
        let unlisted = self.folded_into(unlisted);
        assert_eq!(unlisted.state_hash(), engine.state_hash());
        listed::check_none(&unlisted);
        engine.state_hash()
    }

    fn folded_into(&self, mut engine: Engine) -> Engine {
        // A record refers to what stands before it; what comes later is not known yet.
        let mut accepted = Accepted::new();
        for entry in &self.recorded {
            match entry {
                Entry::Result(partition, result, epoch) => {
                    let linked = linked(&accepted, &engine, result);
                    let id = result.inspection_id.clone();
                    accepted.insert(id, ((**result).clone(), *epoch));
                    engine.fold(&Recorded::Result {
                        partition,
                        result,
                        epoch: *epoch,
                        linked: &linked,
                    });
                }
                Entry::Registry(partition, entry, epoch) => {
                    engine.fold(&Recorded::Registry {
                        partition,
                        entry,
                        epoch: *epoch,
                    });
                }
                Entry::Command(partition, command, epoch) => {
                    engine.fold(&Recorded::Command {
                        partition,
                        command,
                        epoch: *epoch,
                    });
                }
                Entry::Signal(partition, signal, epoch) => {
                    engine.fold(&Recorded::Signal {
                        partition,
                        signal,
                        epoch: *epoch,
                    });
                }
                Entry::Register(registration) => {
                    engine.fold(&Recorded::Input(&Input::Register(registration)));
                }
                Entry::Hold(held) => engine.fold(&Recorded::Input(&Input::Hold(held))),
                Entry::Ended(ended) => engine.fold(&Recorded::Input(&Input::Ended(ended))),
                Entry::Effect(effect) => engine.fold(&Recorded::Effect(effect)),
            }
        }
        engine
    }

    pub(crate) fn alert_ids(&self) -> BTreeSet<String> {
        let id = |effect: &Effect| {
            let Effect::AlertRaised(alert) = effect else {
                return None;
            };
            Some(alert.id.to_string())
        };
        self.effects.iter().filter_map(id).collect()
    }
}
