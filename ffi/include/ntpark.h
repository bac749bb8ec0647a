/*
 * ntpark: blocks threads on Windows and wakes them, for C99 and later, and for C++11 and later.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Generated from ffi/src by `cargo xtask header`.
 *
 * Arguments are validated: a NULL or misaligned pointer, a number without a meaning and a call in the wrong order are
 * refused with a status and change nothing. All functions may be called before main, in DllMain and by any thread. None
 * allocates memory, loads a DLL or changes the last error. The first use of a backend takes the loader's lock: see
 * ntpark_backend_in_use.
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
#define NTPARK_HOST_INIT(context, wait, wake, now, yield_thread, current_thread, granule, spin) \
    {sizeof(ntpark_host), context, wait, wake, now, yield_thread, current_thread, granule, spin}

/* Whether a call was refused and has changed nothing. */
#define NTPARK_IS_REFUSED(status) ((status) >= NTPARK_BUSY)

/* The bit of a kind of backends in a set. */
#define NTPARK_KIND_BIT(kind) (1u << (kind))

/**
 * A timeout or deadline that never passes.
 *
 * Timeouts and deadlines are unsigned. A negative span that is cast to uint64_t is a wait of centuries: check its
 * sign first.
 */
#define NTPARK_FOREVER UINT64_MAX

/**
 * The major version of this header.
 */
#define NTPARK_VERSION_MAJOR 0

/**
 * The minor version of this header.
 */
#define NTPARK_VERSION_MINOR 1

/**
 * The patch version of this header.
 */
#define NTPARK_VERSION_PATCH 0

/**
 * The version of this header as one number; later versions are greater.
 */
#define NTPARK_VERSION (((NTPARK_VERSION_MAJOR << 16) | (NTPARK_VERSION_MINOR << 8)) | NTPARK_VERSION_PATCH)

/**
 * The result of a call. The numbers never change, and those of retired statuses are not reused.
 *
 * NTPARK_BUSY and greater ones mean that the call was refused and has changed nothing: see NTPARK_IS_REFUSED.
 */
typedef int32_t ntpark_status;

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
    /**
     * Private.
     */
    uintptr_t state;
} ntpark_parker;

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
    /**
     * Private.
     */
    uintptr_t state;
    /**
     * Private.
     */
    const void *backend;
} ntpark_thread_parker;

/**
 * A backend for single two-phase parkers, initialised by ntpark_backend_from_host. All zero is no backend.
 */
typedef struct ntpark_backend {
    /**
     * Private.
     */
    uint64_t opaque[20];
} ntpark_backend;

/**
 * The second half of an unpark, for after the queue's lock is released: wakes the thread, if it blocks. Pass it to
 * ntpark_unpark_handle_unpark once, or that thread may never wake.
 *
 * All zero means that there is nothing to do.
 */
typedef struct ntpark_unpark_handle {
    /**
     * The address of a parker, which may be freed already, or NULL for none.
     */
    const void *parker;
    /**
     * Private.
     */
    const void *backend;
} ntpark_unpark_handle;

/**
 * The kind of a backend. The numbers never change.
 */
typedef int32_t ntpark_kind;

/**
 * The embedder's functions: what a kernel has to provide for threads to park on it. NTPARK_HOST_INIT fills it in.
 *
 * Any thread that uses parkers may call them, at the same time as other threads. They do not throw. Functions that
 * take a host copy it. Fields of later versions come at the end.
 */
typedef struct ntpark_host {
    /**
     * sizeof(ntpark_host). A smaller size is refused; a greater one is that of a later version.
     */
    uintptr_t size;
    /**
     * Passed to each function; may be NULL.
     */
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
    /**
     * Yields to another thread that is ready to run. Threads of a lower priority need not run.
     */
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

/**
 * A spin loop with exponential backoff, for authors of locks: spin while ntpark_spin_wait_spin returns NTPARK_OK,
 * then park.
 *
 * Belongs to one thread. All zero when new (NTPARK_SPIN_WAIT_INIT).
 */
typedef struct ntpark_spin_wait {
    /**
     * The number of rounds so far. Any value is valid.
     */
    uint32_t round;
} ntpark_spin_wait;

/**
 * Success. For a park: the thread was unparked.
 */
#define NTPARK_OK 0

/**
 * The timeout or deadline has passed.
 */
#define NTPARK_TIMEOUT 1

/**
 * Refused: another thread is parked on this parker, or the calls came in the wrong order. No token was taken.
 */
#define NTPARK_BUSY 2

/**
 * Refused: a pointer is NULL or misaligned, or a value is not valid.
 */
#define NTPARK_INVALID 3

/**
 * Refused: a backend is already in use.
 */
#define NTPARK_IN_USE 4

/**
 * Refused: this system lacks that backend, or no host was installed.
 */
#define NTPARK_UNAVAILABLE 5

/**
 * WaitOnAddress, since Windows 8.
 */
#define NTPARK_KIND_WAIT_ADDRESS 1

/**
 * Keyed events with a handle of the library's own, since Windows XP.
 */
#define NTPARK_KIND_KEYED_EVENT 2

/**
 * Keyed events with the null handle, which names an event that the system keeps for all processes. Since Windows
 * Vista.
 */
#define NTPARK_KIND_KEYED_EVENT_NULL 3

/**
 * The embedder's functions.
 */
#define NTPARK_KIND_HOST 4

/**
 * Periodic polling: always available, slow.
 */
#define NTPARK_KIND_POLLING 5

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Returns the name of a status.
 *
 * Parameters: any number.
 *
 * Returns: its name, such as "NTPARK_OK", or "unknown". Never NULL; do not free it.
 *
 * Threads: any, at any time.
 */
NTPARK_API const char *NTPARK_CALL ntpark_status_name(ntpark_status status);

/**
 * Returns the time on the clock of the process's backend. Chooses the backend if this is its first use.
 *
 * Returns: units of 100 ns since some fixed point, rounded up to the clock's next step. It never goes backwards, and
 * setting the wall clock does not change it. On Windows 7 and later, and on a host, it stands still while the machine
 * is asleep; on Windows XP and Vista it does not, and neither do timed waits.
 *
 * Threads: any, at any time.
 */
NTPARK_API
uint64_t NTPARK_CALL ntpark_now(void);

/**
 * Returns the deadline of a wait that starts now and lasts this long.
 *
 * Parameters:
 * - nanoseconds: any number; NTPARK_FOREVER means no end.
 *
 * Returns: a deadline, rounded up to a unit of 100 ns. 0, which has always passed, for 0; NTPARK_FOREVER for
 * NTPARK_FOREVER.
 *
 * Threads: any, at any time.
 */
NTPARK_API uint64_t NTPARK_CALL ntpark_deadline(uint64_t nanoseconds);

/**
 * Initialises a parker. It has no token.
 *
 * Parameters:
 * - parker: memory that no thread uses as a parker.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: one, before others use the parker.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_init(struct ntpark_parker *parker);

/**
 * Takes the token; if there is none, blocks until there is. There are no spurious returns.
 *
 * Parameters:
 * - parker: a parker.
 *
 * Returns: NTPARK_OK, the token was taken; NTPARK_BUSY, another thread is parked here, and no token was taken;
 * NTPARK_INVALID.
 *
 * Threads: any, at any time; one thread at a time can be parked.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_parker_park(struct ntpark_parker *parker);

/**
 * Takes the token; if there is none, blocks until there is, or until a timeout. NTPARK_TIMEOUT is never early.
 *
 * Parameters:
 * - parker: a parker.
 * - nanoseconds: the timeout. 0 does not wait; NTPARK_FOREVER never passes.
 *
 * Returns: NTPARK_OK, the token was taken; NTPARK_TIMEOUT, there was none in time; NTPARK_BUSY, another thread is
 * parked here, and no token was taken; NTPARK_INVALID.
 *
 * Threads: any, at any time; one thread at a time can be parked.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_parker_park_timeout(struct ntpark_parker *parker,
                                                     uint64_t nanoseconds);

/**
 * Takes the token; if there is none, blocks until there is, or until a deadline. NTPARK_TIMEOUT is never early.
 *
 * Parameters:
 * - parker: a parker.
 * - deadline: a time of ntpark_now's clock, from ntpark_deadline. A past one does not wait; NTPARK_FOREVER never
 *   passes.
 *
 * Returns: NTPARK_OK, the token was taken; NTPARK_TIMEOUT, there was none in time; NTPARK_BUSY, another thread is
 * parked here, and no token was taken; NTPARK_INVALID.
 *
 * Threads: any, at any time; one thread at a time can be parked.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_parker_park_until(struct ntpark_parker *parker,
                                                   uint64_t deadline);

/**
 * Leaves a token and wakes the parked thread, if there is one.
 *
 * Does not access the parker any more once the woken thread can see the token.
 *
 * Parameters:
 * - parker: a parker.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: any, at any time.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_unpark(struct ntpark_parker *parker);

/**
 * Does the same as ntpark_parker_unpark and tells whether it woke a thread.
 *
 * Parameters:
 * - parker: a parker.
 * - woke: receives true if a thread was parked and this call woke it, else false.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: any, at any time.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_unpark_woke(struct ntpark_parker *parker, bool *woke);

/**
 * Initialises a parker for the process's backend.
 *
 * Parameters:
 * - parker: memory that no thread uses as a parker.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: one, before others use the parker.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_thread_parker_init(struct ntpark_thread_parker *parker);

/**
 * Initialises a parker for a backend of its own. Its deadlines are times of that backend's clock: see
 * ntpark_backend_now.
 *
 * Parameters:
 * - parker: memory that no thread uses as a parker.
 * - backend: from ntpark_backend_from_host. It must live, at the same address, as long as parkers of it, or their
 *   handles, are used.
 *
 * Returns: NTPARK_OK; NTPARK_INVALID, also for a backend that is not initialised.
 *
 * Threads: one, before others use the parker.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_thread_parker_init_with(struct ntpark_thread_parker *parker,
                                                         const struct ntpark_backend *backend);

/**
 * Announces a wait. Call it before the thread is put in the queue.
 *
 * Parameters:
 * - parker: a parker.
 *
 * Returns: NTPARK_OK; NTPARK_BUSY, another thread is parked here; NTPARK_INVALID.
 *
 * Threads: the waiting thread.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_thread_parker_prepare_park(struct ntpark_thread_parker *parker);

/**
 * Blocks until unparked. Returns at once if that has happened since ntpark_thread_parker_prepare_park. There are no
 * spurious returns.
 *
 * Parameters:
 * - parker: a parker.
 *
 * Returns: NTPARK_OK, unparked; NTPARK_BUSY, another thread is parked here, or ntpark_thread_parker_prepare_park was
 * not called before; NTPARK_INVALID.
 *
 * Threads: the waiting thread.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_thread_parker_park(struct ntpark_thread_parker *parker);

/**
 * Blocks until unparked, or until a deadline. Returns at once if unparked since ntpark_thread_parker_prepare_park.
 *
 * Parameters:
 * - parker: a parker.
 * - deadline: a time of its backend's clock, in units of 100 ns: see ntpark_deadline. A past one does not wait;
 *   NTPARK_FOREVER never passes.
 *
 * Returns: NTPARK_OK, unparked; NTPARK_TIMEOUT, never early: ntpark_thread_parker_timed_out decides now;
 * NTPARK_BUSY, another thread is parked here, or ntpark_thread_parker_prepare_park was not called before;
 * NTPARK_INVALID.
 *
 * Threads: the waiting thread.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_thread_parker_park_until(struct ntpark_thread_parker *parker,
                                                          uint64_t deadline);

/**
 * Tells whether a park that timed out has not been unparked since. Call it with the queue's lock held.
 *
 * Parameters:
 * - parker: a parker.
 *
 * Returns: NTPARK_TIMEOUT, not unparked, so the thread is still in the queue; NTPARK_OK, unparked, or no park has
 * timed out; NTPARK_INVALID.
 *
 * Threads: the waiting thread.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_thread_parker_timed_out(struct ntpark_thread_parker *parker);

/**
 * The first half of an unpark, for under the queue's lock: one atomic operation. From then on the waiting thread may
 * return and free the parker; the handle stays valid.
 *
 * Parameters:
 * - parker: a parker.
 *
 * Returns: a handle for ntpark_unpark_handle_unpark, after unlocking. For a bad pointer, one for which that returns
 * NTPARK_INVALID.
 *
 * Threads: one that holds the queue's lock; once for each ntpark_thread_parker_prepare_park.
 */
NTPARK_API
struct ntpark_unpark_handle NTPARK_CALL ntpark_thread_parker_unpark_lock(struct ntpark_thread_parker *parker);

/**
 * The second half of an unpark: wakes the thread, if it blocks.
 *
 * Parameters:
 * - handle: from ntpark_thread_parker_unpark_lock, not used before. All zero does nothing.
 *
 * Returns: NTPARK_OK; NTPARK_INVALID, the handle of a bad parker.
 *
 * Threads: any, at any time.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_unpark_handle_unpark(struct ntpark_unpark_handle handle);

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
 *
 * Threads: any, at any time.
 */
NTPARK_API
ntpark_kind NTPARK_CALL ntpark_backend_in_use(void);

/**
 * Returns the kinds of backends that this process could use, detected at each call. Chooses none.
 *
 * Returns: a set of bits, NTPARK_KIND_BIT(kind) for each kind. The host is in it once it is in use.
 *
 * Threads: any, at any time.
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
 *
 * Threads: any, at any time.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_backend_force(ntpark_kind kind);

/**
 * Makes the embedder's functions the process's backend, before its first use (see ntpark_backend_in_use).
 *
 * Parameters:
 * - host: is copied. No function may be NULL. The functions, and what the context points to, must stay as long as the
 *   process parks.
 *
 * Returns: NTPARK_OK; NTPARK_IN_USE, a backend is already in use, or another host is being installed; NTPARK_INVALID.
 *
 * Threads: any, at any time.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_backend_install(const struct ntpark_host *host);

/**
 * Initialises a backend of the embedder's functions for single two-phase parkers: see
 * ntpark_thread_parker_init_with.
 *
 * Parameters:
 * - backend: memory that no parker uses as a backend.
 * - host: is copied. No function may be NULL. The functions, and what the context points to, must stay as long as
 *   parkers of this backend are used.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: one, before others use the backend.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_backend_from_host(struct ntpark_backend *backend,
                                                   const struct ntpark_host *host);

/**
 * Gets the time on a backend's clock, to make deadlines for its parkers from.
 *
 * Parameters:
 * - backend: from ntpark_backend_from_host.
 * - now: receives the time in units of 100 ns, rounded up to the clock's next step.
 *
 * Returns: NTPARK_OK; NTPARK_INVALID, also for a backend that is not initialised.
 *
 * Threads: any, at any time.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_backend_now(const struct ntpark_backend *backend, uint64_t *now);

/**
 * Returns the name of a kind of backends.
 *
 * Parameters: any number.
 *
 * Returns: its name, in lower case with hyphens, such as "keyed-event", or "unknown". Never NULL; do not free it.
 *
 * Threads: any, at any time.
 */
NTPARK_API
const char *NTPARK_CALL ntpark_kind_name(ntpark_kind kind);

/**
 * Yields to another thread that is ready to run, on any processor: Sleep(0) on Windows, the host's function on a
 * host. Chooses no backend. On Windows XP only threads of the same priority get to run.
 *
 * Returns: NTPARK_OK.
 *
 * Threads: any, at any time.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_yield(void);

/**
 * Resets it to its initial value.
 *
 * Parameters:
 * - spin: belongs to the calling thread.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: the one that it belongs to.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_spin_wait_reset(struct ntpark_spin_wait *spin);

/**
 * Waits for a moment: in the first three rounds with pause instructions, then by yielding.
 *
 * Parameters:
 * - spin: belongs to the calling thread.
 *
 * Returns: NTPARK_OK; NTPARK_TIMEOUT, without waiting, after ten rounds: park instead; NTPARK_INVALID.
 *
 * Threads: the one that it belongs to.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_spin_wait_spin(struct ntpark_spin_wait *spin);

/**
 * Waits for a moment with at most 1,024 pause instructions and never yields. For loops that end after a few
 * instructions on another processor.
 *
 * Parameters:
 * - spin: belongs to the calling thread.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: the one that it belongs to.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_spin_wait_spin_no_yield(struct ntpark_spin_wait *spin);

/**
 * Returns the version of the library, which may differ from that of the header.
 *
 * Returns: like NTPARK_VERSION, major * 0x10000 + minor * 0x100 + patch.
 *
 * Threads: any, at any time.
 */
NTPARK_API uint32_t NTPARK_CALL ntpark_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NTPARK_H */
