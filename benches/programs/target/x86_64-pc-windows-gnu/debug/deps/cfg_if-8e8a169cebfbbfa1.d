/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/cfg_if-8e8a169cebfbbfa1.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/cfg-if-1.0.5/src/lib.rs

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libcfg_if-8e8a169cebfbbfa1.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/cfg-if-1.0.5/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/cfg-if-1.0.5/src/lib.rs:
