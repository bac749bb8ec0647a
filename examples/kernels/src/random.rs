//! Random numbers, the same in each run.

/// Marsaglia's xorshift with 32 bits.
pub(crate) struct Random(u32);

impl Random {
    /// A sequence of its own for each seed.
    pub(crate) const fn new(seed: usize) -> Self {
        Self((seed as u32 + 1).wrapping_mul(0x9E37_79B9))
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 % limit
    }
}
