/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/scopeguard-2731fa54e0c611f6.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/scopeguard-1.2.0/src/lib.rs

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libscopeguard-2731fa54e0c611f6.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/scopeguard-1.2.0/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/scopeguard-1.2.0/src/lib.rs:
