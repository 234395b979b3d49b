//! Finding things by words. A text is split into words and folded here, once (`word`); the words of each thing are
//! stored (`document`), and both engines only compare what is stored with what is asked (`phrase`): they answer alike.

pub mod document;
mod phrase;
pub mod word;

pub use phrase::Phrase;
