//! What examples and tests share: a kernel to park on.

#[cfg(all(target_os = "linux", not(miri)))]
pub(crate) mod futex;
/// Miri does not let a system call compare half of an atomic.
#[cfg(all(target_os = "linux", miri))]
#[path = "condvar.rs"]
pub(crate) mod futex;

use ntpark::{Backend, BackendKind, SelectError};

/// Settles what the process parks on: what `NTPARK_BACKEND` names (see [`BackendKind::name`]), else the best there
/// is, on Linux a futex. To be called before the first park; again does no harm.
pub(crate) fn setup() {
    let wanted = std::env::var("NTPARK_BACKEND").ok().map(|name| {
        let kind = BackendKind::ALL.into_iter().find(|kind| kind.name() == name);
        kind.unwrap_or_else(|| panic!("NTPARK_BACKEND={name}: there is no such backend"))
    });
    match wanted {
        #[cfg(target_os = "linux")]
        None | Some(BackendKind::Host) => settled(BackendKind::Host, Backend::install(&futex::HOST)),
        Some(kind) => settled(kind, Backend::force(kind)),
        #[cfg(not(target_os = "linux"))]
        None => {}
    }
}

fn settled(wanted: BackendKind, result: Result<(), SelectError>) {
    match result {
        Ok(()) => {}
        Err(SelectError::InUse(in_use)) if in_use == wanted => {}
        Err(error) => panic!("{error}"),
    }
}
