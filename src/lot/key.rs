//! What threads wait for, and what those who park and unpark tell each other.

/// What a thread waits for: an address, and the space that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub(crate) address: usize,
    pub(crate) space: u32,
}

impl Key {
    /// The space of futexes, beyond those that can be named.
    const FUTEX: u32 = u32::MAX;

    /// A key in a space of its own: threads that wait for the same address in different spaces do not meet.
    /// `From<usize>` makes keys in space 0; those from 0xFF00 on are for the crate `ntpark-locks`.
    #[must_use]
    pub const fn in_space(space: u16, address: usize) -> Self {
        Self { address, space: space as u32 }
    }

    pub(crate) const fn futex(address: usize) -> Self {
        Self { address, space: Self::FUTEX }
    }

    /// The address.
    #[must_use]
    pub const fn address(self) -> usize {
        self.address
    }

    /// The space. None for that of futexes.
    #[must_use]
    pub const fn space(self) -> Option<u16> {
        if self.space == Self::FUTEX { None } else { Some(self.space as u16) }
    }
}

impl From<usize> for Key {
    fn from(address: usize) -> Self {
        Self::in_space(0, address)
    }
}

/// What a parked thread tells those that filter; the value is the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ParkToken(pub usize);

/// What a thread is told by the one that unparks it; the value is the user's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnparkToken(pub usize);

/// A token for parks that need none.
pub const DEFAULT_PARK_TOKEN: ParkToken = ParkToken(0);
/// A token for unparks that need none.
pub const DEFAULT_UNPARK_TOKEN: UnparkToken = UnparkToken(0);
