/*
 * ntpark: the parking core for Windows, for C and C++.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Made from ffi/src by `cargo xtask header`.
 *
 * Every function takes every argument: a pointer that is NULL or misaligned, a number that names nothing and a call
 * in the wrong order are answered with a status, and change nothing. All functions may be called before main, in
 * DllMain and by any thread, however it was made. None allocates, loads anything or changes the last error.
 */


#ifndef NTPARK_H
#define NTPARK_H

#include <stdbool.h>
#include <stdint.h>

/* Define NTPARK_SHARED when linking with the DLL: it saves a jump at each call. */
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

/* Whether a call was refused, and has changed nothing. */
#define NTPARK_IS_REFUSED(status) ((status) >= NTPARK_BUSY)

/* The bit of a backend in a set of them. */
#define NTPARK_KIND_BIT(kind) (1u << (kind))

/**
 * The timeout, or the deadline, that never comes.
 */
#define NTPARK_FOREVER UINT64_MAX

/**
 * First part of the version of this header.
 */
#define NTPARK_VERSION_MAJOR 0

/**
 * Second part of the version of this header.
 */
#define NTPARK_VERSION_MINOR 1

/**
 * Third part of the version of this header.
 */
#define NTPARK_VERSION_PATCH 0

/**
 * The version of this header as one number, which grows with it.
 */
#define NTPARK_VERSION (((NTPARK_VERSION_MAJOR << 16) | (NTPARK_VERSION_MINOR << 8)) | NTPARK_VERSION_PATCH)

/**
 * What became of a call. The numbers are fixed for ever; those of retired statuses will not be used again.
 *
 * From NTPARK_BUSY on, the call was refused and has changed nothing: see NTPARK_IS_REFUSED.
 */
typedef int32_t ntpark_status;

/**
 * Blocks a thread until another leaves it a token.
 *
 * A parker holds one token at the most, and starts without. An unpark leaves one, if none is there. A park
 * takes it, or waits until there is one to take. So an unpark before the park is not lost, and two unparks
 * with no park in between leave one token. What happened before an unpark is visible after the park that its
 * token ends.
 *
 * All zero when new: a static or calloc'ed one needs nothing, others NTPARK_PARKER_INIT or
 * ntpark_parker_init. The struct may be moved while nobody uses it. It may live on the stack of the thread
 * that parks, and go when the park has returned NTPARK_OK.
 */
typedef struct ntpark_parker {
    /**
     * The library's own.
     */
    uintptr_t state;
} ntpark_parker;

/**
 * Blocks one thread in a queue of somebody's own, in two phases: for those who build locks. The queue has a
 * lock of its own.
 *
 * The thread that waits does, in this order:
 *
 * 1. ntpark_thread_parker_prepare_park, then puts itself in the queue, under the lock;
 * 2. anything, also what makes another thread, or itself, unpark it;
 * 3. ntpark_thread_parker_park or ntpark_thread_parker_park_until, without the lock;
 * 4. after NTPARK_TIMEOUT: locks the queue and asks ntpark_thread_parker_timed_out. NTPARK_TIMEOUT: it is
 *    still in the queue and takes itself out. NTPARK_OK: it has been unparked meanwhile after all.
 *
 * The thread that wakes it takes it out of the queue and calls ntpark_thread_parker_unpark_lock, under the
 * lock; unlocks; and calls ntpark_unpark_handle_unpark, which may be slow.
 *
 * What happened before ntpark_thread_parker_unpark_lock is visible after the park; the queue's lock is not
 * relied on for it.
 *
 * All zero when new (NTPARK_THREAD_PARKER_INIT): it parks on the process's backend then.
 */
typedef struct ntpark_thread_parker {
    /**
     * The library's own.
     */
    uintptr_t state;
    /**
     * The library's own.
     */
    const void *backend;
} ntpark_thread_parker;

/**
 * A backend that single two-phase parkers can have for their own. Made by ntpark_backend_from_host; all zero
 * it is none.
 */
typedef struct ntpark_backend {
    /**
     * The library's own.
     */
    uint64_t opaque[16];
} ntpark_backend;

/**
 * What is left to do of an unpark, once the queue's lock is released: wake the thread, if it blocks. To be
 * given to ntpark_unpark_handle_unpark, once; else that thread may never wake.
 *
 * All zero when there is nothing to do.
 */
typedef struct ntpark_unpark_handle {
    /**
     * Whom to wake: the address of a parker that may be gone; NULL is nobody.
     */
    const void *parker;
    /**
     * The library's own.
     */
    const void *backend;
} ntpark_unpark_handle;

/**
 * Which backend it is. The numbers are fixed for ever.
 */
typedef int32_t ntpark_kind;

/**
 * Functions of the embedder: what a kernel has to provide to be parked on. It is copied wherever it is
 * taken.
 *
 * They may be called by any thread that uses parkers, at the same time as each other, and do not throw.
 */
typedef struct ntpark_host {
    /**
     * Handed to each function; may be NULL.
     */
    void *context;
    /**
     * Blocks the calling thread while the word is what is expected, for at most so many units of 100 ns;
     * NTPARK_FOREVER is for ever. It may return at any time, for any reason.
     *
     * The comparison and going to sleep must be one step in the eyes of wake: a wake that comes after the
     * comparison must find the thread asleep or keep it from falling asleep. Others write the word,
     * atomically; of it only the low 32 bits are ever used, so comparing those is enough.
     */
    void (NTPARK_CALL *wait)(void *context, const uintptr_t *word, uintptr_t expected, uint64_t timeout);
    /**
     * Wakes the thread that waits at the word, if one does. Must not read the word: it may be gone.
     */
    void (NTPARK_CALL *wake)(void *context, const uintptr_t *word);
    /**
     * The time in units of 100 ns, rounded down. Never goes backwards, and stands still while timed waits
     * do.
     */
    uint64_t (NTPARK_CALL *now)(void *context);
    /**
     * Gives way to another thread that is ready to run.
     */
    void (NTPARK_CALL *yield_thread)(void *context);
    /**
     * How often a thread may look at its word before it blocks: 0 where there is one processor.
     */
    uint32_t spin;
} ntpark_host;

/**
 * A wait that begins with a few instructions and doubles, for those who build locks: spin while it says
 * NTPARK_OK, then park.
 *
 * A variable of one thread. All zero when new (NTPARK_SPIN_WAIT_INIT).
 */
typedef struct ntpark_spin_wait {
    /**
     * How far it is. Any value is good.
     */
    uint32_t round;
} ntpark_spin_wait;

/**
 * Done. For a park: unparked.
 */
#define NTPARK_OK 0

/**
 * The time ran out, and nothing came.
 */
#define NTPARK_TIMEOUT 1

/**
 * Refused: another thread is parked there, or the calls came in the wrong order.
 */
#define NTPARK_BUSY 2

/**
 * Refused: a pointer is NULL or misaligned, or a value has no meaning.
 */
#define NTPARK_INVALID 3

/**
 * Refused: the process parks on a backend already, and keeps it.
 */
#define NTPARK_IN_USE 4

/**
 * Refused: this system does not have that backend, or no host was installed.
 */
#define NTPARK_UNAVAILABLE 5

/**
 * WaitOnAddress, since Windows 8.
 */
#define NTPARK_KIND_WAIT_ADDRESS 1

/**
 * Keyed events with a handle of our own, since Windows XP.
 */
#define NTPARK_KIND_KEYED_EVENT 2

/**
 * Keyed events with the null handle, which names an event that the system keeps for everyone. Since Windows
 * Vista.
 */
#define NTPARK_KIND_KEYED_EVENT_NULL 3

/**
 * Functions of the embedder.
 */
#define NTPARK_KIND_HOST 4

/**
 * Looking at the word now and then: everywhere, slowly.
 */
#define NTPARK_KIND_POLLING 5

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The name of a status.
 *
 * Parameters: any number.
 *
 * Returns: the name as it stands here, such as "NTPARK_OK"; "unknown" for a number that is none of them.
 * Never NULL, never to be freed.
 *
 * Threads: any, at any time.
 */
NTPARK_API const char *NTPARK_CALL ntpark_status_name(ntpark_status status);

/**
 * The time on the clock of the process's parkers. Chooses the process's backend, if this is its first use.
 *
 * Returns: units of 100 ns since some fixed point, not counting the time that the machine was asleep. It
 * never goes backwards, and setting the wall clock does not change it.
 *
 * Threads: any, at any time.
 */
NTPARK_API uint64_t NTPARK_CALL ntpark_now(void);

/**
 * The deadline of a wait that may last so long from now.
 *
 * Parameters:
 * - nanoseconds: any number; NTPARK_FOREVER is for ever.
 *
 * Returns: a deadline for the functions that take one; 0, which is always past, for a timeout of 0;
 * NTPARK_FOREVER for that. Rounded up to a unit of 100 ns.
 *
 * Threads: any, at any time.
 */
NTPARK_API uint64_t NTPARK_CALL ntpark_deadline(uint64_t nanoseconds);

/**
 * Makes a parker of any memory: without a token.
 *
 * Parameters:
 * - parker: memory for one, that nobody uses as a parker.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: one, before others use the parker.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_init(struct ntpark_parker *parker);

/**
 * Takes the token; if there is none, blocks until there is. Never returns for no reason.
 *
 * Parameters:
 * - parker: a parker.
 *
 * Returns: NTPARK_OK, the token is taken; NTPARK_BUSY, another thread is parked there; NTPARK_INVALID.
 *
 * Threads: any, at any time; one at a time can be parked there.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_park(struct ntpark_parker *parker);

/**
 * Takes the token; if there is none, blocks until there is, but no longer than so many nanoseconds. Not
 * shorter either: it never returns NTPARK_TIMEOUT early. The time that the machine is asleep does not count.
 *
 * Parameters:
 * - parker: a parker.
 * - nanoseconds: 0 only looks; NTPARK_FOREVER is for ever.
 *
 * Returns: NTPARK_OK, the token is taken; NTPARK_TIMEOUT, there was none; NTPARK_BUSY, another thread is
 * parked there; NTPARK_INVALID.
 *
 * Threads: any, at any time; one at a time can be parked there.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_park_timeout(struct ntpark_parker *parker, uint64_t nanoseconds);

/**
 * Takes the token; if there is none, blocks until there is, or until a deadline.
 *
 * Parameters:
 * - parker: a parker.
 * - deadline: a time of ntpark_now's clock, in units of 100 ns: see ntpark_deadline. A past one only looks;
 *   NTPARK_FOREVER never comes.
 *
 * Returns: NTPARK_OK, the token is taken; NTPARK_TIMEOUT, there was none; NTPARK_BUSY, another thread is
 * parked there; NTPARK_INVALID.
 *
 * Threads: any, at any time; one at a time can be parked there.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_park_until(struct ntpark_parker *parker, uint64_t deadline);

/**
 * Leaves a token, and wakes the thread that is parked, if one is.
 *
 * Does not touch the parker any more once the thread that it wakes can know of it.
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
 * As ntpark_parker_unpark, and says whether it has woken a thread.
 *
 * Parameters:
 * - parker: a parker.
 * - woke: where to write it: true if a thread was parked, and this call has let it go.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: any, at any time.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_parker_unpark_woke(struct ntpark_parker *parker, bool *woke);

/**
 * Makes a parker of any memory. It parks on the process's backend.
 *
 * Parameters:
 * - parker: memory for one, that nobody uses as a parker.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: one, before others use the parker.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_thread_parker_init(struct ntpark_thread_parker *parker);

/**
 * Makes a parker of any memory. It parks on a backend of its own, whose clock its deadlines are of: see
 * ntpark_backend_now.
 *
 * Parameters:
 * - parker: memory for one, that nobody uses as a parker.
 * - backend: from ntpark_backend_from_host; has to stay where it is for as long as parkers of it, or handles
 *   of theirs, are used.
 *
 * Returns: NTPARK_OK; NTPARK_INVALID, also for a backend that was not made.
 *
 * Threads: one, before others use the parker.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_thread_parker_init_with(struct ntpark_thread_parker *parker,
                                                         const struct ntpark_backend *backend);

/**
 * Gets ready to wait: before this thread is put in the queue.
 *
 * Parameters:
 * - parker: a parker.
 *
 * Returns: NTPARK_OK; NTPARK_BUSY, another thread is parked there; NTPARK_INVALID.
 *
 * Threads: the one that waits.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_thread_parker_prepare_park(struct ntpark_thread_parker *parker);

/**
 * Blocks until unparked. Returns at once if that has happened since ntpark_thread_parker_prepare_park.
 *
 * Parameters:
 * - parker: a parker.
 *
 * Returns: NTPARK_OK, unparked; NTPARK_BUSY, another thread is parked there or
 * ntpark_thread_parker_prepare_park has not come first; NTPARK_INVALID.
 *
 * Threads: the one that waits.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_thread_parker_park(struct ntpark_thread_parker *parker);

/**
 * Blocks until unparked, or until a deadline. Returns at once if it has been unparked since
 * ntpark_thread_parker_prepare_park.
 *
 * Parameters:
 * - parker: a parker.
 * - deadline: a time of its backend's clock, in units of 100 ns: see ntpark_deadline. A past one does not
 *   block; NTPARK_FOREVER never comes.
 *
 * Returns: NTPARK_OK, unparked; NTPARK_TIMEOUT, never early: now ntpark_thread_parker_timed_out decides;
 * NTPARK_BUSY, another thread is parked there or ntpark_thread_parker_prepare_park has not come first;
 * NTPARK_INVALID.
 *
 * Threads: the one that waits.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_thread_parker_park_until(struct ntpark_thread_parker *parker,
                                                          uint64_t deadline);

/**
 * Whether a park that ran out of time has not been unparked since. To be asked with the queue's lock held.
 *
 * Parameters:
 * - parker: a parker.
 *
 * Returns: NTPARK_TIMEOUT, it has not, and the thread is still in the queue; NTPARK_OK, it has, or there was
 * no such park; NTPARK_INVALID.
 *
 * Threads: the one that waits.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_thread_parker_timed_out(struct ntpark_thread_parker *parker);

/**
 * Marks the thread that waits as unparked, quickly, with the queue's lock held. From here on that thread may
 * return and free the parker; the handle does not mind.
 *
 * Parameters:
 * - parker: a parker.
 *
 * Returns: a handle, to be given to ntpark_unpark_handle_unpark after unlocking. Of a bad pointer, one for
 * which that returns NTPARK_INVALID.
 *
 * Threads: any that holds the queue's lock; once for each ntpark_thread_parker_prepare_park.
 */
NTPARK_API struct ntpark_unpark_handle NTPARK_CALL ntpark_thread_parker_unpark_lock(struct ntpark_thread_parker *parker);

/**
 * Wakes the thread, if it blocks.
 *
 * Parameters:
 * - handle: from ntpark_thread_parker_unpark_lock, not used before. One that is all zero does nothing.
 *
 * Returns: NTPARK_OK; NTPARK_INVALID, it was a bad parker's.
 *
 * Threads: any, at any time.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_unpark_handle_unpark(struct ntpark_unpark_handle handle);

/**
 * The backend that the process parks on. Chooses it, if this is its first use.
 *
 * Returns: one of NTPARK_KIND_...
 *
 * Threads: any, at any time.
 */
NTPARK_API ntpark_kind NTPARK_CALL ntpark_backend_in_use(void);

/**
 * The backends that this process could use, asked anew each time. Chooses none.
 *
 * Returns: a set of bits, for each backend NTPARK_KIND_BIT(kind).
 *
 * Threads: any, at any time.
 */
NTPARK_API uint32_t NTPARK_CALL ntpark_backend_available(void);

/**
 * Makes the process park on this backend: before the first use of any parker, clock or yield.
 *
 * Parameters:
 * - kind: one of NTPARK_KIND_...; the host is forced by ntpark_backend_install.
 *
 * Returns: NTPARK_OK; NTPARK_IN_USE, the choice has been made, even if it is the same; NTPARK_UNAVAILABLE,
 * this system lacks it; NTPARK_INVALID, there is no such kind.
 *
 * Threads: any, at any time.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_backend_force(ntpark_kind kind);

/**
 * Makes the process park on the embedder's functions: before the first use of any parker, clock or yield.
 *
 * Parameters:
 * - host: the functions, none of them NULL. They are copied; they and what the context points to have to
 *   stay for as long as the process parks.
 *
 * Returns: NTPARK_OK; NTPARK_IN_USE, the choice has been made, or a host has been installed before;
 * NTPARK_INVALID.
 *
 * Threads: any, at any time.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_backend_install(const struct ntpark_host *host);

/**
 * Makes a backend of the embedder's functions, for single two-phase parkers: see
 * ntpark_thread_parker_init_with.
 *
 * Parameters:
 * - backend: memory for one, that no parker uses yet.
 * - host: the functions, none of them NULL. They are copied; they and what the context points to have to
 *   stay for as long as parkers of this backend are used.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: one, before others use the backend.
 */
NTPARK_API
ntpark_status NTPARK_CALL ntpark_backend_from_host(struct ntpark_backend *backend,
                                                   const struct ntpark_host *host);

/**
 * The time on a backend's clock, from which the deadlines of its parkers are made.
 *
 * Parameters:
 * - backend: from ntpark_backend_from_host.
 * - now: where to write the time, in units of 100 ns.
 *
 * Returns: NTPARK_OK; NTPARK_INVALID, also for a backend that was not made.
 *
 * Threads: any, at any time.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_backend_now(const struct ntpark_backend *backend, uint64_t *now);

/**
 * The name of a backend.
 *
 * Parameters: any number.
 *
 * Returns: its name, lower case, words joined by hyphens, such as "keyed-event"; "unknown" for a number that
 * is none. Never NULL, never to be freed.
 *
 * Threads: any, at any time.
 */
NTPARK_API const char *NTPARK_CALL ntpark_kind_name(ntpark_kind kind);

/**
 * Gives way to another thread that is ready to run, of any processor: Sleep(0) on Windows, the host's own
 * way elsewhere.
 *
 * Returns: NTPARK_OK.
 *
 * Threads: any, at any time.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_yield(void);

/**
 * Starts anew.
 *
 * Parameters:
 * - spin: a variable of this thread.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: the one whose variable it is.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_spin_wait_reset(struct ntpark_spin_wait *spin);

/**
 * Waits for a moment: the first three times on the spot, then by giving way.
 *
 * Parameters:
 * - spin: a variable of this thread.
 *
 * Returns: NTPARK_OK; NTPARK_TIMEOUT, without a wait, once it has been ten times: park instead;
 * NTPARK_INVALID.
 *
 * Threads: the one whose variable it is.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_spin_wait_spin(struct ntpark_spin_wait *spin);

/**
 * Waits for a moment on the spot, at most 1,024 pauses, without ever giving way. For loops whose end is a
 * matter of instructions on another processor.
 *
 * Parameters:
 * - spin: a variable of this thread.
 *
 * Returns: NTPARK_OK, NTPARK_INVALID.
 *
 * Threads: the one whose variable it is.
 */
NTPARK_API ntpark_status NTPARK_CALL ntpark_spin_wait_spin_no_yield(struct ntpark_spin_wait *spin);

/**
 * The version of the library, which may be another than that of the header.
 *
 * Returns: as NTPARK_VERSION: major * 0x10000 + minor * 0x100 + patch.
 *
 * Threads: any, at any time.
 */
NTPARK_API uint32_t NTPARK_CALL ntpark_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NTPARK_H */
