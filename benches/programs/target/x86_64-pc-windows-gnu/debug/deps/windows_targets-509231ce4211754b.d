/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/windows_targets-509231ce4211754b.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/windows-targets-0.53.5/src/lib.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/windows-targets-0.53.5/src/../readme.md

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libwindows_targets-509231ce4211754b.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/windows-targets-0.53.5/src/lib.rs /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/windows-targets-0.53.5/src/../readme.md

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/windows-targets-0.53.5/src/lib.rs:
/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/windows-targets-0.53.5/src/../readme.md:
