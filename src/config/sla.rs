//! What the operator says of deadlines; imported into a table at the start.

use std::num::NonZeroU32;

use serde::Deserialize;

use super::Config;

/// The deadlines of incidents.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sla {
    /// How much of the time from assignment to deadline is left, in per cent, when an incident counts as at risk.
    pub at_risk: u8,
    /// Within how many seconds after its assignment work on an incident should begin, by priority.
    pub start_within: StartWithin,
}

/// A number of seconds for each priority; one that is not named has no such deadline.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StartWithin {
    /// Matrix's `H`.
    pub high: Option<NonZeroU32>,
    /// Matrix's `M`.
    pub medium: Option<NonZeroU32>,
    /// Matrix's `N`.
    pub normal: Option<NonZeroU32>,
    /// Matrix's `L`.
    pub low: Option<NonZeroU32>,
}

impl Default for Sla {
    fn default() -> Self {
        Self {
            at_risk: 25,
            start_within: StartWithin::default(),
        }
    }
}

pub(super) fn check(config: &Config) -> Result<(), String> {
    match config.sla.as_ref().map_or(0, |sla| sla.at_risk) {
        0..=100 => Ok(()),
        percent => Err(format!(
            "`sla.at_risk` is {percent}: give the per cent of a window that is left, 0 to 100"
        )),
    }
}
