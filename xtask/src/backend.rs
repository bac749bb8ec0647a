//! The backends of the crate, as its tests and examples call them.

use clap::ValueEnum;

/// Selects the backend in tests and examples.
pub(crate) const BACKEND_VARIABLE: &str = "NTPARK_BACKEND";

/// What a parker blocks on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Backend {
    /// `WaitOnAddress`
    WaitAddress,
    /// Keyed events with a handle of their own
    KeyedEvent,
    /// Keyed events with the null handle
    KeyedEventNull,
    /// Polling
    Polling,
    /// What the embedder supplies: a futex, on Linux
    Host,
}

impl Backend {
    /// The two that are made of NT's own primitives.
    pub(crate) const NT: [Self; 2] = [Self::WaitAddress, Self::KeyedEvent];
    /// The backends of Windows.
    pub(crate) const WINDOWS: [Self; 4] = [Self::WaitAddress, Self::KeyedEvent, Self::KeyedEventNull, Self::Polling];

    /// Its name on the command line, which is that of the crate too.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
