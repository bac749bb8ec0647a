/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/smallvec-2722607a77b1ce44.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/smallvec-1.16.6/src/lib.rs

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libsmallvec-2722607a77b1ce44.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/smallvec-1.16.6/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/smallvec-1.16.6/src/lib.rs:
