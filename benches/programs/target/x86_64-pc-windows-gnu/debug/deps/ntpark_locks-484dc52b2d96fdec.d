/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/ntpark_locks-484dc52b2d96fdec.d: /work/main/locks/src/lib.rs /work/main/locks/src/barrier.rs /work/main/locks/src/checked.rs /work/main/locks/src/condvar.rs /work/main/locks/src/debug.rs /work/main/locks/src/event.rs /work/main/locks/src/key.rs /work/main/locks/src/lazy_lock.rs /work/main/locks/src/mutex.rs /work/main/locks/src/once.rs /work/main/locks/src/once_lock.rs /work/main/locks/src/patience.rs /work/main/locks/src/rwlock.rs /work/main/locks/src/semaphore.rs /work/main/locks/src/sync.rs /work/main/locks/src/thread_id.rs /work/main/locks/src/typed.rs /work/main/locks/src/../README.md /work/main/locks/src/locks.natvis

/work/main/benches/programs/target/x86_64-pc-windows-gnu/debug/deps/libntpark_locks-484dc52b2d96fdec.rmeta: /work/main/locks/src/lib.rs /work/main/locks/src/barrier.rs /work/main/locks/src/checked.rs /work/main/locks/src/condvar.rs /work/main/locks/src/debug.rs /work/main/locks/src/event.rs /work/main/locks/src/key.rs /work/main/locks/src/lazy_lock.rs /work/main/locks/src/mutex.rs /work/main/locks/src/once.rs /work/main/locks/src/once_lock.rs /work/main/locks/src/patience.rs /work/main/locks/src/rwlock.rs /work/main/locks/src/semaphore.rs /work/main/locks/src/sync.rs /work/main/locks/src/thread_id.rs /work/main/locks/src/typed.rs /work/main/locks/src/../README.md /work/main/locks/src/locks.natvis

/work/main/locks/src/lib.rs:
/work/main/locks/src/barrier.rs:
/work/main/locks/src/checked.rs:
/work/main/locks/src/condvar.rs:
/work/main/locks/src/debug.rs:
/work/main/locks/src/event.rs:
/work/main/locks/src/key.rs:
/work/main/locks/src/lazy_lock.rs:
/work/main/locks/src/mutex.rs:
/work/main/locks/src/once.rs:
/work/main/locks/src/once_lock.rs:
/work/main/locks/src/patience.rs:
/work/main/locks/src/rwlock.rs:
/work/main/locks/src/semaphore.rs:
/work/main/locks/src/sync.rs:
/work/main/locks/src/thread_id.rs:
/work/main/locks/src/typed.rs:
/work/main/locks/src/../README.md:
/work/main/locks/src/locks.natvis:
