/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/minimal-0f74087c6876c086.d: minimal/src/lib.rs Cargo.toml

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libminimal-0f74087c6876c086.rmeta: minimal/src/lib.rs Cargo.toml

minimal/src/lib.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# env-dep:CLIPPY_CONF_DIR
