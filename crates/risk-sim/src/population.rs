//! Who sells what, where, supplied by whom: everything about the city that a week does not change.

use crate::demo::CityError;
use crate::frame::{CityFrame, TradeZone};
use crate::naming;
use compact_str::{CompactString, format_compact};
use rand::Rng;
use rand::seq::{IndexedRandom, index};
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, Poisson, StandardNormal};
use risk_domain::ids::{EnterpriseId, SectorCode, SiteId, ZoneId};
use risk_domain::inspection::Channel;
use std::collections::BTreeSet;

/// Share of enterprises that open, and that close, within a year.
const TURNOVER: f64 = 0.10;
/// Share of booths that also sell online and are sampled there.
const ONLINE: f64 = 0.08;

/// One enterprise with its one site.
#[derive(Debug, Clone)]
pub(crate) struct Enterprise {
    pub(crate) id: EnterpriseId,
    pub(crate) site: SiteId,
    pub(crate) name: CompactString,
    pub(crate) zone: usize,
    pub(crate) booth: CompactString,
    pub(crate) channel: Channel,
    pub(crate) platform: Option<CompactString>,
    /// Week in which it opened; 0 when it was there before.
    pub(crate) opened: u32,
    /// First week in which it is gone.
    pub(crate) closed: Option<u32>,
    pub(crate) cells: Vec<usize>,
}

/// One product at one enterprise（企业×产品）.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) enterprise: usize,
    pub(crate) product: usize,
    pub(crate) sector: usize,
    pub(crate) market: usize,
    pub(crate) volume: f64,
    pub(crate) supplier: usize,
    /// Makers whose goods it sells, as positions in [`Population::makers`].
    pub(crate) makers: [usize; 2],
}

/// A wholesaler（供货商）.
#[derive(Debug, Clone)]
pub(crate) struct Supplier {
    pub(crate) id: EnterpriseId,
    pub(crate) name: CompactString,
}

/// A producer of one product（生产者）.
#[derive(Debug, Clone)]
pub(crate) struct Maker {
    pub(crate) id: Option<EnterpriseId>,
    pub(crate) name: CompactString,
    pub(crate) region: CompactString,
    pub(crate) brand: CompactString,
    pub(crate) models: [CompactString; 3],
}

/// The city without its weeks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Population {
    pub(crate) enterprises: Vec<Enterprise>,
    pub(crate) cells: Vec<Cell>,
    pub(crate) suppliers: Vec<Supplier>,
    pub(crate) makers: Vec<Maker>,
    pub(crate) sectors: Vec<SectorCode>,
    pub(crate) markets: Vec<ZoneId>,
}

/// Suppliers and makers of one product.
#[derive(Debug, Clone, Default)]
struct Trade {
    suppliers: Vec<usize>,
    makers: Vec<usize>,
}

impl Population {
    /// Draws `enterprises` of them for `weeks` weeks.
    pub(crate) fn draw(
        frame: &CityFrame,
        (enterprises, weeks): (u32, u32),
        random: &mut ChaCha12Rng,
    ) -> Result<Self, CityError> {
        let mut population = Self {
            sectors: distinct(frame.products.iter().map(|product| &product.sector)),
            markets: distinct(frame.zones.iter().map(|zone| &zone.market)),
            ..Self::default()
        };
        let per_product = (enterprises as usize * 2 / frame.products.len().max(1)).max(1);
        let mut trades = Vec::with_capacity(frame.products.len());
        for product in &frame.products {
            trades.push(population.draw_trade(&product.trade, per_product, random)?);
        }
        let zones: Vec<usize> = (0..frame.zones.len()).collect();
        let turnover = (TURNOVER * f64::from(weeks) / 52.0).min(0.45);
        for number in 1..=enterprises {
            // In proportion to size, gas, fire safety and e-bikes, whose failures are the gravest,
            // would be left with a handful of 3,000 enterprises.
            let weight = |at: &usize| {
                let zone = frame.zones.get(*at);
                zone.map_or(0.0, |zone| libm::sqrt(zone.weight.max(0.0)))
            };
            let zone = *zones
                .choose_weighted(random, weight)
                .map_err(|_error| CityError::NothingSold)?;
            population.found(frame, (number, zone), &trades, random)?;
            let late = random.random_bool(turnover);
            let gone = !late && random.random_bool(turnover);
            let week = random.random_range(1..weeks.max(2));
            if let Some(founded) = population.enterprises.last_mut() {
                founded.opened = if late { week } else { 0 };
                founded.closed = gone.then_some(week);
            }
        }
        Ok(population)
    }

    /// Suppliers and makers in proportion to how many will sell the product.
    fn draw_trade(
        &mut self,
        name: &str,
        sellers: usize,
        random: &mut ChaCha12Rng,
    ) -> Result<Trade, CityError> {
        let mut trade = Trade::default();
        for _ in 0..(sellers / 14).max(3) {
            trade.suppliers.push(self.suppliers.len());
            self.suppliers.push(Supplier {
                id: EnterpriseId::new(format_compact!("YW-W{:06}", self.suppliers.len() + 1))?,
                name: naming::supplier(name, random),
            });
        }
        for _ in 0..(sellers / 8).max(4) {
            trade.makers.push(self.makers.len());
            let (maker, region) = naming::producer(name, random);
            let id = format_compact!("CN-P{:06}", self.makers.len() + 1);
            // A label without a traceable maker is common on small commodities.
            let traceable = random.random_bool(0.93);
            let mut model = || {
                let letter = char::from(b'A' + random.random_range(0..26));
                format_compact!("{letter}{}", random.random_range(101..9_800))
            };
            let models = [model(), model(), model()];
            self.makers.push(Maker {
                id: traceable.then(|| EnterpriseId::new(&id)).transpose()?,
                name: maker,
                region,
                brand: naming::brand(random),
                models,
            });
        }
        Ok(trade)
    }

    /// Founds one enterprise in a zone, with its products of one sector.
    fn found(
        &mut self,
        frame: &CityFrame,
        (number, zone_at): (u32, usize),
        trades: &[Trade],
        random: &mut ChaCha12Rng,
    ) -> Result<(), CityError> {
        let zone = frame.zones.get(zone_at).ok_or(CityError::NothingSold)?;
        let sold = frame.sold_in(zone);
        let first = *sold.choose(random).ok_or(CityError::NothingSold)?;
        let main = frame.products.get(first).ok_or(CityError::NothingSold)?;
        let more: f64 = Poisson::new(1.3).map_or(0.0, |poisson| poisson.sample(random));
        let siblings: Vec<usize> = sold
            .iter()
            .copied()
            .filter(|at| {
                *at != first
                    && frame
                        .products
                        .get(*at)
                        .is_some_and(|of| of.sector == main.sector)
            })
            .collect();
        let extra = (more as usize).min(siblings.len());
        let mut products: Vec<usize> = index::sample(random, siblings.len(), extra)
            .into_iter()
            .filter_map(|at| siblings.get(at).copied())
            .collect();
        products.push(first);
        products.sort_unstable();

        let online = zone.channel != Channel::Production && random.random_bool(ONLINE);
        let enterprise = self.enterprises.len();
        let cells = self.stock(frame, (enterprise, zone), &products, trades, random);
        self.enterprises.push(Enterprise {
            id: EnterpriseId::new(format_compact!("YW-E{number:06}"))?,
            site: SiteId::new(format_compact!("YW-S{number:06}"))?,
            name: if zone.channel == Channel::Production {
                naming::workshop(&main.trade, random)
            } else {
                naming::seller(&main.trade, random)
            },
            zone: zone_at,
            booth: booth(zone, number, random),
            channel: if online {
                Channel::Ecommerce
            } else {
                zone.channel
            },
            platform: online.then(|| CompactString::const_new("义小铺（虚构）")),
            opened: 0,
            closed: None,
            cells,
        });
        Ok(())
    }

    fn stock(
        &mut self,
        frame: &CityFrame,
        (enterprise, zone): (usize, &TradeZone),
        products: &[usize],
        trades: &[Trade],
        random: &mut ChaCha12Rng,
    ) -> Vec<usize> {
        let size: f64 = StandardNormal.sample(random);
        let market = position(&self.markets, &zone.market);
        let mut cells = Vec::with_capacity(products.len());
        for &product in products {
            let sector = frame
                .products
                .get(product)
                .map_or(0, |of| position(&self.sectors, &of.sector));
            let (suppliers, makers) = trades.get(product).map_or((&[][..], &[][..]), |trade| {
                (&trade.suppliers, &trade.makers)
            });
            // Squaring the draw makes some suppliers and makers common and most of them rare.
            let mut skewed = |list: &[usize]| {
                let share = random.random::<f64>();
                let at = (share * share * list.len() as f64) as usize;
                list.get(at).copied().unwrap_or(0)
            };
            let (supplier, makers) = (skewed(suppliers), [skewed(makers), skewed(makers)]);
            let spread: f64 = StandardNormal.sample(random);
            cells.push(self.cells.len());
            self.cells.push(Cell {
                enterprise,
                product,
                sector,
                market,
                volume: 2_000.0 * libm::exp(spread + 0.7 * size),
                supplier,
                makers,
            });
        }
        cells
    }
}

/// Gate, street and number, as booths are addressed in the market; an address in other places.
fn booth(zone: &TradeZone, number: u32, random: &mut ChaCha12Rng) -> CompactString {
    if zone.channel == Channel::Market {
        let (gate, street) = (random.random_range(1..=60), random.random_range(1..=12));
        format_compact!("{gate}号门{street}街{number:05}号商位")
    } else {
        format_compact!("{}幢{number:05}号", random.random_range(1..=30))
    }
}

fn distinct<'a, T: Ord + Clone + 'a>(values: impl Iterator<Item = &'a T>) -> Vec<T> {
    let unique: BTreeSet<&T> = values.collect();
    unique.into_iter().cloned().collect()
}

fn position<T: Ord>(sorted: &[T], value: &T) -> usize {
    sorted.binary_search(value).unwrap_or(0)
}
