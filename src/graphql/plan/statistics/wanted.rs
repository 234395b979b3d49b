//! What of the numbers of an answer is selected: nothing else is asked of the database.

use async_graphql::OutputType;

use super::Measured;
use crate::graphql::selection::Selected;

/// What of the numbers is selected.
pub(super) struct Wanted<T: Measured> {
    pub(super) whole: bool,
    pub(super) buckets: bool,
    pub(super) numbers: Vec<T::Number>,
    pub(super) lengths: bool,
    pub(super) response: bool,
    pub(super) resolution: bool,
    pub(super) words: bool,
}

impl<T: Measured> Wanted<T> {
    pub(super) fn of(selected: &Selected<'_>) -> Self {
        let statistics = <T::Statistics as OutputType>::type_name();
        let numbers = <T::Numbers as OutputType>::type_name();
        let selection = selected.selection();
        let [whole, buckets] = ["whole", "buckets"].map(|part| selection.has(&statistics, part));
        let below = selection
            .below(&statistics, "whole")
            .and(selection.below(&statistics, "buckets"));
        let mut wanted = Self {
            whole,
            buckets,
            numbers: Vec::new(),
            lengths: false,
            response: false,
            resolution: false,
            words: false,
        };
        for field in below.on(&numbers) {
            let name = field.name();
            for number in T::numbers(name) {
                if !wanted.numbers.contains(&number) {
                    wanted.numbers.push(number);
                }
            }
            // Averages are of the same statement as the counts; percentiles are asked for only where they are shown.
            let ranks = || {
                let length = field.selection();
                length.has("Length", "median") || length.has("Length", "p90")
            };
            match name {
                "responseSeconds" => {
                    wanted.lengths = true;
                    wanted.response |= ranks();
                }
                "resolutionSeconds" => {
                    wanted.lengths = true;
                    wanted.resolution |= ranks();
                }
                name => wanted.words |= T::WORDS.is_some_and(|(field, _)| field == name),
            }
        }
        wanted
    }
}
