/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/stack-180e83029e4acab5.d: minimal/src/bin/stack.rs Cargo.toml

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libstack-180e83029e4acab5.rmeta: minimal/src/bin/stack.rs Cargo.toml

minimal/src/bin/stack.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=--deny__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
# env-dep:CLIPPY_CONF_DIR
