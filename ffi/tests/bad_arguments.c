/* Each function with each kind of bad argument. The project file refuses a function that has no row here. */

#include "bad_arguments.h"

#include "host.h"
#include "test.h"

/* Good arguments, and bad ones where it takes an object to be bad. */
static struct fixture {
    ntpark_parker parker;
    ntpark_thread_parker thread_parker;
    ntpark_spin_wait spin;
    ntpark_backend backend, no_backend, garbage_backend;
    ntpark_host host, bad_hosts[8];
    ntpark_mutex mutex;
    ntpark_rwlock rwlock;
    ntpark_condvar condvar;
    ntpark_once once;
    ntpark_once_state what;
    ntpark_semaphore semaphore;
    ntpark_event event;
    ntpark_barrier barrier;
    ntpark_lot_park_callbacks callbacks;
    ntpark_unpark_result result;
    uint64_t time;
    uint32_t permits;
    uintptr_t count, other_count;
    bool flag;
    /* A misaligned pointer to the last one stays inside. */
    char room[16];
} fixture, as_made;

static struct host_calls calls;

/* No function gets to write there: it would be seen, or the processor would object. */
#define MISALIGNED(pointer) ((void *)((char *)(pointer) + 1))

static void make_fixture(void)
{
    size_t at;

    memset(&fixture, 0, sizeof fixture);
    /* Anything but what would be written there. */
    fixture.parker.state = 1;
    fixture.thread_parker.state = 1;
    fixture.spin.round = 7;
    fixture.time = 7;
    /* Locked, and set. */
    fixture.mutex.state = 1;
    fixture.event.state = 1;
    memset(&fixture.garbage_backend, 0xA5, sizeof fixture.garbage_backend);

    fixture.host = host_new(&calls);
    for (at = 0; at < COUNT(fixture.bad_hosts) - 1; at++)
        fixture.bad_hosts[at] = fixture.host;
    fixture.bad_hosts[0].wait = NULL;
    fixture.bad_hosts[1].wake = NULL;
    fixture.bad_hosts[2].now = NULL;
    fixture.bad_hosts[3].yield_thread = NULL;
    fixture.bad_hosts[4].current_thread = NULL;
    fixture.bad_hosts[5].granule = 0;
    fixture.bad_hosts[6].size--;
    CHECK_STATUS(ntpark_backend_from_host(&fixture.backend, &fixture.host), NTPARK_OK);
    memcpy(&as_made, &fixture, sizeof fixture);
}

/* A call has been refused, and has changed nothing. */
#define CHECK_REFUSED(call)                                          \
    do {                                                             \
        make_fixture();                                              \
        CHECK_STATUS((call), NTPARK_INVALID);                        \
        CHECK(memcmp(&as_made, &fixture, sizeof fixture) == 0);      \
    } while (0)

/* The same with `bad` in place of an object: NULL, or misaligned. */
#define CHECK_POINTER(object, call)                                  \
    do {                                                             \
        void *const bad_pointers[] = {NULL, MISALIGNED(object)};     \
        size_t which;                                                \
        for (which = 0; which < COUNT(bad_pointers); which++) {      \
            void *bad = bad_pointers[which];                         \
            CHECK_REFUSED(call);                                     \
        }                                                            \
    } while (0)

/* Callbacks of calls that are refused. */

static void NTPARK_CALL never_called(void *context)
{
    (void)context;
    CHECK(false);
}

static ntpark_filter_op NTPARK_CALL no_filter(void *context, uintptr_t token)
{
    (void)token;
    never_called(context);
    return NTPARK_FILTER_STOP;
}

static bool NTPARK_CALL no_validate(void *context, uintptr_t *unpark, uintptr_t *requeue)
{
    (void)unpark;
    (void)requeue;
    never_called(context);
    return false;
}

static void pointers(void)
{
    CHECK_POINTER(&fixture.parker, ntpark_parker_init(bad));
    CHECK_POINTER(&fixture.parker, ntpark_parker_park(bad));
    CHECK_POINTER(&fixture.parker, ntpark_parker_park_timeout(bad, 0));
    CHECK_POINTER(&fixture.parker, ntpark_parker_park_timeout(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.parker, ntpark_parker_park_until(bad, 0));
    CHECK_POINTER(&fixture.parker, ntpark_parker_unpark(bad));
    CHECK_POINTER(&fixture.parker, ntpark_parker_unpark_woke(bad, &fixture.flag));
    /* A byte is never misaligned. */
    CHECK_REFUSED(ntpark_parker_unpark_woke(&fixture.parker, NULL));

    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_init(bad));
    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_init_with(bad, &fixture.backend));
    CHECK_POINTER(&fixture.backend, ntpark_thread_parker_init_with(&fixture.thread_parker, bad));
    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_prepare_park(bad));
    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_park(bad));
    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_park_until(bad, 0));
    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_park_timeout(bad, 0));
    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_timed_out(bad));
    CHECK_POINTER(&fixture.thread_parker, ntpark_unpark_handle_unpark(ntpark_thread_parker_unpark_lock(bad)));

    CHECK_POINTER(&fixture.host, ntpark_backend_install(bad));
    CHECK_POINTER(&fixture.host, ntpark_backend_from_host(&fixture.backend, bad));
    CHECK_POINTER(&fixture.backend, ntpark_backend_from_host(bad, &fixture.host));
    CHECK_POINTER(&fixture.backend, ntpark_backend_now(bad, &fixture.time));
    CHECK_POINTER(&fixture.time, ntpark_backend_now(&fixture.backend, bad));

    CHECK_POINTER(&fixture.spin, ntpark_spin_wait_reset(bad));
    CHECK_POINTER(&fixture.spin, ntpark_spin_wait_spin(bad));
    CHECK_POINTER(&fixture.spin, ntpark_spin_wait_spin_no_yield(bad));
}

static void locks(void)
{
    CHECK_POINTER(&fixture.mutex, ntpark_mutex_init(bad));
    CHECK_POINTER(&fixture.mutex, ntpark_mutex_lock(bad));
    CHECK_POINTER(&fixture.mutex, ntpark_mutex_try_lock(bad));
    CHECK_POINTER(&fixture.mutex, ntpark_mutex_lock_timeout(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.mutex, ntpark_mutex_lock_until(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.mutex, ntpark_mutex_unlock(bad));
    CHECK_POINTER(&fixture.mutex, ntpark_mutex_unlock_fair(bad));
    CHECK_POINTER(&fixture.mutex, ntpark_mutex_bump(bad));

    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_init(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_shared(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_try_lock_shared(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_shared_timeout(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_shared_until(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_shared_recursive(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_try_lock_shared_recursive(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_shared_recursive_timeout(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_shared_recursive_until(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_exclusive(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_try_lock_exclusive(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_exclusive_timeout(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_exclusive_until(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_upgradable(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_try_lock_upgradable(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_upgradable_timeout(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_lock_upgradable_until(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_unlock_shared(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_unlock_shared_fair(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_bump_shared(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_unlock_exclusive(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_unlock_exclusive_fair(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_bump_exclusive(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_unlock_upgradable(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_unlock_upgradable_fair(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_bump_upgradable(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_upgrade(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_try_upgrade(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_upgrade_timeout(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_upgrade_until(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_downgrade(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_downgrade_to_upgradable(bad));
    CHECK_POINTER(&fixture.rwlock, ntpark_rwlock_downgrade_upgradable(bad));

    CHECK_POINTER(&fixture.condvar, ntpark_condvar_init(bad));
    CHECK_POINTER(&fixture.condvar, ntpark_condvar_wait(bad, &fixture.mutex));
    CHECK_POINTER(&fixture.mutex, ntpark_condvar_wait(&fixture.condvar, bad));
    CHECK_POINTER(&fixture.condvar, ntpark_condvar_wait_timeout(bad, &fixture.mutex, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.mutex, ntpark_condvar_wait_timeout(&fixture.condvar, bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.condvar, ntpark_condvar_wait_until(bad, &fixture.mutex, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.mutex, ntpark_condvar_wait_until(&fixture.condvar, bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.condvar, ntpark_condvar_wait_unlocked_until(bad, never_called, NULL, NTPARK_FOREVER));
    CHECK_REFUSED(ntpark_condvar_wait_unlocked_until(&fixture.condvar, NULL, NULL, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.condvar, ntpark_condvar_notify(bad, 1, &fixture.count));
    CHECK_POINTER(&fixture.condvar, ntpark_condvar_notify_one(bad, &fixture.count));
    CHECK_POINTER(&fixture.condvar, ntpark_condvar_notify_all(bad, &fixture.count));
    CHECK_REFUSED(ntpark_condvar_notify(&fixture.condvar, 1, MISALIGNED(&fixture.count)));
    CHECK_REFUSED(ntpark_condvar_notify_one(&fixture.condvar, MISALIGNED(&fixture.count)));
    CHECK_REFUSED(ntpark_condvar_notify_all(&fixture.condvar, MISALIGNED(&fixture.count)));

    CHECK_POINTER(&fixture.semaphore, ntpark_semaphore_init(bad, 1));
    CHECK_POINTER(&fixture.semaphore, ntpark_semaphore_acquire(bad, 1));
    CHECK_POINTER(&fixture.semaphore, ntpark_semaphore_try_acquire(bad, 1));
    CHECK_POINTER(&fixture.semaphore, ntpark_semaphore_acquire_timeout(bad, 1, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.semaphore, ntpark_semaphore_acquire_until(bad, 1, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.semaphore, ntpark_semaphore_release(bad, 1));
    CHECK_POINTER(&fixture.semaphore, ntpark_semaphore_permits(bad, &fixture.permits));
    CHECK_POINTER(&fixture.permits, ntpark_semaphore_permits(&fixture.semaphore, bad));
    CHECK_REFUSED(ntpark_semaphore_init(&fixture.semaphore, 0x80000000));
    CHECK_REFUSED(ntpark_semaphore_acquire(&fixture.semaphore, 0x80000000));
    CHECK_REFUSED(ntpark_semaphore_try_acquire(&fixture.semaphore, 0x80000000));
    CHECK_REFUSED(ntpark_semaphore_acquire_timeout(&fixture.semaphore, 0x80000000, NTPARK_FOREVER));
    CHECK_REFUSED(ntpark_semaphore_acquire_until(&fixture.semaphore, UINT32_MAX, NTPARK_FOREVER));
    CHECK_REFUSED(ntpark_semaphore_release(&fixture.semaphore, 0x80000000));

    CHECK_POINTER(&fixture.barrier, ntpark_barrier_init(bad));
    CHECK_POINTER(&fixture.barrier, ntpark_barrier_wait(bad, 1, NULL));
    CHECK_POINTER(&fixture.barrier, ntpark_barrier_wait_timeout(bad, 1, NTPARK_FOREVER, NULL));
    CHECK_POINTER(&fixture.barrier, ntpark_barrier_wait_until(bad, 1, NTPARK_FOREVER, NULL));
    CHECK_REFUSED(ntpark_barrier_wait(&fixture.barrier, 0, NULL));
    CHECK_REFUSED(ntpark_barrier_wait_timeout(&fixture.barrier, 0, NTPARK_FOREVER, &fixture.flag));
    CHECK_REFUSED(ntpark_barrier_wait_until(&fixture.barrier, 0, NTPARK_FOREVER, &fixture.flag));

    /* Bytes are never misaligned. */
    CHECK_REFUSED(ntpark_once_init(NULL));
    CHECK_REFUSED(ntpark_once_complete(NULL));
    CHECK_REFUSED(ntpark_once_abandon(NULL));
    CHECK_REFUSED(ntpark_once_wait(NULL));
    CHECK_REFUSED(ntpark_once_wait_timeout(NULL, NTPARK_FOREVER));
    CHECK_REFUSED(ntpark_once_wait_until(NULL, NTPARK_FOREVER));
    CHECK_REFUSED(ntpark_once_is_done(NULL));
    CHECK_REFUSED(ntpark_once_begin(NULL, &fixture.what));
    CHECK_REFUSED(ntpark_once_try_begin(NULL, &fixture.what));
    CHECK_REFUSED(ntpark_once_begin_timeout(NULL, NTPARK_FOREVER, &fixture.what));
    CHECK_REFUSED(ntpark_once_begin_until(NULL, NTPARK_FOREVER, &fixture.what));
    CHECK_POINTER(&fixture.what, ntpark_once_begin(&fixture.once, bad));
    CHECK_POINTER(&fixture.what, ntpark_once_try_begin(&fixture.once, bad));
    CHECK_POINTER(&fixture.what, ntpark_once_begin_timeout(&fixture.once, NTPARK_FOREVER, bad));
    CHECK_POINTER(&fixture.what, ntpark_once_begin_until(&fixture.once, NTPARK_FOREVER, bad));
    CHECK_REFUSED(ntpark_event_init(NULL, true));
    CHECK_REFUSED(ntpark_event_set(NULL));
    CHECK_REFUSED(ntpark_event_reset(NULL));
    CHECK_REFUSED(ntpark_event_wait(NULL));
    CHECK_REFUSED(ntpark_event_try_wait(NULL));
    CHECK_REFUSED(ntpark_event_wait_timeout(NULL, NTPARK_FOREVER));
    CHECK_REFUSED(ntpark_event_wait_until(NULL, NTPARK_FOREVER));
}

static void addresses(void)
{
    static const uintptr_t SIZES[] = {0, 3, 5, 16, UINTPTR_MAX};
    static const ntpark_key GOOD = {0x1000, 0}, BAD = {0x1000, NTPARK_KEY_SPACES}, WORSE = {0x1000, UINT32_MAX};
    size_t at;

    CHECK_POINTER(&fixture.time, ntpark_futex_wait(bad, 4, 0));
    CHECK_POINTER(&fixture.time, ntpark_futex_wait_timeout(bad, 4, 0, NTPARK_FUTEX_ALL, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.time, ntpark_futex_wait_until(bad, 4, 0, NTPARK_FUTEX_ALL, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.time, ntpark_futex_requeue_if(bad, 4, 7, &fixture.count, 1, 1, NULL, NULL));
    for (at = 0; at < COUNT(SIZES); at++) {
        CHECK_REFUSED(ntpark_futex_wait(&fixture.time, SIZES[at], 7));
        CHECK_REFUSED(ntpark_futex_wait_timeout(&fixture.time, SIZES[at], 7, NTPARK_FUTEX_ALL, NTPARK_FOREVER));
        CHECK_REFUSED(ntpark_futex_wait_until(&fixture.time, SIZES[at], 7, NTPARK_FUTEX_ALL, NTPARK_FOREVER));
        CHECK_REFUSED(ntpark_futex_requeue_if(&fixture.time, SIZES[at], 7, &fixture.count, 1, 1, NULL, NULL));
    }
    CHECK_REFUSED(ntpark_futex_wait_timeout(&fixture.time, 4, 7, 0, NTPARK_FOREVER));
    CHECK_REFUSED(ntpark_futex_wait_until(&fixture.time, 4, 7, 0, NTPARK_FOREVER));
    CHECK_REFUSED(ntpark_futex_wake(&fixture.time, 1, 0, &fixture.count));
    CHECK_REFUSED(ntpark_futex_wake(&fixture.time, 1, 1, MISALIGNED(&fixture.count)));
    CHECK_REFUSED(ntpark_futex_requeue(NULL, &fixture, 1, 1, MISALIGNED(&fixture.count), &fixture.other_count));
    CHECK_REFUSED(ntpark_futex_requeue(NULL, &fixture, 1, 1, &fixture.count, MISALIGNED(&fixture.other_count)));
    CHECK_REFUSED(ntpark_futex_requeue_if(&fixture.time, 8, 7, &fixture, 1, 1, MISALIGNED(&fixture.count), NULL));
    CHECK_REFUSED(ntpark_futex_requeue_if(&fixture.time, 8, 7, &fixture, 1, 1, NULL, MISALIGNED(&fixture.count)));

    for (at = 0; at < 2; at++) {
        const ntpark_key bad = at == 0 ? BAD : WORSE;

        CHECK_REFUSED(ntpark_lot_park(bad, &fixture.callbacks, 0, NTPARK_FOREVER, &fixture.count));
        CHECK_REFUSED(ntpark_lot_park_in_front(bad, &fixture.callbacks, 0, NTPARK_FOREVER, &fixture.count));
        CHECK_REFUSED(ntpark_lot_unpark_one(bad, NULL, NULL, &fixture.result));
        CHECK_REFUSED(ntpark_lot_unpark_all(bad, 0, &fixture.count));
        CHECK_REFUSED(ntpark_lot_unpark_filter(bad, no_filter, NULL, NULL, &fixture.result));
        CHECK_REFUSED(ntpark_lot_requeue(bad, GOOD, no_validate, NULL, NULL, &fixture.result));
        CHECK_REFUSED(ntpark_lot_requeue(GOOD, bad, no_validate, NULL, NULL, &fixture.result));
    }
    CHECK_REFUSED(ntpark_lot_park(GOOD, MISALIGNED(&fixture.callbacks), 0, NTPARK_FOREVER, &fixture.count));
    CHECK_REFUSED(ntpark_lot_park(GOOD, &fixture.callbacks, 0, NTPARK_FOREVER, MISALIGNED(&fixture.count)));
    CHECK_REFUSED(ntpark_lot_park_in_front(GOOD, MISALIGNED(&fixture.callbacks), 0, NTPARK_FOREVER, NULL));
    CHECK_REFUSED(ntpark_lot_park_in_front(GOOD, NULL, 0, NTPARK_FOREVER, MISALIGNED(&fixture.count)));
    CHECK_REFUSED(ntpark_lot_unpark_one(GOOD, NULL, NULL, MISALIGNED(&fixture.result)));
    CHECK_REFUSED(ntpark_lot_unpark_all(GOOD, 0, MISALIGNED(&fixture.count)));
    CHECK_REFUSED(ntpark_lot_unpark_filter(GOOD, NULL, NULL, NULL, &fixture.result));
    CHECK_REFUSED(ntpark_lot_unpark_filter(GOOD, no_filter, NULL, NULL, MISALIGNED(&fixture.result)));
    CHECK_REFUSED(ntpark_lot_requeue(GOOD, GOOD, NULL, NULL, NULL, &fixture.result));
    CHECK_REFUSED(ntpark_lot_requeue(GOOD, GOOD, no_validate, NULL, NULL, MISALIGNED(&fixture.result)));

    for (at = 0; at < COUNT(SIZES); at++) {
        uint64_t value = 0;

        SetLastError(0xC0FFEE);
        CHECK(ntpark_WaitOnAddress(&value, &value, SIZES[at], INFINITE) == 0);
        CHECK(GetLastError() == ERROR_INVALID_PARAMETER);
    }
}

static void objects(void)
{
    ntpark_unpark_handle handle = {NULL, NULL};
    size_t at;

    for (at = 0; at < COUNT(fixture.bad_hosts); at++) {
        CHECK_REFUSED(ntpark_backend_install(&fixture.bad_hosts[at]));
        CHECK_REFUSED(ntpark_backend_from_host(&fixture.backend, &fixture.bad_hosts[at]));
    }
    CHECK_REFUSED(ntpark_thread_parker_init_with(&fixture.thread_parker, &fixture.no_backend));
    CHECK_REFUSED(ntpark_thread_parker_init_with(&fixture.thread_parker, &fixture.garbage_backend));
    CHECK_REFUSED(ntpark_backend_now(&fixture.no_backend, &fixture.time));
    CHECK_REFUSED(ntpark_backend_now(&fixture.garbage_backend, &fixture.time));

    handle.parker = MISALIGNED(&fixture.parker);
    CHECK_REFUSED(ntpark_unpark_handle_unpark(handle));
    handle.parker = &fixture.parker;
    handle.backend = MISALIGNED(&fixture.backend);
    CHECK_REFUSED(ntpark_unpark_handle_unpark(handle));
}

static void numbers(void)
{
    static const int32_t NUMBERS[] = {-1, 0x1000, INT32_MIN, INT32_MAX};
    size_t at;

    for (at = 0; at < COUNT(NUMBERS); at++) {
        CHECK_REFUSED(ntpark_backend_force(NUMBERS[at]));
        CHECK(strcmp(ntpark_kind_name(NUMBERS[at]), "unknown") == 0);
        CHECK(strcmp(ntpark_status_name(NUMBERS[at]), "unknown") == 0);
    }
    CHECK_REFUSED(ntpark_backend_force(0));
    CHECK_REFUSED(ntpark_backend_force(NTPARK_KIND_POLLING + 1));
}

void bad_arguments(void)
{
    pointers();
    locks();
    addresses();
    objects();
    numbers();
}
