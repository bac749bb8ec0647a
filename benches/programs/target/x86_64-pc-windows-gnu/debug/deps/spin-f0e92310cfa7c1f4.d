/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/spin-f0e92310cfa7c1f4.d: minimal/src/bin/spin.rs Cargo.toml

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libspin-f0e92310cfa7c1f4.rmeta: minimal/src/bin/spin.rs Cargo.toml

minimal/src/bin/spin.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# env-dep:CLIPPY_CONF_DIR
