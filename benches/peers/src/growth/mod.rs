//! The same questions on larger and larger estates: a tenth of it and the whole of it come through the intake, what is
//! beyond is copied from there by SQL.

mod copy;

use crate::place::Place;
use crate::reads::{Asking, Measured, Peers};

/// How the estate grows.
#[derive(clap::Args, Clone)]
pub struct Growing {
    /// To how many incidents, after what came through the intake.
    #[arg(long, value_delimiter = ',', default_value = "1000000,5000000")]
    pub incidents: Vec<usize>,
    /// Leave the buildings as they are, so that each holds more; else there are more of them as well.
    #[arg(long)]
    pub dense: bool,
}

/// What was measured at one size.
pub type Step = (usize, Vec<Measured>);

/// Asks at each size: `small` and `full` came through the intake.
///
/// # Errors
/// When an estate cannot be made, or an answer is not a good one.
pub async fn measure(
    small: Place,
    full: &mut Place,
    growing: &Growing,
    asking: &Asking,
) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    let ask = async |place: &Place| Peers::start(place).await?.ask(asking).await;
    steps.push((small.size.incidents, ask(&small).await?));
    drop(small);
    steps.push((full.size.incidents, ask(full).await?));
    let original = copy::begin(full).await?;
    for incidents in &growing.incidents {
        let copies = incidents / full.size.incidents;
        copy::grow(full, copies, growing.dense).await?;
        steps.push((*incidents, ask(full).await?));
    }
    copy::end(full, original).await?;
    Ok(steps)
}
