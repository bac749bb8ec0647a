/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/windows_x86_64_gnu-ecf61c5b9440de9d.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/windows_x86_64_gnu-0.53.1/src/lib.rs

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libwindows_x86_64_gnu-ecf61c5b9440de9d.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/windows_x86_64_gnu-0.53.1/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/windows_x86_64_gnu-0.53.1/src/lib.rs:
