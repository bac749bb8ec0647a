/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/futex-91d2b5bcca5d03d4.d: minimal/src/bin/futex.rs Cargo.toml

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libfutex-91d2b5bcca5d03d4.rmeta: minimal/src/bin/futex.rs Cargo.toml

minimal/src/bin/futex.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# env-dep:CLIPPY_CONF_DIR
