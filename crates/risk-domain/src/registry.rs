//! The register of sites（主体登记）: who trades where, in what, and how much of it.
//!
//! It is the frame that risk is told over and samples are drawn from: what was never tested stands
//! in it, too. Each entry says all there is to say of one site, so the latest one stands alone.

use crate::ids::{EnterpriseClass, EnterpriseId, ProductCode, SiteId, UpdateId, ZoneId};
use crate::inspection::Channel;
use crate::time::Timestamp;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How much of a product a site trades（经营规模）, against others: its weight in every mean over the
/// frame. From 1 to [`Volume::MOST`].
#[doc(alias = "经营规模")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Volume(u32);

/// A volume outside its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be from 1 to {}", Volume::MOST)]
pub struct VolumeError;

impl Volume {
    /// The greatest volume.
    pub const MOST: u32 = 1_000_000;
    /// The least: that of a product of which nothing else is known.
    pub const ONE: Self = Self(1);

    /// Accepts 1 to [`Volume::MOST`].
    pub fn new(volume: u32) -> Result<Self, VolumeError> {
        if (1..=Self::MOST).contains(&volume) {
            Ok(Self(volume))
        } else {
            Err(VolumeError)
        }
    }

    /// The volume as a number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl Default for Volume {
    /// That of a product of which nothing else is known.
    fn default() -> Self {
        Self::ONE
    }
}

impl TryFrom<u32> for Volume {
    type Error = VolumeError;
    fn try_from(volume: u32) -> Result<Self, VolumeError> {
        Self::new(volume)
    }
}

impl From<Volume> for u32 {
    fn from(volume: Volume) -> Self {
        volume.0
    }
}

/// What the register says of one site（登记信息）. Of two statements of a site the one observed later
/// stands; of two at the same time, the one with the greater id.
#[doc(alias = "登记信息")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryEntry {
    /// The statement.
    pub update_id: UpdateId,
    /// When the register said so.
    pub observed_at: Timestamp,
    /// The site.
    pub site_id: SiteId,
    /// Who trades there.
    pub enterprise_id: EnterpriseId,
    /// Its public name.
    pub name: CompactString,
    /// Its class, for pass rates by class.
    pub class: Option<EnterpriseClass>,
    /// Where the site lies.
    pub zone_id: ZoneId,
    /// Booth number or address within the zone.
    pub booth: Option<CompactString>,
    /// Link of the chain.
    pub channel: Channel,
    /// Whether it trades. A closed site is out of the frame.
    pub open: bool,
    /// What it trades in.
    pub products: BTreeMap<ProductCode, Volume>,
}

impl RegistryEntry {
    /// Whether this statement stands over another of the same site.
    pub fn stands_over(&self, other: &Self) -> bool {
        (self.observed_at, &self.update_id) > (other.observed_at, &other.update_id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volumes_have_a_range() {
        assert_eq!(Volume::new(0), Err(VolumeError));
        assert_eq!(Volume::new(Volume::MOST + 1), Err(VolumeError));
        assert_eq!(Volume::new(Volume::MOST).map(Volume::get), Ok(1_000_000));
        assert!(Volume::try_from(0).is_err());
    }
}
