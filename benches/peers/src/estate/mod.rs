//! The estate that everything is measured on, drawn from a fixed seed: who is told what, building by building, in the
//! words of the two platforms. Pure.

mod incident;
mod task;

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;

use crate::call::{Call, Operation};

/// How large an estate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Size {
    /// Buildings.
    pub buildings: usize,
    /// Zones of each.
    pub zones: usize,
    /// Incidents in all.
    pub incidents: usize,
    /// Urgent's tasks in all.
    pub tasks: usize,
    /// Where the draw begins.
    pub seed: u64,
}

impl Size {
    /// The estate of the yardstick.
    pub const FULL: Self = Self {
        buildings: 50,
        zones: 40,
        incidents: 100_000,
        tasks: 50_000,
        seed: 20_261_122,
    };

    /// The same shape with fewer incidents and tasks.
    pub fn by(self, share: f64) -> Self {
        let of = |count: usize| ((count as f64 * share) as usize).max(self.buildings);
        Self {
            incidents: of(self.incidents),
            tasks: of(self.tasks),
            ..self
        }
    }
}

/// The year that is told of ends then; it does not depend on the day of the run.
pub const YEAR_END: &str = "2026-10-01T00:00:00Z";
/// The year that is told of begins then.
pub const YEAR_START: &str = "2025-10-01T00:00:00Z";

const TENANTS: [&str; 5] = ["Harbour", "Northgate", "Parkside", "Riverside", "Westend"];

/// One building in the words of both platforms.
pub struct Building {
    number: usize,
    /// Matrix's id.
    pub matrix: String,
    /// The Matrix property.
    pub property: String,
    /// The Urgent tenant.
    pub tenant: &'static str,
    /// The Urgent site.
    pub site: String,
    /// The operator's name.
    pub name: String,
}

/// The buildings of an estate.
pub fn buildings(size: Size) -> Vec<Building> {
    (0..size.buildings)
        .map(|number| Building {
            number,
            matrix: format!("06f98e0c4f464b84b9157b1df6adfa66_{number:03}"),
            property: format!("06f98e0c4f464b84b9157b1df6adfa{:02}", 66 + number % 5),
            tenant: TENANTS[number % TENANTS.len()],
            site: format!("SITE-{number:03}"),
            name: format!("House {number:03}"),
        })
        .collect()
}

impl Building {
    fn zone(&self, number: usize) -> (String, String) {
        let kind = ["Washroom", "Lobby", "Kitchen", "Corridor", "Office"][number % 5];
        (
            format!("{}_z{number:02}", self.matrix),
            format!("{kind} L{}-{number:02}", number / 8 + 1),
        )
    }

    fn rng(&self, size: Size, salt: u64) -> Rng {
        Rng::with_seed(
            size.seed ^ (self.number as u64 + 1).wrapping_mul(0x9e37_79b9) ^ (salt << 48),
        )
    }

    /// What Matrix sends of it, in order of time: its zones, then its incidents, in batches of `batch` events.
    pub fn matrix_calls(&self, size: Size, batch: usize) -> Vec<Call> {
        let mut rng = self.rng(size, 1);
        let mut told: Vec<(i64, String)> = (0..size.zones)
            .map(|number| incident::zone(self, number))
            .collect();
        for story in self.incidents(size) {
            let zone = self.zone(story.zone);
            told.extend(incident::story(&mut rng, self, &zone, &story));
        }
        told.sort_by_key(|(at, _)| *at);
        let body = |events: &[(i64, String)]| {
            let elements: Vec<&str> = events.iter().map(|(_, element)| element.as_str()).collect();
            Call {
                operation: Operation::Batch,
                body: format!("[{}]", elements.join(",")),
                events: events.len(),
            }
        };
        told.chunks(batch.max(1)).map(body).collect()
    }

    /// What Urgent sends of it: the stories of its tasks, each in order.
    pub fn urgent_stories(&self, size: Size) -> Vec<Vec<Call>> {
        let mut rng = self.rng(size, 2);
        let incidents = self.incidents(size);
        let count = share(size.tasks, size.buildings, self.number);
        (0..count)
            .map(|number| {
                // Two in five were made for an incident.
                let made_for = (rng.f64() < 0.4)
                    .then(|| {
                        rng.choice(&incidents)
                            .map(|story| (story.task_id.as_str(), story.start))
                    })
                    .flatten();
                task::story(&mut rng, self, number, made_for)
            })
            .collect()
    }

    /// The report of one incident that happens now, by its number.
    pub fn report(&self, size: Size, number: u32) -> Call {
        let zone = self.zone(number as usize % size.zones);
        let now = Utc::now().timestamp();
        Call {
            operation: Operation::Batch,
            body: format!("[{}]", incident::report(self, &zone, now, number)),
            events: 1,
        }
    }

    fn incidents(&self, size: Size) -> Vec<Story> {
        let mut rng = self.rng(size, 3);
        let count = share(size.incidents, size.buildings, self.number);
        (0..count)
            .map(|_| {
                let start = moment(&mut rng);
                Story {
                    task_id: format!("{}{:09}", start.timestamp(), rng.u32(..1_000_000_000)),
                    start,
                    zone: rng.usize(..size.zones),
                }
            })
            .collect()
    }
}

/// An incident before it is told.
struct Story {
    task_id: String,
    start: DateTime<Utc>,
    zone: usize,
}

fn share(all: usize, parts: usize, number: usize) -> usize {
    all / parts + usize::from(number < all % parts)
}

/// Some second of the year.
fn moment(rng: &mut Rng) -> DateTime<Utc> {
    let start = DateTime::parse_from_rfc3339(YEAR_START).unwrap_or_default();
    let year = 365 * 86_400;
    // What begins in the last day would end after the year.
    start.with_timezone(&Utc) + TimeDelta::seconds(rng.i64(0..year - 86_400))
}

fn pick(rng: &mut Rng, words: &[&'static str]) -> &'static str {
    words[rng.usize(..words.len())]
}

fn guid(rng: &mut Rng) -> String {
    uuid::Builder::from_random_bytes(rng.u128(..).to_be_bytes())
        .into_uuid()
        .to_string()
}
