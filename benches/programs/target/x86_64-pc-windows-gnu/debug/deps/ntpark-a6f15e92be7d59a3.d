/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/ntpark-a6f15e92be7d59a3.d: /work/main/src/lib.rs /work/main/src/backend.rs /work/main/src/backend/host.rs /work/main/src/backend/keyed_event.rs /work/main/src/backend/polling.rs /work/main/src/backend/process.rs /work/main/src/backend/rendezvous.rs /work/main/src/backend/wait_address.rs /work/main/src/futex.rs /work/main/src/lot.rs /work/main/src/lot/bucket_lock.rs /work/main/src/lot/key.rs /work/main/src/lot/queue.rs /work/main/src/lot/table.rs /work/main/src/model.rs /work/main/src/model/explorer.rs /work/main/src/model/snapshot.rs /work/main/src/model/trace.rs /work/main/src/parker.rs /work/main/src/selection.rs /work/main/src/spin.rs /work/main/src/state.rs /work/main/src/sync.rs /work/main/src/sys.rs /work/main/src/sys/kernel32.rs /work/main/src/sys/last_error.rs /work/main/src/sys/loader.rs /work/main/src/sys/ntdll.rs /work/main/src/sys/thread.rs /work/main/src/sys/types.rs /work/main/src/thread_parker.rs /work/main/src/time.rs /work/main/src/time/clock.rs /work/main/src/time/instant.rs /work/main/src/../README.md /work/main/src/ntpark.natvis

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libntpark-a6f15e92be7d59a3.rmeta: /work/main/src/lib.rs /work/main/src/backend.rs /work/main/src/backend/host.rs /work/main/src/backend/keyed_event.rs /work/main/src/backend/polling.rs /work/main/src/backend/process.rs /work/main/src/backend/rendezvous.rs /work/main/src/backend/wait_address.rs /work/main/src/futex.rs /work/main/src/lot.rs /work/main/src/lot/bucket_lock.rs /work/main/src/lot/key.rs /work/main/src/lot/queue.rs /work/main/src/lot/table.rs /work/main/src/model.rs /work/main/src/model/explorer.rs /work/main/src/model/snapshot.rs /work/main/src/model/trace.rs /work/main/src/parker.rs /work/main/src/selection.rs /work/main/src/spin.rs /work/main/src/state.rs /work/main/src/sync.rs /work/main/src/sys.rs /work/main/src/sys/kernel32.rs /work/main/src/sys/last_error.rs /work/main/src/sys/loader.rs /work/main/src/sys/ntdll.rs /work/main/src/sys/thread.rs /work/main/src/sys/types.rs /work/main/src/thread_parker.rs /work/main/src/time.rs /work/main/src/time/clock.rs /work/main/src/time/instant.rs /work/main/src/../README.md /work/main/src/ntpark.natvis

/work/main/src/lib.rs:
/work/main/src/backend.rs:
/work/main/src/backend/host.rs:
/work/main/src/backend/keyed_event.rs:
/work/main/src/backend/polling.rs:
/work/main/src/backend/process.rs:
/work/main/src/backend/rendezvous.rs:
/work/main/src/backend/wait_address.rs:
/work/main/src/futex.rs:
/work/main/src/lot.rs:
/work/main/src/lot/bucket_lock.rs:
/work/main/src/lot/key.rs:
/work/main/src/lot/queue.rs:
/work/main/src/lot/table.rs:
/work/main/src/model.rs:
/work/main/src/model/explorer.rs:
/work/main/src/model/snapshot.rs:
/work/main/src/model/trace.rs:
/work/main/src/parker.rs:
/work/main/src/selection.rs:
/work/main/src/spin.rs:
/work/main/src/state.rs:
/work/main/src/sync.rs:
/work/main/src/sys.rs:
/work/main/src/sys/kernel32.rs:
/work/main/src/sys/last_error.rs:
/work/main/src/sys/loader.rs:
/work/main/src/sys/ntdll.rs:
/work/main/src/sys/thread.rs:
/work/main/src/sys/types.rs:
/work/main/src/thread_parker.rs:
/work/main/src/time.rs:
/work/main/src/time/clock.rs:
/work/main/src/time/instant.rs:
/work/main/src/../README.md:
/work/main/src/ntpark.natvis:
