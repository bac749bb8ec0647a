/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/with_parking_lot-80059f3e706940cb.d: with-parking-lot/src/main.rs Cargo.toml

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libwith_parking_lot-80059f3e706940cb.rmeta: with-parking-lot/src/main.rs Cargo.toml

with-parking-lot/src/main.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# env-dep:CLIPPY_CONF_DIR
