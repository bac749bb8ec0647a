//! Proof that needs more than the public API.
