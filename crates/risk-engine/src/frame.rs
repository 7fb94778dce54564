//! The frame（抽样框）: every target there is, tested or not, and its weight.
//!
//! With a register, a target stands in the frame by what the register says of its site; without an
//! entry of its site it stands there once it was tested, with the least weight. Entries take effect at
//! closes like results do, and of two entries of a site the later one stands, so their order does not
//! show.

use crate::event_time::Epoch;
use crate::model::week_of;
use crate::step::Engine;
use crate::subjects::{Base, SubjectIx, Subjects, ZONE};
use risk_domain::ids::SiteId;
use risk_domain::inspection::Channel;
use risk_domain::registry::{RegistryEntry, Volume};
use risk_domain::subject::Subject;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What stands of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InFrame {
    /// Evidence of it has counted.
    tested: bool,
    /// 0 for one out of the frame.
    weight: u32,
    /// Week of the close that first found it in the frame.
    from: u16,
    /// Week of the close that last found it gone.
    until: u16,
    /// Link of the chain, by its place among all; beyond them where none was told.
    channel: u8,
}

impl InFrame {
    const OUT: Self = Self {
        tested: false,
        weight: 0,
        from: u16::MAX,
        until: u16::MAX,
        channel: u8::MAX,
    };

    /// Whether no close has touched it.
    pub(crate) fn is_new(&self) -> bool {
        *self == Self::OUT
    }
}

/// What the frame is made of（抽样框来源）.
#[doc(alias = "抽样框来源")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameSource {
    /// What was ever tested: there is no register.
    Seen,
    /// The register, and what was tested at sites that it does not know.
    Register {
        /// Sites that it says are open.
        sites: u32,
        /// Targets in the frame that it does not know.
        unregistered: u32,
    },
}

impl FrameSource {
    /// Its code in answers.
    pub fn code(self) -> &'static str {
        match self {
            Self::Seen => "seen",
            Self::Register { .. } => "registry",
        }
    }
}

/// The register and the frame.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    /// Entries that no close has taken in.
    open: BTreeMap<Epoch, Vec<RegistryEntry>>,
    /// What stands, by site.
    entries: BTreeMap<SubjectIx, RegistryEntry>,
    /// By the number of the base.
    targets: Vec<InFrame>,
}

/// Whether an entry came before.
pub(crate) enum Known {
    No,
    Same,
    Other,
}

impl Frame {
    /// Whether an entry with this site and id came before, with the same content or another.
    pub(crate) fn knows(&self, entry: &RegistryEntry, subjects: &Subjects) -> Known {
        let site = subjects.find(&Subject::Site(entry.site_id.clone()));
        let standing = site.and_then(|site| self.entries.get(&site));
        let open = self.open.values().flatten();
        let mut same = open
            .chain(standing)
            .filter(|known| known.site_id == entry.site_id && known.update_id == entry.update_id);
        match same.next() {
            None => Known::No,
            Some(known) if known == entry => Known::Same,
            Some(_) => Known::Other,
        }
    }

    pub(crate) fn admit(&mut self, epoch: Epoch, entry: RegistryEntry) {
        self.open.entry(epoch).or_default().push(entry);
    }

    pub(crate) fn next_from(&self, epoch: Epoch) -> Option<Epoch> {
        self.open.range(epoch..).next().map(|(epoch, _)| *epoch)
    }

    pub(crate) fn first_open(&self) -> Option<Epoch> {
        self.open.keys().next().copied()
    }

    /// Weight of a target; 0 for one out of the frame.
    pub(crate) fn weight(&self, base: u32) -> u32 {
        self.of(base).weight
    }

    /// Weight that a target has once evidence of it counts.
    pub(crate) fn weight_once_tested(&self, base: u32, subjects: &Subjects) -> u32 {
        let of = subjects.base(base);
        let entry = self.entries.get(&of.site);
        entry.map_or(1, |entry| weight_of(entry, of, subjects, 1))
    }

    /// Weeks in which a target exists.
    pub(crate) fn weeks(&self, base: u32) -> (u16, u16) {
        let target = self.of(base);
        (target.from, target.until)
    }

    /// Link of the chain that a target is in, where one was told.
    pub(crate) fn channel(&self, base: u32) -> Option<Channel> {
        let channel = self.of(base).channel;
        Channel::ALL.get(usize::from(channel)).copied()
    }

    /// What stands of a site in the register.
    pub(crate) fn entry(&self, site: SubjectIx) -> Option<&RegistryEntry> {
        self.entries.get(&site)
    }

    fn of(&self, base: u32) -> InFrame {
        let known = self.targets.get(base as usize);
        known.copied().unwrap_or(InFrame::OUT)
    }

    fn of_mut(&mut self, base: u32) -> &mut InFrame {
        let at = base as usize;
        if self.targets.len() <= at {
            self.targets.resize(at + 1, InFrame::OUT);
        }
        &mut self.targets[at]
    }

    /// Evidence of a target counted, seen in a channel by its place among all.
    pub(crate) fn test(&mut self, base: u32, channel: u8, subjects: &Subjects, week: u16) {
        let registered = self.entries.contains_key(&subjects.base(base).site);
        let target = self.of_mut(base);
        target.tested = true;
        if !registered {
            target.channel = channel;
        }
        self.refresh(base, subjects, week);
    }

    /// Weighs a target anew.
    fn refresh(&mut self, base: u32, subjects: &Subjects, week: u16) {
        let of = subjects.base(base);
        let tested = u32::from(self.of(base).tested);
        let (weight, channel) = match self.entries.get(&of.site) {
            None => (tested, None),
            Some(entry) => (
                weight_of(entry, of, subjects, tested),
                Some(place_of(entry.channel)),
            ),
        };
        let target = self.of_mut(base);
        if weight > 0 {
            target.from = target.from.min(week);
            target.until = u16::MAX;
        } else if target.weight > 0 {
            target.until = week;
        }
        target.weight = weight;
        target.channel = channel.unwrap_or(target.channel);
    }

    fn summary(&self, subjects: &Subjects) -> FrameSource {
        if self.entries.is_empty() {
            return FrameSource::Seen;
        }
        let unregistered = subjects.linked().filter(|(number, base)| {
            self.weight(*number) > 0 && !self.entries.contains_key(&base.site)
        });
        FrameSource::Register {
            sites: self.entries.values().filter(|entry| entry.open).count() as u32,
            unregistered: unregistered.count() as u32,
        }
    }

    /// Bytes held beyond the value itself, entries of the register apart.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.targets.capacity() * size_of::<InFrame>()
    }

    /// Everything, for a checkpoint: entries that are open, entries that stand, targets.
    pub(crate) fn parts(
        &self,
    ) -> (
        impl Iterator<Item = (Epoch, &RegistryEntry)>,
        impl Iterator<Item = &RegistryEntry>,
        &[InFrame],
    ) {
        let open = self.open.iter();
        let open = open.flat_map(|(epoch, entries)| entries.iter().map(|entry| (*epoch, entry)));
        (open, self.entries.values(), &self.targets)
    }

    /// Puts a standing entry back from a checkpoint.
    pub(crate) fn restore(&mut self, site: SubjectIx, entry: RegistryEntry) {
        self.entries.insert(site, entry);
    }

    /// Puts targets back from a checkpoint, in their order.
    pub(crate) fn restore_targets(&mut self, targets: Vec<InFrame>) {
        self.targets.extend(targets);
    }
}

/// Place of a channel among all.
pub(crate) fn place_of(channel: Channel) -> u8 {
    let place = Channel::ALL.iter().position(|known| *known == channel);
    place.map_or(u8::MAX, |place| place as u8)
}

/// What an entry makes of a target of its site. A product that was found there and that the register
/// does not know of has the least weight.
fn weight_of(entry: &RegistryEntry, base: &Base, subjects: &Subjects, tested: u32) -> u32 {
    let zone = subjects.above(base.above).get(ZONE);
    let here = match (subjects.name(base.cell), zone.map(|at| subjects.name(*at))) {
        (Subject::Cell(enterprise, product), Some(Subject::Zone(zone))) => {
            let same = *enterprise == entry.enterprise_id && *zone == entry.zone_id;
            same.then_some(product)
        }
        _other => None,
    };
    match here {
        Some(product) if entry.open => {
            let volume = entry.products.get(product);
            volume.map_or(tested, |volume| Volume::get(*volume))
        }
        Some(_) | None => 0,
    }
}

impl Engine {
    /// What the frame is made of.
    pub fn frame_source(&self) -> FrameSource {
        self.frame.summary(&self.subjects)
    }

    /// What the register says of a site.
    pub fn registered(&self, site: &Subject) -> Option<&RegistryEntry> {
        let at = self.subjects.find(site)?;
        self.frame.entry(at)
    }

    /// Takes in what the register said up to the epoch that closes.
    pub(crate) fn take_entries(&mut self, epoch: Epoch) {
        let later = self.frame.open.split_off(&epoch.next());
        let due = std::mem::replace(&mut self.frame.open, later);
        let week = week_of(self.calendar.day_of(epoch));
        // What is said over again within the epoch leaves no trace.
        let mut last: BTreeMap<SiteId, RegistryEntry> = BTreeMap::new();
        for entry in due.into_values().flatten() {
            let before = last.get(&entry.site_id);
            if before.is_none_or(|before| entry.stands_over(before)) {
                last.insert(entry.site_id.clone(), entry);
            }
        }
        for entry in last.into_values() {
            let site = self.subjects.intern(&Subject::Site(entry.site_id.clone()));
            let standing = self.frame.entries.get(&site);
            if standing.is_some_and(|standing| !entry.stands_over(standing)) {
                continue;
            }
            for product in entry.products.keys() {
                let names = (
                    &entry.enterprise_id,
                    &entry.site_id,
                    &entry.zone_id,
                    product,
                );
                let base = self.subjects.base_named(names, &self.taxonomy);
                self.subjects.link(base);
            }
            let enterprise = Subject::Enterprise(entry.enterprise_id.clone());
            for subject in [self.subjects.intern(&enterprise), site] {
                self.subjects
                    .entitle(subject, entry.observed_at, &entry.name);
            }
            self.frame.entries.insert(site, entry);
            for base in self.subjects.kin(site).targets.clone() {
                self.frame.refresh(base, &self.subjects, week);
            }
        }
    }
}
