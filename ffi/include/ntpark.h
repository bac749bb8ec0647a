/*
 * ntpark: blocks threads on Windows and wakes them, for C99 and later, and for C++11 and later.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Generated from ffi/src by `cargo xtask header`.
 *
 * Arguments are validated: a NULL or misaligned pointer, a number without a meaning and a call in the wrong order are
 * refused with a status and change nothing. Functions with an ntpark_status return NTPARK_OK, or NTPARK_INVALID for a
 * bad argument; other results are listed. Timeouts are nanoseconds, deadlines times of ntpark_now's clock;
 * NTPARK_FOREVER is no limit, and no wait ends early. Of locks, the caller must have what it unlocks, upgrades or
 * downgrades.
 *
 * All functions may be called before main, in DllMain and by any thread. None allocates memory, loads a DLL or changes
 * the last error. The first use of a backend takes the loader's lock: see ntpark_backend_in_use.
 */

#ifndef NTPARK_H
#define NTPARK_H

#include <stdbool.h>
#include <stdint.h>

/* Define NTPARK_SHARED when linking with the DLL: it saves a jump in each call. */
#if defined(_WIN32) && defined(NTPARK_SHARED)
#define NTPARK_API __declspec(dllimport)
#else
#define NTPARK_API
#endif

/* The calling convention of all functions, the embedder's included, whatever the compiler's default is (-mrtd, /Gz). */
#if defined(__i386__) && defined(__GNUC__)
#define NTPARK_CALL __attribute__((__cdecl__))
#elif defined(_M_IX86)
#define NTPARK_CALL __cdecl
#else
#define NTPARK_CALL
#endif

/* Initial values. */
#define NTPARK_PARKER_INIT {0}
#ifdef __cplusplus
#define NTPARK_THREAD_PARKER_INIT {0, nullptr}
#else
#define NTPARK_THREAD_PARKER_INIT {0}
#endif
#define NTPARK_SPIN_WAIT_INIT {0}
#define NTPARK_MUTEX_INIT {0}
#define NTPARK_RWLOCK_INIT {0}
#ifdef __cplusplus
#define NTPARK_CONDVAR_INIT {nullptr}
#else
#define NTPARK_CONDVAR_INIT {0}
#endif
#define NTPARK_ONCE_INIT {0}
/* With so many permits; 2^31 - 1 at most. */
#define NTPARK_SEMAPHORE_INIT(permits) {(uint32_t)(permits) * 2u}
#define NTPARK_EVENT_INIT {0}
#define NTPARK_EVENT_MANUAL_RESET_INIT {4}
#define NTPARK_BARRIER_INIT {0}
#define NTPARK_HOST_INIT(context, wait, wake, now, yield_thread, current_thread, granule, spin) \
    {sizeof(ntpark_host), context, wait, wake, now, yield_thread, current_thread, granule, spin}

/* Whether a call was refused and has changed nothing. */
#define NTPARK_IS_REFUSED(status) ((status) >= NTPARK_BUSY)

/* The bit of a kind of backends in a set. */
#define NTPARK_KIND_BIT(kind) (1u << (kind))

/* Warns where a result is ignored that decides what the caller has. */
#if defined(__cplusplus) && __cplusplus >= 201703L || defined(_MSVC_LANG) && _MSVC_LANG >= 201703L || \
    defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L
#define NTPARK_NODISCARD [[nodiscard]]
#elif defined(__GNUC__)
#define NTPARK_NODISCARD __attribute__((__warn_unused_result__))
#else
#define NTPARK_NODISCARD
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Status codes ---- */

/**
 * The result of a call. The numbers never change, and those of retired statuses are not reused.
 *
 * NTPARK_BUSY and greater ones mean that the call was refused and has changed nothing: see NTPARK_IS_REFUSED.
 */
typedef int32_t ntpark_status;

enum ntpark_status_names {
    /** Success. For a park: the thread was unparked. */
    NTPARK_OK = 0,
    /** The timeout or deadline has passed. */
    NTPARK_TIMEOUT = 1,
    /**
     * Refused: another thread is parked on this parker or has this lock, or the calls came in the wrong order. Nothing
     * was taken.
     */
    NTPARK_BUSY = 2,
    /** Refused: a pointer is NULL or misaligned, or a value is not valid. */
    NTPARK_INVALID = 3,
    /** Refused: a backend is already in use. */
    NTPARK_IN_USE = 4,
    /** Refused: this system lacks that backend, or no host was installed. */
    NTPARK_UNAVAILABLE = 5,
    /** Refused: the value at an address is not the expected one. */
    NTPARK_CHANGED = 6,
};

/** Returns the name of a status, such as "NTPARK_OK", or "unknown". Never NULL; do not free it. */
NTPARK_API const char *NTPARK_CALL ntpark_status_name(ntpark_status status);

/* ---- Time, in the units of the C interface ---- */

/**
 * A timeout or deadline that never passes.
 *
 * Timeouts and deadlines are unsigned. A negative span that is cast to uint64_t is a wait of centuries: check its
 * sign first.
 */
#define NTPARK_FOREVER UINT64_MAX

/**
 * Returns the time on the clock of the process's backend. Chooses the backend if this is its first use.
 *
 * Returns: units of 100 ns since some fixed point, rounded up to the clock's next step. It never goes backwards, and
 * setting the wall clock does not change it. On Windows 7 and later, and on a host, it stands still while the machine
 * is asleep; on Windows XP and Vista it does not, and neither do timed waits.
 */
NTPARK_API uint64_t NTPARK_CALL ntpark_now(void);

/**
 * Returns the deadline of a wait that starts now and lasts this long.
 *
 * Parameters:
 * - nanoseconds: any number; NTPARK_FOREVER means no end.
 *
 * Returns: a deadline, rounded up to a unit of 100 ns. 0, which has always passed, for 0; NTPARK_FOREVER for
 * NTPARK_FOREVER.
 */
NTPARK_API uint64_t NTPARK_CALL ntpark_deadline(uint64_t nanoseconds);

/* ---- The token protocol ---- */

/**
 * Blocks a thread until another thread leaves it a token.
 *
 * A parker holds at most one token, and starts with none. An unpark leaves one, if there is none. A park takes it, or
 * waits until there is one to take. So an unpark before the park is not lost, and two unparks with no park in between
 * leave one token. What happened before an unpark is visible after the park that takes its token.
 *
 * Memory: all zero when new, so a static or calloc'ed parker needs no initialisation, others need
 * NTPARK_PARKER_INIT or ntpark_parker_init. It may be on the stack of the thread that parks, and be freed once the
 * park has returned NTPARK_OK. It may be moved while no thread uses it.
 *
 * Address: a parker belongs to one address in one process. In memory that two processes share, or that is mapped
 * twice, an unpark through one address does not wake a park at the other; on keyed events both calls hang, timed
 * parks too.
 *
 * Suspended threads: on keyed events, waiter and waker wait for each other. An unpark lasts as long as its waiter is
 * suspended between announcing itself and blocking; a timed park that an unpark has met lasts, beyond its deadline, as
 * long as the unparking thread is suspended. On the other backends a suspended thread delays no other.
 *
 * End of the process: once ExitProcess has killed all other threads, and only DllMain functions and what they call
 * still run, an unpark wakes no thread, and a park without a time limit that finds no token ends the process, as
 * waiting for a critical section does.
 */
typedef struct ntpark_parker {
    /** Private. */
    uintptr_t state;
} ntpark_parker;

/** Initialises memory that no thread uses as a parker. It has no token. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_init(struct ntpark_parker *parker);

/**
 * Takes the token; if there is none, blocks until there is. There are no spurious returns.
 *
 * Returns: NTPARK_OK, the token was taken; NTPARK_BUSY, another thread is parked here, and no token was taken.
 *
 * Threads: any, at any time; one thread at a time can be parked.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_park(struct ntpark_parker *parker);

/** As ntpark_parker_park, for so many nanoseconds at most, 0 to take a token without waiting; else NTPARK_TIMEOUT. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_park_timeout(struct ntpark_parker *parker, uint64_t nanoseconds);

/** As ntpark_parker_park, until a deadline, of which a past one does not wait; else NTPARK_TIMEOUT. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_park_until(struct ntpark_parker *parker, uint64_t deadline);

/**
 * Leaves a token and wakes the parked thread, if there is one. Does not access the parker any more once the woken
 * thread can see the token.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_unpark(struct ntpark_parker *parker);

/** As ntpark_parker_unpark; `woke` receives whether a thread was parked and this call woke it. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_unpark_woke(struct ntpark_parker *parker, bool *woke);

/* ---- Backends: the process's choice, and the embedder's functions ---- */

/** The kind of a backend. The numbers never change. */
typedef int32_t ntpark_kind;

/**
 * The embedder's functions: what a kernel has to provide for threads to park on it. NTPARK_HOST_INIT fills it in.
 *
 * Any thread that uses parkers may call them, at the same time as other threads. They do not throw. Functions that
 * take a host copy it. Fields of later versions come at the end.
 */
typedef struct ntpark_host {
    /** sizeof(ntpark_host). A smaller size is refused; a greater one is that of a later version. */
    uintptr_t size;
    /** Passed to each function; may be NULL. */
    void *context;
    /**
     * Blocks the calling thread while the word has the expected value, for at most this many units of 100 ns;
     * NTPARK_FOREVER means no limit. It may return at any time, for any reason, and cut timeouts short.
     *
     * Comparing and going to sleep must be one step to wake: a wake after the comparison must find the thread asleep,
     * or keep it from falling asleep. Other threads write the word atomically. Only its low 32 bits are used, so it
     * is enough to compare those.
     */
    void (NTPARK_CALL *wait)(void *context, const uintptr_t *word, uintptr_t expected, uint64_t timeout);
    /**
     * Wakes the thread that waits at this address, if there is one. Must not read the word: it may be freed.
     *
     * The caller has changed the word before, with release ordering. A host that checks for waiters without a lock
     * needs a sequentially consistent fence before that check, and one in wait between announcing the waiter and
     * comparing the word.
     */
    void (NTPARK_CALL *wake)(void *context, const uintptr_t *word);
    /**
     * Returns the time in units of 100 ns: that of the clock's last step, never a later one. It never goes backwards,
     * and stands still while timed waits do.
     */
    uint64_t (NTPARK_CALL *now)(void *context);
    /** Yields to another thread that is ready to run. Threads of a lower priority need not run. */
    void (NTPARK_CALL *yield_thread)(void *context);
    /**
     * Returns a number that identifies the calling thread: not 0, the same as long as the thread lives, and different
     * from that of every other living thread.
     */
    uintptr_t (NTPARK_CALL *current_thread)(void *context);
    /**
     * The step of now's clock in units of 100 ns, rounded up: a clock that advances with a tick of 10 ms has a granule
     * of 100,000. Not 0.
     */
    uint32_t granule;
    /**
     * How many times a thread may check for its token before it blocks; more than 10,000 count as that. All checks
     * should take about half as long as blocking and being woken. 0 if there is one processor.
     */
    uint32_t spin;
} ntpark_host;

/** A backend for single two-phase parkers, initialised by ntpark_backend_from_host. All zero is no backend. */
typedef struct ntpark_backend {
    /** Private. */
    uint64_t opaque[20];
} ntpark_backend;

enum ntpark_kind_names {
    /** WaitOnAddress, since Windows 8. */
    NTPARK_KIND_WAIT_ADDRESS = 1,
    /** Keyed events with a handle of the library's own, since Windows XP. */
    NTPARK_KIND_KEYED_EVENT = 2,
    /**
     * Keyed events with the null handle, which names an event that the system keeps for all processes. Since Windows
     * Vista.
     */
    NTPARK_KIND_KEYED_EVENT_NULL = 3,
    /** The embedder's functions. */
    NTPARK_KIND_HOST = 4,
    /** Periodic polling: always available, slow. */
    NTPARK_KIND_POLLING = 5,
};

/**
 * Returns the kind of the process's backend. Chooses the backend if this is its first use.
 *
 * The first use is also a park that has to wait, an unpark that has to wake a thread, ntpark_now and
 * ntpark_deadline. It calls GetModuleHandle and GetProcAddress, which take the loader's lock: a thread whose first use
 * comes while another thread holds that lock, in a DllMain that waits for it, waits for ever. Call this function
 * early, for instance in your own DllMain; later calls do not take the lock.
 *
 * Two copies of the library in one process, such as a program and a DLL that each link the static library, can share
 * parkers if both chose their backend by themselves, on Windows Vista or later. They cannot if one was forced to
 * another kind, on a host, or on Windows XP, where each copy has a keyed event of its own.
 *
 * Returns: one of NTPARK_KIND_...
 */
NTPARK_API ntpark_kind NTPARK_CALL ntpark_backend_in_use(void);

/**
 * Returns the kinds of backends that this process could use, detected at each call. Chooses none.
 *
 * Returns: a set of bits, NTPARK_KIND_BIT(kind) for each kind. The host is in it once it is in use.
 */
NTPARK_API uint32_t NTPARK_CALL ntpark_backend_available(void);

/**
 * Forces the process's backend, before its first use (see ntpark_backend_in_use).
 *
 * Parameters:
 * - kind: one of NTPARK_KIND_... For the host, call ntpark_backend_install instead.
 *
 * Returns: NTPARK_OK; NTPARK_IN_USE, a backend is already in use, possibly this one; NTPARK_UNAVAILABLE, this system
 * lacks this kind; NTPARK_INVALID, there is no such kind.
 */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_backend_force(ntpark_kind kind);

/**
 * Makes the embedder's functions the process's backend, before its first use (see ntpark_backend_in_use).
 *
 * Parameters:
 * - host: is copied. No function may be NULL. The functions, and what the context points to, must stay as long as the
 *   process parks.
 *
 * Returns: NTPARK_OK; NTPARK_IN_USE, a backend is already in use, or another host is being installed.
 */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_backend_install(const struct ntpark_host *host);

/**
 * Initialises a backend of the embedder's functions for single two-phase parkers: see
 * ntpark_thread_parker_init_with.
 *
 * Parameters:
 * - backend: memory that no parker uses as a backend.
 * - host: is copied. No function may be NULL. The functions, and what the context points to, must stay as long as
 *   parkers of this backend are used.
 *
 * Threads: one, before others use the backend.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_backend_from_host(struct ntpark_backend *backend, const struct ntpark_host *host);

/**
 * Gets the time on a backend's clock, to make deadlines for its parkers from.
 *
 * Parameters:
 * - backend: from ntpark_backend_from_host.
 * - now: receives the time in units of 100 ns, rounded up to the clock's next step.
 *
 * Returns: NTPARK_OK; NTPARK_INVALID, also for a backend that is not initialised.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_backend_now(const struct ntpark_backend *backend, uint64_t *now);

/**
 * Returns a number that identifies the calling thread: unique among living threads, and the same as long as it lives.
 * Chooses the backend if this is its first use.
 *
 * Returns: the number; 0 if there is none, with neither NT nor a host.
 */
NTPARK_API uintptr_t NTPARK_CALL ntpark_current_thread(void);

/** Returns the name of a kind of backends, such as "keyed-event", or "unknown". Never NULL; do not free it. */
NTPARK_API const char *NTPARK_CALL ntpark_kind_name(ntpark_kind kind);

/* ---- The two-phase protocol ---- */

/**
 * Blocks one thread that waits in a queue of the caller's, in two phases: for authors of locks. A lock protects the
 * queue.
 *
 * The waiting thread, in this order:
 *
 * 1. calls ntpark_thread_parker_prepare_park, then puts itself in the queue, with the lock held;
 * 2. does anything, including what makes another thread, or itself, unpark it;
 * 3. calls ntpark_thread_parker_park or ntpark_thread_parker_park_until, without the lock;
 * 4. after NTPARK_TIMEOUT, locks the queue and calls ntpark_thread_parker_timed_out. NTPARK_TIMEOUT: it is still in
 *    the queue, and removes itself. NTPARK_OK: it was unparked after all.
 *
 * The waking thread removes it from the queue and calls ntpark_thread_parker_unpark_lock, with the lock held; unlocks;
 * and calls ntpark_unpark_handle_unpark, which may be slow.
 *
 * What happened before ntpark_thread_parker_unpark_lock is visible after the park; the queue's lock is not needed
 * for that.
 *
 * All zero when new (NTPARK_THREAD_PARKER_INIT), for the process's backend. It may be freed once the park has returned
 * NTPARK_OK, or ntpark_thread_parker_timed_out has. What ntpark_parker says about its address, about suspended threads
 * and about the end of the process holds here too.
 */
typedef struct ntpark_thread_parker {
    /** Private. */
    uintptr_t state;
    /** Private. */
    const void *backend;
} ntpark_thread_parker;

/**
 * The second half of an unpark, for after the queue's lock is released: wakes the thread, if it blocks. Pass it to
 * ntpark_unpark_handle_unpark once, or that thread may never wake.
 *
 * All zero means that there is nothing to do.
 */
typedef struct ntpark_unpark_handle {
    /** The address of a parker, which may be freed already, or NULL for none. */
    const void *parker;
    /** Private. */
    const void *backend;
} ntpark_unpark_handle;

/** Initialises memory that no thread uses as a parker, for the process's backend. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_thread_parker_init(struct ntpark_thread_parker *parker);

/**
 * As ntpark_thread_parker_init, for a backend of its own. Its deadlines are times of that backend's clock: see
 * ntpark_backend_now.
 *
 * Parameters:
 * - backend: from ntpark_backend_from_host, else NTPARK_INVALID. It must live, at the same address, as long as
 *   parkers of it, or their handles, are used.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_thread_parker_init_with(struct ntpark_thread_parker *parker,
                                                         const ntpark_backend *backend);

/**
 * Announces a wait. Call it before the thread is put in the queue.
 *
 * Returns: NTPARK_OK; NTPARK_BUSY, another thread is parked here.
 *
 * Threads: the waiting thread.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_thread_parker_prepare_park(struct ntpark_thread_parker *parker);

/**
 * Blocks until unparked. Returns at once if that has happened since ntpark_thread_parker_prepare_park. There are no
 * spurious returns.
 *
 * Returns: NTPARK_OK, unparked; NTPARK_BUSY, another thread is parked here, or ntpark_thread_parker_prepare_park was
 * not called before.
 *
 * Threads: the waiting thread.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_thread_parker_park(struct ntpark_thread_parker *parker);

/**
 * Blocks until unparked, or until a deadline. Returns at once if unparked since ntpark_thread_parker_prepare_park.
 *
 * Parameters:
 * - deadline: a time of its backend's clock, in units of 100 ns: see ntpark_deadline. A past one does not wait;
 *   NTPARK_FOREVER never passes.
 *
 * Returns: NTPARK_OK, unparked; NTPARK_TIMEOUT, never early: ntpark_thread_parker_timed_out decides now; NTPARK_BUSY,
 * another thread is parked here, or ntpark_thread_parker_prepare_park was not called before.
 *
 * Threads: the waiting thread.
 */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_thread_parker_park_until(struct ntpark_thread_parker *parker,
                                                          uint64_t deadline);

/** As ntpark_thread_parker_park_until, for so many nanoseconds at most. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_thread_parker_park_timeout(struct ntpark_thread_parker *parker,
                                                            uint64_t nanoseconds);

/**
 * Tells whether a park that timed out has not been unparked since. Call it with the queue's lock held.
 *
 * Returns: NTPARK_TIMEOUT, not unparked, so the thread is still in the queue; NTPARK_OK, unparked, or no park has
 * timed out.
 *
 * Threads: the waiting thread.
 */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_thread_parker_timed_out(struct ntpark_thread_parker *parker);

/**
 * The first half of an unpark, for under the queue's lock: one atomic operation. From then on the waiting thread may
 * return and free the parker; the handle stays valid.
 *
 * Returns: a handle for ntpark_unpark_handle_unpark, after unlocking. For a bad pointer, one for which that returns
 * NTPARK_INVALID.
 *
 * Threads: one that holds the queue's lock; once for each ntpark_thread_parker_prepare_park.
 */
NTPARK_API
NTPARK_NODISCARD
struct ntpark_unpark_handle NTPARK_CALL ntpark_thread_parker_unpark_lock(struct ntpark_thread_parker *parker);

/**
 * The second half of an unpark: wakes the thread, if it blocks.
 *
 * Parameters:
 * - handle: from ntpark_thread_parker_unpark_lock, not used before. All zero does nothing.
 *
 * Returns: NTPARK_OK; NTPARK_INVALID, the handle of a bad parker.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_unpark_handle_unpark(struct ntpark_unpark_handle handle);

/* ---- A mutex ---- */

/**
 * A mutex: one thread at a time.
 *
 * All zero when new (NTPARK_MUTEX_INIT), and never destroyed. It may be freed once no thread has it, waits for it
 * or will call it; an unlock does not touch it after another thread could lock it.
 *
 * A thread that arrives may take the lock before one that waits; but once no waiter has got it for 0.5 ms (or a
 * tick of the clock), the next unlock hands it over to the one that has waited longest. Not recursive: to lock
 * twice waits for ever.
 *
 * End of the process: a lock whose holder was killed stays locked. Tries and timed calls fail; others end the
 * process, as waiting for a critical section does.
 *
 * Threads: any, at any time; in DllMain and before main too.
 */
typedef struct ntpark_mutex {
    /** Private. */
    uint32_t state;
} ntpark_mutex;

/** Initialises memory that no thread uses as a mutex. It is free. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_mutex_init(struct ntpark_mutex *mutex);

/** Locks; waits as long as another thread has the lock. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_mutex_lock(struct ntpark_mutex *mutex);

/** Locks, or returns NTPARK_BUSY if another thread has the lock. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_mutex_try_lock(struct ntpark_mutex *mutex);

/** As ntpark_mutex_lock, for so many nanoseconds at most; else NTPARK_TIMEOUT. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_mutex_lock_timeout(struct ntpark_mutex *mutex, uint64_t nanoseconds);

/** As ntpark_mutex_lock, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_mutex_lock_until(struct ntpark_mutex *mutex, uint64_t deadline);

/** Unlocks, on any thread; NTPARK_BUSY if it is not locked. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_mutex_unlock(struct ntpark_mutex *mutex);

/** As ntpark_mutex_unlock, and hands the lock over to the thread that has waited longest. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_mutex_unlock_fair(struct ntpark_mutex *mutex);

/**
 * Lets the thread that has waited longest have the lock, if any waits, and takes it again; NTPARK_BUSY if it is not
 * locked.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_mutex_bump(struct ntpark_mutex *mutex);

/* ---- A reader-writer lock ---- */

/**
 * A reader-writer lock: many readers, or one writer. One of the readers may be upgradable: it can become the writer
 * without letting another in between.
 *
 * All zero when new (NTPARK_RWLOCK_INIT), and never destroyed. It may be freed once no thread has it, waits for it
 * or will call it; an unlock does not touch it after another thread could lock it.
 *
 * Readers are kept out as soon as a writer waits for others to leave. Once no waiter has got in for 0.5 ms (or a
 * tick of the clock), the next unlock hands over to all readers that wait in front and the writer behind them. With
 * 8,190 readers, on 64 bits 2^45, further ones wait.
 *
 * End of the process: as for ntpark_mutex.
 *
 * Threads: any, at any time; in DllMain and before main too.
 */
typedef struct ntpark_rwlock {
    /** Private. */
    uintptr_t state;
} ntpark_rwlock;

/** Initialises memory that no thread uses as a reader-writer lock. It is free. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_init(struct ntpark_rwlock *rwlock);

/** Locks shared, beside other readers; waits as long as a writer has or claims the lock. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_lock_shared(struct ntpark_rwlock *rwlock);

/** Locks shared, or returns NTPARK_BUSY if a writer has or claims the lock. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_try_lock_shared(struct ntpark_rwlock *rwlock);

/** As ntpark_rwlock_lock_shared, for so many nanoseconds at most; else NTPARK_TIMEOUT. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_rwlock_lock_shared_timeout(struct ntpark_rwlock *rwlock,
                                                            uint64_t nanoseconds);

/** As ntpark_rwlock_lock_shared, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_rwlock_lock_shared_until(struct ntpark_rwlock *rwlock,
                                                          uint64_t deadline);

/**
 * As ntpark_rwlock_lock_shared, for a thread that may have the lock shared already: it gets in even if a writer waits
 * for readers to leave. Used by other threads, it delays that writer. Unlock by ntpark_rwlock_unlock_shared.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_lock_shared_recursive(struct ntpark_rwlock *rwlock);

/** Locks so, or returns NTPARK_BUSY if a writer has the lock. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_try_lock_shared_recursive(struct ntpark_rwlock *rwlock);

/** As ntpark_rwlock_lock_shared_recursive, for so many nanoseconds at most; else NTPARK_TIMEOUT. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_rwlock_lock_shared_recursive_timeout(struct ntpark_rwlock *rwlock,
                                                                      uint64_t nanoseconds);

/** As ntpark_rwlock_lock_shared_recursive, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_rwlock_lock_shared_recursive_until(struct ntpark_rwlock *rwlock,
                                                                    uint64_t deadline);

/** Unlocks after a lock of this kind; NTPARK_BUSY if there is none. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_unlock_shared(struct ntpark_rwlock *rwlock);

/** As ntpark_rwlock_unlock_shared; the last reader hands over to those that have waited longest. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_unlock_shared_fair(struct ntpark_rwlock *rwlock);

/** Lets those that have waited longest have the lock, if any wait, and takes it again; NTPARK_BUSY as for unlocking. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_bump_shared(struct ntpark_rwlock *rwlock);

/** Locks exclusively; waits as long as others have the lock. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_lock_exclusive(struct ntpark_rwlock *rwlock);

/** Locks exclusively, or returns NTPARK_BUSY if others have the lock. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_try_lock_exclusive(struct ntpark_rwlock *rwlock);

/** As ntpark_rwlock_lock_exclusive, for so many nanoseconds at most; else NTPARK_TIMEOUT. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_rwlock_lock_exclusive_timeout(struct ntpark_rwlock *rwlock,
                                                               uint64_t nanoseconds);

/** As ntpark_rwlock_lock_exclusive, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_rwlock_lock_exclusive_until(struct ntpark_rwlock *rwlock,
                                                             uint64_t deadline);

/** Unlocks after a lock of this kind; NTPARK_BUSY if there is none. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_unlock_exclusive(struct ntpark_rwlock *rwlock);

/** As ntpark_rwlock_unlock_exclusive, and hands over to those that have waited longest. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_unlock_exclusive_fair(struct ntpark_rwlock *rwlock);

/** Lets those that have waited longest have the lock, if any wait, and takes it again; NTPARK_BUSY as for unlocking. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_bump_exclusive(struct ntpark_rwlock *rwlock);

/**
 * Locks upgradably: a reader beside others, which can become the writer. Waits as long as a writer or another
 * upgradable reader has or claims the lock.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_lock_upgradable(struct ntpark_rwlock *rwlock);

/** Locks upgradably, or returns NTPARK_BUSY if a writer or an upgradable reader has or claims the lock. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_try_lock_upgradable(struct ntpark_rwlock *rwlock);

/** As ntpark_rwlock_lock_upgradable, for so many nanoseconds at most; else NTPARK_TIMEOUT. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_rwlock_lock_upgradable_timeout(struct ntpark_rwlock *rwlock,
                                                                uint64_t nanoseconds);

/** As ntpark_rwlock_lock_upgradable, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_rwlock_lock_upgradable_until(struct ntpark_rwlock *rwlock,
                                                              uint64_t deadline);

/** Unlocks after a lock of this kind; NTPARK_BUSY if there is none. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_unlock_upgradable(struct ntpark_rwlock *rwlock);

/** As ntpark_rwlock_unlock_upgradable, and hands over to those that have waited longest. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_unlock_upgradable_fair(struct ntpark_rwlock *rwlock);

/** Lets those that have waited longest have the lock, if any wait, and takes it again; NTPARK_BUSY as for unlocking. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_bump_upgradable(struct ntpark_rwlock *rwlock);

/**
 * Makes an upgradable lock exclusive: keeps readers out and waits for those that are in. No other writer comes in
 * between. NTPARK_BUSY if it is not upgradable.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_upgrade(struct ntpark_rwlock *rwlock);

/** As ntpark_rwlock_upgrade, or returns NTPARK_BUSY if there are other readers. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_try_upgrade(struct ntpark_rwlock *rwlock);

/** As ntpark_rwlock_upgrade, for so many nanoseconds at most; else NTPARK_TIMEOUT, and it is still upgradable. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_rwlock_upgrade_timeout(struct ntpark_rwlock *rwlock,
                                                        uint64_t nanoseconds);

/** As ntpark_rwlock_upgrade, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT, and it is still upgradable. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_upgrade_until(struct ntpark_rwlock *rwlock, uint64_t deadline);

/** Makes an exclusive lock shared, and lets other readers in; NTPARK_BUSY if it is not exclusive. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_downgrade(struct ntpark_rwlock *rwlock);

/** Makes an exclusive lock upgradable, and lets readers in; NTPARK_BUSY if it is not exclusive. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_downgrade_to_upgradable(struct ntpark_rwlock *rwlock);

/** Makes an upgradable lock shared, so that others can have that; NTPARK_BUSY if it is not upgradable. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_rwlock_downgrade_upgradable(struct ntpark_rwlock *rwlock);

/* ---- A condition variable ---- */

/**
 * A condition variable: waits for what a mutex guards.
 *
 * All zero when new (NTPARK_CONDVAR_INIT), and never destroyed. It may be freed once no thread will call it and all
 * that wait have returned or have been notified; a thread whose time runs out touches it until it returns.
 *
 * Wakeups are never spurious, counts are exact, first come, first served. Threads that wait with the same mutex are
 * moved to its queue while it is locked; each thread may come with another mutex.
 *
 * End of the process: a notify finds nobody; a wait without a limit ends the process.
 *
 * Threads: any, at any time; in DllMain and before main too.
 */
typedef struct ntpark_condvar {
    /** Private. */
    void *state;
} ntpark_condvar;

/** Initialises memory that no thread uses as a condition variable. Nobody waits. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_condvar_init(struct ntpark_condvar *condvar);

/**
 * Unlocks the mutex, waits until notified, and locks it again; NTPARK_BUSY if it is not locked. Never returns
 * spuriously.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_condvar_wait(struct ntpark_condvar *condvar, ntpark_mutex *mutex);

/**
 * As ntpark_condvar_wait, for so many nanoseconds at most; else NTPARK_TIMEOUT, not notified. To lock again has no
 * limit.
 */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_condvar_wait_timeout(struct ntpark_condvar *condvar,
                                                      ntpark_mutex *mutex,
                                                      uint64_t nanoseconds);

/** As ntpark_condvar_wait, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT, not notified. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_condvar_wait_until(struct ntpark_condvar *condvar,
                                                    ntpark_mutex *mutex,
                                                    uint64_t deadline);

/**
 * Waits with any lock until notified; the caller locks again afterwards. There are no spurious returns.
 *
 * Parameters:
 * - unlock: unlocks, once the thread cannot miss a notify any more. It must not wait for anything of this library's,
 *   nor throw. Not NULL.
 * - context: passed to it.
 * - deadline: a time of ntpark_now's clock; NTPARK_FOREVER is no limit.
 *
 * Returns: NTPARK_OK, notified; NTPARK_TIMEOUT, not notified; NTPARK_INVALID, and nothing was called.
 */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_condvar_wait_unlocked_until(struct ntpark_condvar *condvar,
                                                             void (NTPARK_CALL *unlock)(void *context),
                                                             void *context,
                                                             uint64_t deadline);

/** Notifies the `count` threads that have waited longest, and writes to `notified` how many, unless it is NULL. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_condvar_notify(struct ntpark_condvar *condvar, uintptr_t count, uintptr_t *notified);

/** As ntpark_condvar_notify, for one thread. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_condvar_notify_one(struct ntpark_condvar *condvar, uintptr_t *notified);

/** As ntpark_condvar_notify, for all threads. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_condvar_notify_all(struct ntpark_condvar *condvar, uintptr_t *notified);

/* ---- Something that is done once ---- */

/**
 * Something that is done once, by the first thread that comes, while the others wait.
 *
 * All zero when new (NTPARK_ONCE_INIT), and never destroyed. It may be freed once no thread will call it and all
 * calls have returned, or those of the thread that completes it, once another can see that it is done.
 *
 * To begin twice in one thread waits for ever. End of the process: if a killed thread was at it, waits without a
 * limit end the process.
 *
 * Threads: any, at any time; in DllMain and before main too.
 */
typedef struct ntpark_once {
    /** Private. */
    uint8_t state;
} ntpark_once;

/** What ntpark_once_begin found. The numbers never change. */
typedef int32_t ntpark_once_state;

enum ntpark_once_state_names {
    /** It has been done. */
    NTPARK_ONCE_DONE = 0,
    /** It is the caller's to do. */
    NTPARK_ONCE_RUN = 1,
    /** It is the caller's to do, after an attempt that was given up. */
    NTPARK_ONCE_RUN_AGAIN = 2,
    /** Another thread is at it. */
    NTPARK_ONCE_BUSY = 3,
};

/** Initialises memory that no thread uses as a once. Nothing has been done. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_once_init(struct ntpark_once *once);

/**
 * Begins, or waits while another thread is at it. After NTPARK_ONCE_RUN and NTPARK_ONCE_RUN_AGAIN, the caller does
 * what is to be done, and then calls ntpark_once_complete or ntpark_once_abandon.
 *
 * Parameters:
 * - what: receives NTPARK_ONCE_DONE, or what the caller is to do.
 */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_once_begin(struct ntpark_once *once, ntpark_once_state *what);

/** As ntpark_once_begin, or returns NTPARK_BUSY, and writes NTPARK_ONCE_BUSY, if another thread is at it. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_once_try_begin(struct ntpark_once *once, ntpark_once_state *what);

/** As ntpark_once_begin, for so many nanoseconds at most; else NTPARK_TIMEOUT, and writes NTPARK_ONCE_BUSY. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_once_begin_timeout(struct ntpark_once *once,
                                                    uint64_t nanoseconds,
                                                    ntpark_once_state *what);

/** As ntpark_once_begin, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT, and writes NTPARK_ONCE_BUSY. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_once_begin_until(struct ntpark_once *once,
                                                  uint64_t deadline,
                                                  ntpark_once_state *what);

/**
 * It has been done, says the thread that has begun: all that wait go on, and later calls do not wait. NTPARK_BUSY if
 * nobody has begun.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_once_complete(struct ntpark_once *once);

/** Gives up, says the thread that has begun: another one may begin, and is told so. NTPARK_BUSY if nobody has begun. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_once_abandon(struct ntpark_once *once);

/** Waits until another thread has done it, which need not have begun. Attempts that were given up do not count. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_once_wait(struct ntpark_once *once);

/** As ntpark_once_wait, for so many nanoseconds at most; else NTPARK_TIMEOUT. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_once_wait_timeout(struct ntpark_once *once, uint64_t nanoseconds);

/** As ntpark_once_wait, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_once_wait_until(struct ntpark_once *once, uint64_t deadline);

/** NTPARK_OK if it has been done, and then all that was done is visible; else NTPARK_BUSY. One load and a branch. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_once_is_done(struct ntpark_once *once);

/* ---- A semaphore ---- */

/**
 * A counting semaphore: permits that threads take and give. First come, first served: nobody overtakes.
 *
 * All zero when new, which is no permits; NTPARK_SEMAPHORE_INIT(permits) has some. Never destroyed; it may be freed
 * once no thread waits for it or will call it. A release does not touch it after another thread could have its
 * permits.
 *
 * End of the process: permits that killed threads had are lost. Waits without a limit end the process then.
 *
 * Threads: any, at any time; in DllMain and before main too.
 */
typedef struct ntpark_semaphore {
    /** Private. */
    uint32_t state;
} ntpark_semaphore;

/** Initialises memory that no thread uses as a semaphore, with so many permits. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_semaphore_init(struct ntpark_semaphore *semaphore, uint32_t permits);

/** Takes permits, 2^31 - 1 at most; waits until they are there and those that came before are served. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_semaphore_acquire(struct ntpark_semaphore *semaphore, uint32_t permits);

/** Takes permits, or returns NTPARK_BUSY if there are not so many or others wait. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_semaphore_try_acquire(struct ntpark_semaphore *semaphore,
                                                       uint32_t permits);

/** As ntpark_semaphore_acquire, for so many nanoseconds at most; else NTPARK_TIMEOUT. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_semaphore_acquire_timeout(struct ntpark_semaphore *semaphore,
                                                           uint32_t permits,
                                                           uint64_t nanoseconds);

/** As ntpark_semaphore_acquire, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_semaphore_acquire_until(struct ntpark_semaphore *semaphore,
                                                         uint32_t permits,
                                                         uint64_t deadline);

/**
 * Gives permits: to those that wait, and the rest to whoever comes. NTPARK_INVALID if there would be
 * more than 2^31 - 1.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_semaphore_release(struct ntpark_semaphore *semaphore, uint32_t permits);

/** Writes to `available` how many permits there are now. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_semaphore_permits(struct ntpark_semaphore *semaphore, uint32_t *available);

/* ---- An event ---- */

/**
 * An event, as CreateEvent makes them, without a handle. An automatic one lets one thread through each time it is
 * set; one that is reset manually lets all through as long as it is set.
 *
 * All zero when new, which is automatic and unset; NTPARK_EVENT_MANUAL_RESET_INIT is the other kind. Never
 * destroyed; it may be freed once no thread waits for it or will call it. A set does not touch it after a thread
 * could get through.
 *
 * End of the process: waits without a limit end the process, if nobody is left to set it.
 *
 * Threads: any, at any time; in DllMain and before main too.
 */
typedef struct ntpark_event {
    /** Private. */
    uint8_t state;
} ntpark_event;

/** Initialises memory that no thread uses as an event. It is not set, and automatic or reset manually. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_event_init(struct ntpark_event *event, bool manual_reset);

/** Sets it. What happened before is visible to whoever it lets through. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_event_set(struct ntpark_event *event);

/** Unsets it; NTPARK_BUSY if it was not set. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_event_reset(struct ntpark_event *event);

/** Gets through; waits until it is set. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_event_wait(struct ntpark_event *event);

/** Gets through, or returns NTPARK_BUSY if it is not set. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_event_try_wait(struct ntpark_event *event);

/** As ntpark_event_wait, for so many nanoseconds at most; else NTPARK_TIMEOUT. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_event_wait_timeout(struct ntpark_event *event, uint64_t nanoseconds);

/** As ntpark_event_wait, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT. */
NTPARK_NODISCARD NTPARK_API ntpark_status NTPARK_CALL ntpark_event_wait_until(struct ntpark_event *event, uint64_t deadline);

/* ---- A barrier ---- */

/**
 * A barrier: threads that wait for each other. How many they are, each says when it arrives.
 *
 * All zero when new (NTPARK_BARRIER_INIT), and never destroyed. Further rounds need no preparation. It may be freed
 * once each thread that has arrived has returned, except the last to arrive.
 *
 * End of the process: nobody arrives any more, and waits without a limit end the process.
 *
 * Threads: any, at any time; in DllMain and before main too.
 */
typedef struct ntpark_barrier {
    /** Private. */
    uint32_t state;
} ntpark_barrier;

/** Initialises memory that no thread uses as a barrier. Nobody has arrived. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_barrier_init(struct ntpark_barrier *barrier);

/**
 * Arrives, and waits until so many threads have, this one included.
 *
 * Parameters:
 * - threads: how many meet; the same number for all. Not 0.
 * - is_last: receives whether this thread was the last, one of each round; unless it is NULL.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_barrier_wait(struct ntpark_barrier *barrier, uint16_t threads, bool *is_last);

/** As ntpark_barrier_wait, for so many nanoseconds at most; else NTPARK_TIMEOUT, and this thread has not arrived. */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_barrier_wait_timeout(struct ntpark_barrier *barrier,
                                                      uint16_t threads,
                                                      uint64_t nanoseconds,
                                                      bool *is_last);

/**
 * As ntpark_barrier_wait, until a deadline of ntpark_now's clock; else NTPARK_TIMEOUT, and this thread has not
 * arrived.
 */
NTPARK_API
NTPARK_NODISCARD
ntpark_status NTPARK_CALL ntpark_barrier_wait_until(struct ntpark_barrier *barrier,
                                                    uint16_t threads,
                                                    uint64_t deadline,
                                                    bool *is_last);

/* ---- Waiting on values in memory ---- */

/** The mask of a futex's waiter that takes every wake, and of a wake that is for every waiter. */
#define NTPARK_FUTEX_ALL UINT32_MAX

/**
 * Waits while a value in memory is the expected one, until woken. There are no spurious returns.
 *
 * A futex is any 1, 2, 4 or 8 bytes that are aligned to their size. Whoever changes the value writes it by an atomic
 * operation, and then calls ntpark_futex_wake. The threads that wait at an address are woken first come, first served.
 * Threads of two copies of the library do not meet.
 *
 * Parameters:
 * - address: the value. It must be readable as long as the call lasts.
 * - bytes: its size.
 * - expected: what it is; as many bits count as it has.
 *
 * Returns: NTPARK_OK, woken: what happened before that is visible; NTPARK_CHANGED, it has another value.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_futex_wait(const void *address, uintptr_t bytes, uint64_t expected);

/**
 * As ntpark_futex_wait, but waits no longer than so many nanoseconds; NTPARK_FOREVER is no limit.
 *
 * Parameters:
 * - mask: not 0. Only wakes whose mask shares a bit with it are for this thread.
 *
 * Returns: as ntpark_futex_wait; NTPARK_TIMEOUT, not woken in time.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_futex_wait_timeout(const void *address,
                                                    uintptr_t bytes,
                                                    uint64_t expected,
                                                    uint32_t mask,
                                                    uint64_t nanoseconds);

/**
 * As ntpark_futex_wait_timeout, but waits no longer than until a deadline of ntpark_now's clock.
 *
 * Returns: as ntpark_futex_wait; NTPARK_TIMEOUT, not woken in time.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_futex_wait_until(const void *address,
                                                  uintptr_t bytes,
                                                  uint64_t expected,
                                                  uint32_t mask,
                                                  uint64_t deadline);

/**
 * Wakes threads that wait at an address, those that came first. It does not touch the memory, which may be gone.
 *
 * Parameters:
 * - address: any.
 * - count: how many at most.
 * - mask: not 0. Only threads whose mask shares a bit with it are woken.
 * - woken: receives how many were woken, exactly, unless it is NULL.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_futex_wake(const void *address, uintptr_t count, uint32_t mask, uintptr_t *woken);

/**
 * Wakes the first threads that wait at an address, and has the next ones wait at another, behind those that do so
 * already. It touches neither memory.
 *
 * Parameters:
 * - from, to: any addresses.
 * - wake: how many to wake at most.
 * - requeue: how many more to move at most.
 * - woken, requeued: receive how many were, exactly, unless they are NULL.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_futex_requeue(const void *from,
                                               const void *to,
                                               uintptr_t wake,
                                               uintptr_t requeue,
                                               uintptr_t *woken,
                                               uintptr_t *requeued);

/**
 * As ntpark_futex_requeue, if the value at the first address is the expected one; compared and done in one step.
 *
 * Parameters:
 * - from: the value. It must be readable as long as the call lasts.
 * - bytes: its size.
 * - expected: what it is; as many bits count as it has.
 *
 * Returns: NTPARK_OK; NTPARK_CHANGED, it has another value.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_futex_requeue_if(const void *from,
                                                  uintptr_t bytes,
                                                  uint64_t expected,
                                                  const void *to,
                                                  uintptr_t wake,
                                                  uintptr_t requeue,
                                                  uintptr_t *woken,
                                                  uintptr_t *requeued);

/* ---- Wait queues by address ---- */

/** From here on, spaces are this library's own. */
#define NTPARK_KEY_SPACES 65280

/**
 * What threads wait for: an address, which is never touched, in a space of its own. Threads that wait for one address
 * in two spaces do not meet.
 *
 * The queues behind it are those of parking_lot, for who builds locks: a bit in a lock that says "somebody waits" is
 * enough. Callbacks run while a part of the table of queues is locked: they must not call ntpark_lot_...,
 * ntpark_futex_... or a lock of this library's, and should neither block nor call the system. They may be NULL.
 */
typedef struct ntpark_key {
    /** Usually that of an object of the caller's own. */
    uintptr_t address;
    /** A number of the caller's choice, less than NTPARK_KEY_SPACES. */
    uint32_t space;
} ntpark_key;

/** What a park calls. */
typedef struct ntpark_lot_park_callbacks {
    /** Passed to each. */
    void *context;
    /**
     * Returns whether there is something to wait for. Called once, with the queue locked. What another thread writes
     * before it unparks this key is either seen here, or that unpark finds this thread. NULL: there is.
     */
    bool (NTPARK_CALL *validate)(void *context);
    /** Usually unlocks something. Called once the thread is queued, without a lock. It must not park here. */
    void (NTPARK_CALL *before_sleep)(void *context);
    /**
     * Called with the queue locked if the deadline has passed: the key that the thread has waited for last, and
     * whether it was the last one in that key's queue.
     */
    void (NTPARK_CALL *timed_out)(void *context, struct ntpark_key key, bool was_last);
} ntpark_lot_park_callbacks;

/** What an unpark has done, or is about to do. */
typedef struct ntpark_unpark_result {
    /** How many threads are unparked. */
    uintptr_t unparked;
    /** How many threads are moved to the other key. */
    uintptr_t requeued;
    /** Whether other threads stay in the queue. */
    bool has_more;
    /** Set for one unpark in some 0.5 ms, if it unparks a thread: time for a lock to hand itself over. */
    bool be_fair;
} ntpark_unpark_result;

/**
 * Which token the unparked threads receive. Called with the queue locked, before anything is changed, whether there
 * are threads or not. NULL: 0.
 */
typedef uintptr_t (NTPARK_CALL *ntpark_unpark_callback)(void *context, const struct ntpark_unpark_result *result);

/** What is to be done with a thread. The numbers never change. */
typedef int32_t ntpark_filter_op;

enum ntpark_filter_op_names {
    /** Unpark it, and go on. */
    NTPARK_FILTER_UNPARK = 0,
    /** Leave it, and go on. */
    NTPARK_FILTER_SKIP = 1,
    /** Leave it, and all that come after it. */
    NTPARK_FILTER_STOP = 2,
};

/**
 * Blocks in the queue of a key until unparked. There are no spurious returns.
 *
 * Parameters:
 * - callbacks: may be NULL.
 * - token: what those that filter are told of this thread.
 * - deadline: a time of ntpark_now's clock. A past one does not block; NTPARK_FOREVER never passes.
 * - received: receives the token of the unpark, unless it is NULL.
 *
 * Returns: NTPARK_OK, unparked; NTPARK_TIMEOUT, not in time; NTPARK_CHANGED, validate returned false.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_lot_park(struct ntpark_key key,
                                          const struct ntpark_lot_park_callbacks *callbacks,
                                          uintptr_t token,
                                          uint64_t deadline,
                                          uintptr_t *received);

/**
 * As ntpark_lot_park, but as the first in the queue: for a thread that has been unparked, and has come too late.
 *
 * Returns: as ntpark_lot_park.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_lot_park_in_front(struct ntpark_key key,
                                                   const struct ntpark_lot_park_callbacks *callbacks,
                                                   uintptr_t token,
                                                   uint64_t deadline,
                                                   uintptr_t *received);

/**
 * Unparks the first thread in the queue of a key, if there is one.
 *
 * Parameters:
 * - callback, context: see ntpark_unpark_callback.
 * - result: receives what was done, unless it is NULL.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_lot_unpark_one(struct ntpark_key key,
                                                ntpark_unpark_callback callback,
                                                void *context,
                                                struct ntpark_unpark_result *result);

/**
 * Unparks all threads in the queue of a key.
 *
 * Parameters:
 * - token: what they receive.
 * - unparked: receives how many they are, exactly, unless it is NULL.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_lot_unpark_all(struct ntpark_key key, uintptr_t token, uintptr_t *unparked);

/**
 * Unparks those threads in the queue of a key that a filter chooses.
 *
 * Parameters:
 * - filter: called for each in order, with the token that it parked with, while the queue is locked. Not NULL. What is
 *   not one of NTPARK_FILTER_... counts as NTPARK_FILTER_STOP.
 * - callback, context: see ntpark_unpark_callback; the filter has the same context.
 * - result: receives what was done, unless it is NULL.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_lot_unpark_filter(struct ntpark_key key,
                                                   ntpark_filter_op (NTPARK_CALL *filter)(void *context, uintptr_t token),
                                                   ntpark_unpark_callback callback,
                                                   void *context,
                                                   struct ntpark_unpark_result *result);

/**
 * Unparks the first threads in the queue of a key, and has the next ones wait for another, behind those that do so
 * already.
 *
 * Parameters:
 * - validate: says with both queues locked how many threads are to be unparked and how many more to be moved, or
 *   returns false to do nothing. Not NULL.
 * - callback, context: see ntpark_unpark_callback; validate has the same context.
 * - result: receives what was done, unless it is NULL.
 *
 * Returns: NTPARK_OK; NTPARK_CHANGED, validate returned false.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_lot_requeue(struct ntpark_key from,
                                             struct ntpark_key to,
                                             bool (NTPARK_CALL *validate)(void *context, uintptr_t *unpark, uintptr_t *requeue),
                                             ntpark_unpark_callback callback,
                                             void *context,
                                             struct ntpark_unpark_result *result);

/* ---- Spinning and yielding ---- */

/**
 * A spin loop with exponential backoff, for authors of locks: spin while ntpark_spin_wait_spin returns NTPARK_OK,
 * then park.
 *
 * Belongs to one thread. All zero when new (NTPARK_SPIN_WAIT_INIT).
 */
typedef struct ntpark_spin_wait {
    /** The number of rounds so far. Any value is valid. */
    uint32_t round;
} ntpark_spin_wait;

/**
 * Yields to another thread that is ready to run, on any processor: Sleep(0) on Windows, the host's function on a
 * host. Chooses no backend. On Windows XP only threads of the same priority get to run.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_yield(void);

/** Resets it to its initial value. */
NTPARK_API ntpark_status NTPARK_CALL ntpark_spin_wait_reset(struct ntpark_spin_wait *spin);

/**
 * Waits for a moment: in the first three rounds with pause instructions, then by yielding. After ten rounds it does
 * not, and returns NTPARK_TIMEOUT: park instead.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_spin_wait_spin(struct ntpark_spin_wait *spin);

/**
 * Waits for a moment with at most 1,024 pause instructions and never yields. For loops that end after a few
 * instructions on another processor.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_spin_wait_spin_no_yield(struct ntpark_spin_wait *spin);

/* ---- The version of the header and of the library ---- */

/** The major version of this header. */
#define NTPARK_VERSION_MAJOR 0

/** The minor version of this header. */
#define NTPARK_VERSION_MINOR 1

/** The patch version of this header. */
#define NTPARK_VERSION_PATCH 0

/** The version of this header as one number; later versions are greater. */
#define NTPARK_VERSION (((NTPARK_VERSION_MAJOR << 16) | (NTPARK_VERSION_MINOR << 8)) | NTPARK_VERSION_PATCH)

/** Returns the version of the library, as NTPARK_VERSION is that of the header, which may differ. */
NTPARK_API uint32_t NTPARK_CALL ntpark_version(void);

#ifdef _WIN32
/* ---- WaitOnAddress for Windows XP and later ---- */

#if defined(__GNUC__) && defined(__i386__)
#define NTPARK_WINAPI __attribute__((__stdcall__))
#elif defined(_M_IX86)
#define NTPARK_WINAPI __stdcall
#else
#define NTPARK_WINAPI
#endif

/**
 * Windows' WaitOnAddress, with its parameters, results and last errors, on every system from Windows XP on.
 *
 * Where the system has all three functions and the process's backend uses them, they are called, and waiters meet those
 * of other code. Elsewhere, waiters and wakes of these functions meet, in this copy of the library.
 *
 * Returns: 1 when woken, or if the value is another one, or for no reason; else 0, and the last error is ERROR_TIMEOUT
 * or, for a bad size or address, ERROR_INVALID_PARAMETER.
 *
 * Threads: any, at any time.
 */
NTPARK_API int NTPARK_WINAPI ntpark_WaitOnAddress(volatile void *Address, void *CompareAddress,
                                                  uintptr_t AddressSize, unsigned long dwMilliseconds);

/** Windows' WakeByAddressSingle: wakes the thread that has waited longest. The memory is not touched. */
NTPARK_API void NTPARK_WINAPI ntpark_WakeByAddressSingle(void *Address);

/** Windows' WakeByAddressAll: wakes all threads that wait. The memory is not touched. */
NTPARK_API void NTPARK_WINAPI ntpark_WakeByAddressAll(void *Address);
#endif

#ifdef __cplusplus
}
#endif

#endif
