//! Names of numbers.

use core::ffi::c_char;

/// The names of the numbers from 0 on, each with a terminating zero, in cells of one size: a table of pointers
/// would need relocations.
pub(crate) struct Names<const CELL: usize, const COUNT: usize>([[u8; CELL]; COUNT]);

impl<const CELL: usize, const COUNT: usize> Names<CELL, COUNT> {
    /// Stops the build if a name does not fit into its cell.
    pub(crate) const fn new(names: [&str; COUNT]) -> Self {
        let mut cells = [[0; CELL]; COUNT];
        let mut number = 0;
        while number < COUNT {
            let name = names[number].as_bytes();
            assert!(name.len() < CELL, "a name does not fit into its cell");
            let mut at = 0;
            while at < name.len() {
                cells[number][at] = name[at];
                at += 1;
            }
            number += 1;
        }
        Self(cells)
    }

    /// The name of a number; "unknown" for one that has none.
    pub(crate) fn of(&'static self, number: i32) -> *const c_char {
        usize::try_from(number)
            .ok()
            .and_then(|number| self.0.get(number))
            .map_or(c"unknown".as_ptr(), |cell| cell.as_ptr().cast())
    }
}
