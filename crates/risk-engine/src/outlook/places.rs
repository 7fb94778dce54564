//! Where a model's parts stand among all, and which of them many targets share.

use super::EVERY_PART;
use crate::assessment::Part;
use crate::logodds::PartKind;
use crate::model::{Field, Model};

/// Which levels' groups are the same for all targets of one [`Base::above`](crate::subjects::Base::above).
pub(super) fn is_shared(field: Field) -> bool {
    match field {
        Field::Sector | Field::Product | Field::Zone | Field::ProductZone => true,
        Field::Enterprise | Field::Cell => false,
    }
}

/// Where a model's parts stand among [`Part::ALL`], and which of them its targets share.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) lasting: Vec<usize>,
    pub(super) recent: Vec<usize>,
    /// Levels whose groups are a target's own.
    pub(super) own: Vec<(usize, Field)>,
    /// Parts that are the same for all targets of one [`Base::above`](crate::subjects::Base::above), and those that are not.
    pub(super) shared_parts: Vec<usize>,
    pub(super) own_parts: Vec<usize>,
}

impl Places {
    pub(super) fn of(model: &Model) -> Self {
        let fields = model.fields();
        let numbered = fields.iter().copied().enumerate();
        let season = model.snapshot.season.as_ref();
        let season = season.and_then(|season| fields.get(usize::from(season.level)));
        let mut shared = vec![Part::Base];
        for field in fields.iter().copied().filter(|field| is_shared(*field)) {
            shared.extend([Part::lasting(field), Part::recent(field)]);
        }
        shared.extend(
            season
                .filter(|field| is_shared(**field))
                .map(|_| Part::Season),
        );
        let (shared_parts, own_parts) = EVERY_PART
            .into_iter()
            .partition(|place| shared.contains(&Part::ALL[*place]));
        Self {
            lasting: fields
                .iter()
                .map(|of| Part::lasting(*of) as usize)
                .collect(),
            recent: fields.iter().map(|of| Part::recent(*of) as usize).collect(),
            own: numbered.filter(|(_, field)| !is_shared(*field)).collect(),
            shared_parts,
            own_parts,
        }
    }

    pub(super) fn of_kind(&self, kind: PartKind) -> usize {
        let level = |places: &[usize], level: u8| places.get(usize::from(level)).copied();
        let found = match kind {
            PartKind::Lasting(at) => level(&self.lasting, at),
            PartKind::Recent(at) => level(&self.recent, at),
            PartKind::Base | PartKind::Mode(_) => None,
            PartKind::Season => Some(Part::Season as usize),
            PartKind::Selected => Some(Part::Selected as usize),
            PartKind::Remedied => Some(Part::Remedied as usize),
            PartKind::Since => Some(Part::SinceFit as usize),
        };
        found.unwrap_or(Part::Base as usize)
    }
}
