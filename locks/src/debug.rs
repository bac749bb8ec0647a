//! How a lock's state is written.

use core::fmt;

/// `name(a + b)` for those that are set; `name(none)` if nothing is.
pub(crate) fn flags<const N: usize>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    none: &str,
    flags: [(bool, &str); N],
) -> fmt::Result {
    let mut set = flags.iter().filter(|(is_set, _)| *is_set).map(|(_, name)| name);
    write!(f, "{name}({}", set.next().unwrap_or(&none))?;
    set.try_for_each(|name| write!(f, " + {name}"))?;
    f.write_str(")")
}
