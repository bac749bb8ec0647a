/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/park-e9b593aa91847684.d: minimal/src/bin/park.rs Cargo.toml

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libpark-e9b593aa91847684.rmeta: minimal/src/bin/park.rs Cargo.toml

minimal/src/bin/park.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# env-dep:CLIPPY_CONF_DIR
