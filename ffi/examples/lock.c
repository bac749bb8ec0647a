/*
 * A lock with a queue of waiters, on the two-phase parker: first in, first out, with timeouts. C11, for its atomics.
 *
 * An unlock hands the lock over: it removes the first waiter from the queue and leaves the lock locked for it.
 */

#include <ntpark.h>

#include <stdatomic.h>
#include <stdio.h>
#include <windows.h>

/* An entry of the queue, on its thread's stack. */
struct waiter {
    ntpark_thread_parker parker;
    struct waiter *next;
};

struct lock {
    /* Protects the rest. Held for a few instructions, so threads spin for it. */
    atomic_flag guard;
    bool is_locked;
    struct waiter *first, **last;
};

static void guard_lock(struct lock *lock)
{
    ntpark_spin_wait spin = NTPARK_SPIN_WAIT_INIT;

    while (atomic_flag_test_and_set_explicit(&lock->guard, memory_order_acquire)) {
        if (ntpark_spin_wait_spin(&spin) != NTPARK_OK)
            ntpark_yield();
    }
}

static void guard_unlock(struct lock *lock)
{
    atomic_flag_clear_explicit(&lock->guard, memory_order_release);
}

static void lock_init(struct lock *lock)
{
    atomic_flag_clear(&lock->guard);
    lock->is_locked = false;
    lock->first = NULL;
    lock->last = &lock->first;
}

static void remove_waiter(struct lock *lock, struct waiter *waiter)
{
    struct waiter **place = &lock->first;

    while (*place != waiter)
        place = &(*place)->next;
    *place = waiter->next;
    if (waiter->next == NULL)
        lock->last = place;
}

/* Returns false on timeout. */
static bool lock_acquire(struct lock *lock, uint64_t nanoseconds)
{
    struct waiter waiter = {NTPARK_THREAD_PARKER_INIT, NULL};
    bool acquired;

    guard_lock(lock);
    if (!lock->is_locked) {
        lock->is_locked = true;
        guard_unlock(lock);
        return true;
    }
    ntpark_thread_parker_prepare_park(&waiter.parker);
    *lock->last = &waiter;
    lock->last = &waiter.next;
    guard_unlock(lock);

    if (ntpark_thread_parker_park_until(&waiter.parker, ntpark_deadline(nanoseconds)) == NTPARK_OK)
        return true;
    guard_lock(lock);
    /* It may have been handed over just now. */
    acquired = ntpark_thread_parker_timed_out(&waiter.parker) == NTPARK_OK;
    if (!acquired)
        remove_waiter(lock, &waiter);
    guard_unlock(lock);
    return acquired;
}

static void lock_release(struct lock *lock)
{
    ntpark_unpark_handle handle = {NULL, NULL};
    struct waiter *waiter;

    guard_lock(lock);
    waiter = lock->first;
    if (waiter == NULL) {
        lock->is_locked = false;
    } else {
        remove_waiter(lock, waiter);
        /* From here on the waiter may be freed. */
        handle = ntpark_thread_parker_unpark_lock(&waiter->parker);
    }
    guard_unlock(lock);
    ntpark_unpark_handle_unpark(handle);
}

enum { THREADS = 4, TURNS = 2000 };

static struct lock lock;
/* Protected by the lock. */
static unsigned long turns, timeouts;

static DWORD WINAPI work(void *unused)
{
    int turn;

    (void)unused;
    for (turn = 0; turn < TURNS; turn++) {
        unsigned long failures = 0;

        /* Every fourth time with a timeout. */
        while (!lock_acquire(&lock, turn % 4 == 0 ? 1000 : NTPARK_FOREVER))
            failures++;
        turns++;
        timeouts += failures;
        lock_release(&lock);
    }
    return 0;
}

int main(void)
{
    HANDLE threads[THREADS];
    int at;

    lock_init(&lock);
    for (at = 0; at < THREADS; at++) {
        threads[at] = CreateThread(NULL, 0, work, NULL, 0, NULL);
        if (threads[at] == NULL)
            return 1;
    }
    WaitForMultipleObjects(THREADS, threads, TRUE, INFINITE);
    for (at = 0; at < THREADS; at++)
        CloseHandle(threads[at]);
    printf("%lu turns of %d threads, with %lu timeouts\n", turns, THREADS, timeouts);
    return turns == THREADS * TURNS && lock.first == NULL && !lock.is_locked ? 0 : 1;
}
