//! Splits a text into words and folds them: case, diacritics and compatible forms do not count. What is folded stays as
//! it is when it is folded again.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

/// How many characters of a word count. PostgreSQL takes no word of 2,047 bytes and more.
const LONGEST: usize = 64;

/// The words of a text, folded, each once.
pub fn words(text: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut word = String::new();
    let mut length = 0;
    let mut is_sign = false;
    let mut end = |word: &mut String, length: &mut usize| {
        *length = 0;
        if !word.is_empty() {
            words.insert(std::mem::take(word));
        }
    };
    for letter in folded(text) {
        let is_mark = is_combining_mark(letter);
        if !letter.is_alphanumeric() && !is_mark {
            end(&mut word, &mut length);
            is_sign = false;
            continue;
        }
        // Where words are written without spaces each sign is one; a mark belongs to the sign before it.
        if !is_mark {
            if is_sign || stands_alone(letter) {
                end(&mut word, &mut length);
            }
            is_sign = stands_alone(letter);
        }
        if length < LONGEST {
            word.push(letter);
            length += 1;
        }
    }
    end(&mut word, &mut length);
    words
}

/// The letters of a text, folded.
fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.nfkd()
        .flat_map(lowered)
        // The small form of a letter may be one with a mark.
        .nfkd()
        .filter(|letter| !is_silent(*letter))
        // Marks that what is left out kept apart stand side by side now, and have an order there.
        .nfd()
}

/// Small letters by way of capital ones, so that `ß` is `ss` and both sigmas are one (and small before that, for the
/// capital `ẞ`); and letters that Unicode does not take apart although people leave out the stroke.
fn lowered(letter: char) -> impl Iterator<Item = char> {
    let capital = letter.to_lowercase().flat_map(char::to_uppercase);
    let small = capital.flat_map(char::to_lowercase);
    small.flat_map(|letter| {
        let plain = match letter {
            'æ' => ['a', 'e'],
            'œ' => ['o', 'e'],
            'ø' => ['o', '\0'],
            'đ' | 'ð' => ['d', '\0'],
            'ħ' => ['h', '\0'],
            'ł' => ['l', '\0'],
            'ŧ' => ['t', '\0'],
            other => [other, '\0'],
        };
        let is_first = plain[1] == '\0';
        plain.into_iter().take(if is_first { 1 } else { 2 })
    })
}

/// What is left out: diacritics, and signs that only tell how the letters beside them are drawn. Marks without which a
/// word is another one (the vowels of Indian scripts and of Thai, the voicing of kana) have other classes and stay.
fn is_silent(letter: char) -> bool {
    matches!(
        letter,
        '\u{AD}' | '\u{34F}' | '\u{200C}' | '\u{200D}' | '\u{2060}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{E0100}'..='\u{E01EF}' | '\u{20D0}'..='\u{20F0}'
    ) || matches!(canonical_combining_class(letter), 1 | 10..=35 | 200..)
}

/// Whether the letter is of a script that leaves no space between words.
fn stands_alone(letter: char) -> bool {
    matches!(
        letter,
        '\u{3041}'..='\u{30FF}' | '\u{31F0}'..='\u{31FF}' | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}'
            | '\u{20000}'..='\u{3FFFF}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Vec<String> {
        words(text).into_iter().collect()
    }

    #[test]
    fn case_diacritics_and_forms_do_not_count() {
        for (text, folded) in [
            ("Extractor FAN, not running!", "extractor fan not running"),
            ("Étage — Clôturée", "cloturee etage"),
            ("STRASSE Straße", "strasse"),
            ("ΟΔΟΣ οδος ὁδός", "οδοσ"),
            ("İstanbul ISTANBUL ıstanbul", "istanbul"),
            ("Smørrebrød Łódź Œuvre", "lodz oeuvre smorrebrod"),
            ("ﬁlter ﬁlter", "filter"),
            ("２Ｆ Ⅳ m²", "2f iv m2"),
            ("Haus\u{AD}tür", "haustur"),
            ("L2-M.01_x", "01 l2 m x"),
            ("漏水", "水 漏"),
            ("כּוֹס", "כוס"),
            ("кафе́ КАФЕ", "кафе"),
            ("", ""),
            ("?! — …", ""),
        ] {
            assert_eq!(of(text).join(" "), folded, "{text}");
        }
    }

    #[test]
    fn marks_that_make_another_word_stay() {
        assert_ne!(words("कि"), words("का"));
        assert_ne!(words("が"), words("か"));
        assert_eq!(words("が"), words("か\u{3099}"));
        assert_eq!(of("नमस्ते").len(), 1);
        assert_eq!(of("\u{94D}\u{AD}\u{3099}"), ["\u{3099}\u{94D}"]);
    }

    #[test]
    fn every_letter_is_folded_once_and_for_all() {
        for letter in '\0'..=char::MAX {
            let once: String = folded(&letter.to_string()).collect();
            let again: String = folded(&once).collect();
            assert_eq!(once, again, "{letter:?} {:x}", u32::from(letter));
            // What FTS5 would split or change stands in no word.
            for word in words(&letter.to_string()) {
                let is_plain = |letter: char| {
                    !letter.is_ascii() || letter.is_ascii_lowercase() || letter.is_ascii_digit()
                };
                assert!(word.chars().all(is_plain), "{letter:?} {word}");
            }
        }
    }

    #[test]
    fn a_word_counts_up_to_its_64th_letter() {
        assert_eq!(words(&"x".repeat(200)), words(&"x".repeat(64)));
        assert_ne!(words(&"x".repeat(63)), words(&"x".repeat(64)));
    }

    /// Letters of many scripts, marks, signs and spaces.
    fn texts() -> impl Strategy<Value = String> {
        let letters =
            "a-zA-Z0-9 ÄäßſİıÅéøŁœΣσςΐЙй́̈᾿ﬁ漏水かがガ゙कि्ाไ่ขא־ּ .,'’_-\u{AD}\u{200D}\u{FE0F}½Ⅳ²";
        prop_oneof![
            proptest::string::string_regex(&format!("[{letters}]{{0,40}}"))
                .unwrap_or_else(|_| unreachable!()),
            any::<String>(),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn words_split_and_folded_again_are_the_same(text in texts()) {
            let once = words(&text);
            let joined = once.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
            prop_assert_eq!(words(&joined), once);
        }

        #[test]
        fn the_order_of_texts_does_not_count(one in texts(), other in texts()) {
            let both: BTreeSet<String> = words(&one).union(&words(&other)).cloned().collect();
            prop_assert_eq!(&words(&format!("{one} {other}")), &both);
            prop_assert_eq!(&words(&format!("{other}\n{one}")), &both);
        }

        #[test]
        fn a_text_in_capitals_has_the_same_words(text in "[a-zäöüßéèñçœø ]{0,40}") {
            prop_assert_eq!(words(&text.to_uppercase()), words(&text));
        }
    }
}
