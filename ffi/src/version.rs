//! The version of the header and of the library.

/// The major version of this header.
pub const NTPARK_VERSION_MAJOR: u32 = 0;
/// The minor version of this header.
pub const NTPARK_VERSION_MINOR: u32 = 1;
/// The patch version of this header.
pub const NTPARK_VERSION_PATCH: u32 = 0;

/// The version of this header as one number; later versions are greater.
pub const NTPARK_VERSION: u32 = NTPARK_VERSION_MAJOR << 16 | NTPARK_VERSION_MINOR << 8 | NTPARK_VERSION_PATCH;

// The manifest decides: a version that is changed there alone does not compile.
const _: () = {
    assert!(
        NTPARK_VERSION_MAJOR == number(env!("CARGO_PKG_VERSION_MAJOR")),
        "NTPARK_VERSION_MAJOR is not the manifest's"
    );
    assert!(
        NTPARK_VERSION_MINOR == number(env!("CARGO_PKG_VERSION_MINOR")),
        "NTPARK_VERSION_MINOR is not the manifest's"
    );
    assert!(
        NTPARK_VERSION_PATCH == number(env!("CARGO_PKG_VERSION_PATCH")),
        "NTPARK_VERSION_PATCH is not the manifest's"
    );
};

/// Returns the version of the library, as NTPARK_VERSION is that of the header, which may differ.
#[unsafe(no_mangle)]
pub extern "C" fn ntpark_version() -> u32 {
    NTPARK_VERSION
}

const fn number(digits: &str) -> u32 {
    let digits = digits.as_bytes();
    let (mut number, mut at) = (0, 0);
    while at < digits.len() {
        number = number * 10 + (digits[at] - b'0') as u32;
        at += 1;
    }
    number
}
