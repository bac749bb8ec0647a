//! What examples and tests share: a kernel to park on.

#[cfg(target_os = "linux")]
pub(crate) mod futex;

/// Gives the process a kernel to park on where that is not NT. To be called before the first park; again does no harm.
pub(crate) fn setup() {
    #[cfg(target_os = "linux")]
    if let Err(in_use) = ntpark::Backend::install(&futex::HOST) {
        assert_eq!(in_use, ntpark::SelectError::InUse(ntpark::Kind::Host));
    }
}
