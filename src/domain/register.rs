//! Registers: every mutable field keeps the order key of the fact that set it, and only a greater key replaces it.
//! That, and not the order of arrival, makes any permutation of the same facts end in the same row.

use entity::{SetBy, Setter};

use super::fact::Told;

/// Writes fields of one row on behalf of one fact.
pub struct Registers<'a> {
    set_by: &'a mut SetBy,
    setter: Setter,
}

impl<'a> Registers<'a> {
    /// The registers of a row, to be written with the order key `setter`.
    pub fn new(set_by: &'a mut SetBy, setter: Setter) -> Self {
        Self { set_by, setter }
    }

    /// Whether this fact may set `field`; if so it is noted as its setter.
    pub fn claim(&mut self, field: &str) -> bool {
        match self.set_by.get_mut(field) {
            Some(holder) if *holder >= self.setter => false,
            Some(holder) => {
                *holder = self.setter;
                true
            }
            None => {
                self.set_by.insert(field.to_owned(), self.setter);
                true
            }
        }
    }

    /// Sets `field` unless a later fact did.
    pub fn write<T>(&mut self, field: &str, slot: &mut T, value: T) {
        if self.claim(field) {
            *slot = value;
        }
    }

    /// Sets `field` if a value was told.
    pub fn write_some<T>(&mut self, field: &str, slot: &mut Option<T>, value: Option<T>) {
        if value.is_some() {
            self.write(field, slot, value);
        }
    }

    /// Sets `field` as a description tells it: an explicit null counts only in a change.
    pub fn tell<T>(&mut self, field: &str, slot: &mut Option<T>, told: Told<T>, is_change: bool) {
        match told {
            Told::Value(value) => self.write(field, slot, Some(value)),
            Told::Null if is_change => self.write(field, slot, None),
            Told::Null | Told::Absent => {}
        }
    }
}
