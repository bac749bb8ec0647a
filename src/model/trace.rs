//! How a rule was broken: which rule, in which setting, and each step on the shortest way there, as the text of the
//! compiler's error.

use crate::model::snapshot::{NAMES, PARKERS, Snapshot};
use crate::state::{EMPTY, PARKED, TOKENS};

/// Text.
pub(crate) struct Trace {
    text: [u8; 4096],
    length: usize,
}

impl Trace {
    pub(crate) const fn new() -> Self {
        Self { text: [0; 4096], length: 0 }
    }

    /// What a thread did in a state, and the word after it.
    pub(crate) const fn step(&mut self, state: &Snapshot, by: u8, word: usize) {
        self.tell(if (by as usize) < PARKERS { "\n  parker:   " } else { "\n  unparker: " });
        self.tell(NAMES[state.at(by as usize) as usize]);
        self.tell(" => ");
        const FLAGS: [&str; 4] = ["PARKED ", "ARMED ", "TIMED_OUT ", "RELEASED "];
        let mut flag = 0;
        while flag < FLAGS.len() {
            if word & PARKED << flag != 0 {
                self.tell(FLAGS[flag]);
            }
            flag += 1;
        }
        self.tell(match word & TOKENS {
            0 if word == EMPTY => "EMPTY",
            0 => "",
            1 => "NOTIFIED",
            _ => "NOTIFIED more than once",
        });
    }

    pub(crate) const fn tell(&mut self, text: &str) {
        let bytes = text.as_bytes();
        let mut index = 0;
        while index < bytes.len() && self.length < self.text.len() {
            self.text[self.length] = bytes[index];
            self.length += 1;
            index += 1;
        }
    }

    pub(crate) const fn as_str(&self) -> &str {
        match core::str::from_utf8(self.text.split_at(self.length).0) {
            Ok(text) => text,
            Err(_) => "ntpark model: a rule is broken",
        }
    }
}
