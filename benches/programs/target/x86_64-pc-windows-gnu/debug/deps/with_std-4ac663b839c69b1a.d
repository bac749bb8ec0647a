/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/with_std-4ac663b839c69b1a.d: with-std/src/main.rs Cargo.toml

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libwith_std-4ac663b839c69b1a.rmeta: with-std/src/main.rs Cargo.toml

with-std/src/main.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# env-dep:CLIPPY_CONF_DIR
