//! What examples and tests share: what the process's threads block on, and a DLL.

#![allow(dead_code, reason = "each program uses a part of this")]

#[cfg(windows)]
pub(crate) mod dll;
#[cfg(all(target_os = "linux", not(miri)))]
mod futex;
/// Miri does not let a system call compare half of an atomic.
#[cfg(all(target_os = "linux", miri))]
#[path = "condvar.rs"]
mod futex;

use ntpark::{Backend, BackendKind, SelectError};

/// Settles what threads block on: what `NTPARK_BACKEND` names (see [`BackendKind::name`]), else the best there is, on
/// Linux a futex. To be called before the first thread waits; again does no harm.
pub(crate) fn setup() {
    let wanted = std::env::var("NTPARK_BACKEND").ok().or_else(|| cfg!(target_os = "linux").then(|| "host".into()));
    let Some(wanted) = wanted else { return };
    let kind = BackendKind::ALL.into_iter().find(|kind| kind.name() == wanted);
    let kind = kind.unwrap_or_else(|| panic!("NTPARK_BACKEND={wanted}: there is no such backend"));
    let result = match kind {
        #[cfg(target_os = "linux")]
        BackendKind::Host => Backend::install(&futex::HOST),
        _ => Backend::force(kind),
    };
    match result {
        Ok(()) => {}
        Err(SelectError::InUse(in_use)) if in_use == kind => {}
        Err(error) => panic!("{error}"),
    }
}
