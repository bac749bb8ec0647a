/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/locks-6e7f8771ebb7ca8e.d: minimal/src/bin/locks.rs Cargo.toml

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/liblocks-6e7f8771ebb7ca8e.rmeta: minimal/src/bin/locks.rs Cargo.toml

minimal/src/bin/locks.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# env-dep:CLIPPY_CONF_DIR
