//! Text as readers give it, brought to the form in which text is stored.

/// The text with every NUL replaced by U+FFFD, as in what the platforms send: neither engine stores a NUL.
pub(super) fn stored(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{FFFD}")
    } else {
        text
    }
}
