/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/allocator-7d9e554113a00c29.d: minimal/src/bin/allocator.rs Cargo.toml

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/liballocator-7d9e554113a00c29.rmeta: minimal/src/bin/allocator.rs Cargo.toml

minimal/src/bin/allocator.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# env-dep:CLIPPY_CONF_DIR
