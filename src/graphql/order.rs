//! The orders of the lists: by which fields each of them can be sorted. The id breaks ties.

use async_graphql::{Enum, InputObject};
use entity::{building, delivery, incident, property, task, zone};

use super::enums::Direction;
use crate::domain::page;

/// An input that says by what a list is sorted.
pub trait OrderInput {
    /// The column that it sorts by.
    type Column;

    /// What it means.
    fn term(self) -> (Self::Column, page::Direction);
}

macro_rules! orders {
    ($($(#[$doc:meta])* $name:ident, $field:ident of $noun:ident {
        $($(#[$value_doc:meta])* $value:ident,)+
    })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
        pub enum $field {
            $($(#[$value_doc])* $value,)+
        }

        $(#[$doc])*
        #[derive(Clone, Copy, Debug, InputObject)]
        pub struct $name {
            /// The field that is compared.
            field: $field,
            /// Which end comes first.
            #[graphql(default_with = "Direction::Asc")]
            direction: Direction,
        }

        impl OrderInput for $name {
            type Column = $noun::Column;

            fn term(self) -> (Self::Column, page::Direction) {
                let column = match self.field {
                    $($field::$value => $noun::Column::$value,)+
                };
                (column, self.direction.into())
            }
        }
    )+};
}

orders! {
    /// By what properties are sorted.
    PropertyOrder, PropertyOrderField of property {
        /// The operator's name for it.
        Name,
        /// The platform's id.
        Code,
    }

    /// By what buildings are sorted.
    BuildingOrder, BuildingOrderField of building {
        /// Its name, by code point.
        Name,
    }

    /// By what zones are sorted.
    ZoneOrder, ZoneOrderField of zone {
        /// Its name, by code point.
        Name,
        /// When the latest completed task in it ended; as the greatest value, if none is known.
        LastCleanedAt,
        /// How many open incidents it has.
        OpenIncidentCount,
    }

    /// By what incidents are sorted.
    IncidentOrder, IncidentOrderField of incident {
        /// When it was reported.
        ReportedAt,
        /// When it should be dealt with.
        DueAt,
        /// When it was dealt with.
        CompletedAt,
        /// When the latest activity on it happened.
        LastActivityAt,
    }

    /// By what tasks are sorted.
    TaskOrder, TaskOrderField of task {
        /// When it was first told of.
        ReportedAt,
        /// When its Urgent status was reached.
        StatusAt,
        /// How often it was chased.
        ChaseCount,
        /// When it was chased last; as the greatest value, if it never was.
        LastChasedAt,
        /// When the latest activity on it happened.
        LastActivityAt,
    }

    /// By what deliveries are sorted.
    DeliveryOrder, DeliveryOrderField of delivery {
        /// When it came first.
        ReceivedAt,
    }
}
