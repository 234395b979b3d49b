//! The played estate: properties, buildings, levels, zones and Urgent sites, drawn from the seed alone.
//! Knows nothing of time; the same seed gives the same estate, and a larger one begins with the smaller.

use super::words::{
    ENGLISH, ENGLISH_PROPERTIES, ENGLISH_STREETS, FRENCH, FRENCH_PROPERTIES, FRENCH_STREETS,
    Tongue, ZONE_KINDS, ZoneKind,
};
use fastrand::Rng;

/// All places of one seed.
pub(super) struct Estate {
    pub(super) properties: Vec<Property>,
    pub(super) buildings: Vec<Building>,
}

/// A Matrix property, served by one Urgent tenant.
pub(super) struct Property {
    /// 32 hex digits.
    pub(super) id: String,
    /// Known to the operator only: Matrix sends no names of properties.
    pub(super) name: &'static str,
    pub(super) tenant: Tenant,
}

/// The two customers of Urgent that are played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tenant {
    Northside,
    RiveGauche,
}

impl Tenant {
    /// As in Urgent's `Tenant`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Northside => "Northside FM",
            Self::RiveGauche => "Maintenance Rive Gauche",
        }
    }

    /// The language its users see.
    pub(super) fn tongue(self) -> &'static Tongue {
        match self {
            Self::Northside => &ENGLISH,
            Self::RiveGauche => &FRENCH,
        }
    }
}

/// A Matrix building, most of them an Urgent site too.
pub(super) struct Building {
    /// `<property>_NNN`.
    pub(super) id: String,
    /// Index into [`Estate::properties`].
    pub(super) property: usize,
    pub(super) name: String,
    pub(super) levels: Vec<Level>,
    pub(super) zones: Vec<Zone>,
    pub(super) site: Option<Site>,
}

/// A floor.
pub(super) struct Level {
    pub(super) id: String,
    pub(super) name: String,
}

/// A zone, watched by sensors.
pub(super) struct Zone {
    pub(super) id: String,
    pub(super) name: String,
    /// Index into [`Building::levels`].
    pub(super) level: usize,
    pub(super) kind: &'static ZoneKind,
    /// Code of the room's own Urgent site, a child of the building's.
    pub(super) room_code: Option<String>,
}

/// A building as Urgent knows it.
pub(super) struct Site {
    pub(super) code: String,
    pub(super) town: &'static str,
    pub(super) county: &'static str,
    pub(super) country: &'static str,
    pub(super) postal_code: String,
    pub(super) latitude: f64,
    pub(super) longitude: f64,
}

const MOST_BUILDINGS: usize = 30;
const FEWEST_BUILDINGS: usize = 8;
const EVENTS_PER_BUILDING: usize = 60;

/// Draws the estate of `seed`, as large as `events` events deserve.
pub(super) fn draw(seed: u64, events: usize) -> Estate {
    let mut rng = Rng::with_seed(seed);
    let property_count = rng.usize(3..=6);
    let mut english = ENGLISH_PROPERTIES.iter();
    let mut french = FRENCH_PROPERTIES.iter();
    let mut properties = Vec::new();
    for index in 0..property_count {
        let (tenant, name) = match index % 2 {
            0 => (Tenant::Northside, english.next()),
            _ => (Tenant::RiveGauche, french.next()),
        };
        properties.push(Property {
            id: format!("{:032x}", rng.u128(..)),
            name: name.copied().unwrap_or("Annexe"),
            tenant,
        });
    }
    let building_count = (events / EVENTS_PER_BUILDING).clamp(FEWEST_BUILDINGS, MOST_BUILDINGS);
    let mut numbers: Vec<u32> = (1..=99).collect();
    rng.shuffle(&mut numbers);
    let mut buildings = Vec::new();
    for (index, number) in numbers.into_iter().take(building_count).enumerate() {
        // Each building draws from its own fork, so that a larger estate begins with the smaller one.
        let mut own = rng.fork();
        buildings.push(building(&mut own, &properties, index, number));
    }
    Estate {
        properties,
        buildings,
    }
}

fn building(rng: &mut Rng, properties: &[Property], index: usize, number: u32) -> Building {
    let property = index % properties.len();
    let tenant = properties[property].tenant;
    let name = match tenant {
        Tenant::Northside => format!(
            "{number} {}",
            ENGLISH_STREETS[property % ENGLISH_STREETS.len()]
        ),
        Tenant::RiveGauche => format!(
            "{number} {}",
            FRENCH_STREETS[property % FRENCH_STREETS.len()]
        ),
    };
    // Every seventh building has no counterpart in Urgent: only Matrix knows it.
    let site = (index % 7 != 6).then(|| site(rng, tenant, number));
    let mut levels = Vec::new();
    let mut zones = Vec::new();
    for floor in 1..=rng.usize(2..=5) {
        levels.push(Level {
            id: format!("level-l{floor}"),
            name: format!("Level {floor}"),
        });
        let mut kinds: Vec<&'static ZoneKind> = ZONE_KINDS.iter().skip(2).collect();
        rng.shuffle(&mut kinds);
        kinds.truncate(rng.usize(1..=3));
        for kind in ZONE_KINDS.iter().take(2).chain(kinds) {
            let slug = kind.name.to_lowercase().replace(' ', "-");
            let room = site.as_ref().filter(|_| rng.f64() < 0.5);
            zones.push(Zone {
                id: format!("zone-l{floor}-{slug}"),
                name: format!("L{floor} {}", kind.name),
                level: floor - 1,
                kind,
                room_code: room.map(|site| format!("{}-L{floor}-{}", site.code, kind.code)),
            });
        }
    }
    Building {
        id: format!(
            "{}_{:03}",
            properties[property].id,
            index / properties.len() + 1
        ),
        property,
        name,
        levels,
        zones,
        site,
    }
}

fn site(rng: &mut Rng, tenant: Tenant, number: u32) -> Site {
    // Four decimals are ten metres.
    let near =
        |rng: &mut Rng, degrees: f64| ((degrees + rng.f64() * 0.04 - 0.02) * 1e4).round() / 1e4;
    match tenant {
        Tenant::Northside => Site {
            code: format!("LON-{number:03}"),
            town: "London",
            county: "Greater London",
            country: "United Kingdom",
            postal_code: format!("E{} {}AA", rng.u32(1..=18), rng.u32(0..=9)),
            latitude: near(rng, 51.5049),
            longitude: near(rng, -0.0197),
        },
        Tenant::RiveGauche => Site {
            code: format!("LYO-{number:03}"),
            town: "Lyon",
            county: "Rhône",
            country: "France",
            postal_code: format!("6900{}", rng.u32(1..=9)),
            latitude: near(rng, 45.7578),
            longitude: near(rng, 4.832),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(estate: &Estate) -> Vec<String> {
        estate
            .buildings
            .iter()
            .map(|building| format!("{} {} {}", building.id, building.name, building.zones.len()))
            .collect()
    }

    #[test]
    fn same_seed_draws_the_same_estate_and_a_larger_one_begins_with_it() {
        let small = ids(&draw(7, 500));
        assert_eq!(small, ids(&draw(7, 500)));
        assert_ne!(small, ids(&draw(8, 500)));
        let large = ids(&draw(7, 20_000));
        assert_eq!(large.len(), MOST_BUILDINGS);
        assert_eq!(&large[..small.len()], &small[..]);
    }

    #[test]
    fn ids_have_the_form_of_the_platforms() {
        for seed in 0..20 {
            let estate = draw(seed, 20_000);
            assert!((3..=6).contains(&estate.properties.len()));
            let mut seen = std::collections::BTreeSet::new();
            for building in &estate.buildings {
                let (property, number) = building.id.split_once('_').unwrap();
                assert_eq!(property, estate.properties[building.property].id);
                assert!(
                    property.len() == 32 && property.bytes().all(|byte| byte.is_ascii_hexdigit())
                );
                assert!(number.len() == 3 && seen.insert(building.id.clone()));
                let zones: std::collections::BTreeSet<_> =
                    building.zones.iter().map(|zone| &zone.id).collect();
                assert_eq!(zones.len(), building.zones.len());
            }
        }
    }
}
