/* The reader-writer lock. */

#include "locks.h"

#include "test.h"

#define THREADS 4
#define ROUNDS 400
/* As the lock's documentation has it: threads are in the queue, or a writer sleeps until the readers have left. */
#define SLEEPERS (4u | 16u)

/* The ways of having it. The recursive one counts as shared once it has been got. */
enum { SHARED, RECURSIVE, EXCLUSIVE, UPGRADABLE, KINDS };

typedef ntpark_status (NTPARK_CALL *plain)(ntpark_rwlock *rwlock);
typedef ntpark_status (NTPARK_CALL *timed)(ntpark_rwlock *rwlock, uint64_t time);

static const struct kind {
    plain lock, try_lock, unlock, unlock_fair, bump;
    timed lock_timeout, lock_until;
    /* Which kinds can be had beside this one, in the order above. */
    bool beside[KINDS];
} OF[KINDS] = {
    {ntpark_rwlock_lock_shared, ntpark_rwlock_try_lock_shared, ntpark_rwlock_unlock_shared,
     ntpark_rwlock_unlock_shared_fair, ntpark_rwlock_bump_shared, ntpark_rwlock_lock_shared_timeout,
     ntpark_rwlock_lock_shared_until, {true, true, false, true}},
    {ntpark_rwlock_lock_shared_recursive, ntpark_rwlock_try_lock_shared_recursive, ntpark_rwlock_unlock_shared,
     ntpark_rwlock_unlock_shared_fair, ntpark_rwlock_bump_shared, ntpark_rwlock_lock_shared_recursive_timeout,
     ntpark_rwlock_lock_shared_recursive_until, {true, true, false, true}},
    {ntpark_rwlock_lock_exclusive, ntpark_rwlock_try_lock_exclusive, ntpark_rwlock_unlock_exclusive,
     ntpark_rwlock_unlock_exclusive_fair, ntpark_rwlock_bump_exclusive, ntpark_rwlock_lock_exclusive_timeout,
     ntpark_rwlock_lock_exclusive_until, {false, false, false, false}},
    {ntpark_rwlock_lock_upgradable, ntpark_rwlock_try_lock_upgradable, ntpark_rwlock_unlock_upgradable,
     ntpark_rwlock_unlock_upgradable_fair, ntpark_rwlock_bump_upgradable, ntpark_rwlock_lock_upgradable_timeout,
     ntpark_rwlock_lock_upgradable_until, {true, true, false, false}},
};

static bool is_same(int one, int other)
{
    return OF[one].unlock == OF[other].unlock;
}

/* What is not locked so can be neither unlocked nor changed. */
static void check_misuse(ntpark_rwlock *rwlock, int held)
{
    const uintptr_t state = rwlock->state;
    int kind;

    for (kind = 0; kind < KINDS; kind++) {
        if (held == KINDS || !is_same(kind, held)) {
            CHECK_STATUS(OF[kind].unlock(rwlock), NTPARK_BUSY);
            CHECK_STATUS(OF[kind].unlock_fair(rwlock), NTPARK_BUSY);
            CHECK_STATUS(OF[kind].bump(rwlock), NTPARK_BUSY);
        }
    }
    if (held != EXCLUSIVE) {
        CHECK_STATUS(ntpark_rwlock_downgrade(rwlock), NTPARK_BUSY);
        CHECK_STATUS(ntpark_rwlock_downgrade_to_upgradable(rwlock), NTPARK_BUSY);
    }
    if (held != UPGRADABLE) {
        CHECK_STATUS(ntpark_rwlock_upgrade(rwlock), NTPARK_BUSY);
        CHECK_STATUS(ntpark_rwlock_try_upgrade(rwlock), NTPARK_BUSY);
        CHECK_STATUS(ntpark_rwlock_upgrade_timeout(rwlock, NTPARK_FOREVER), NTPARK_BUSY);
        CHECK_STATUS(ntpark_rwlock_upgrade_until(rwlock, NTPARK_FOREVER), NTPARK_BUSY);
        CHECK_STATUS(ntpark_rwlock_downgrade_upgradable(rwlock), NTPARK_BUSY);
    }
    CHECK(rwlock->state == state);
}

void rwlock_states(void)
{
    ntpark_rwlock rwlock = NTPARK_RWLOCK_INIT;
    int held, wanted;

    check_misuse(&rwlock, KINDS);
    for (held = 0; held < KINDS; held++) {
        CHECK_STATUS(OF[held].lock(&rwlock), NTPARK_OK);
        check_misuse(&rwlock, held);
        for (wanted = 0; wanted < KINDS; wanted++) {
            if (OF[held].beside[wanted]) {
                CHECK_STATUS(OF[wanted].try_lock(&rwlock), NTPARK_OK);
                CHECK_STATUS(OF[wanted].unlock(&rwlock), NTPARK_OK);
                CHECK_STATUS(OF[wanted].lock_timeout(&rwlock, 0), NTPARK_OK);
                CHECK_STATUS(OF[wanted].unlock(&rwlock), NTPARK_OK);
                CHECK_STATUS(OF[wanted].lock_until(&rwlock, NTPARK_FOREVER), NTPARK_OK);
                CHECK_STATUS(OF[wanted].unlock(&rwlock), NTPARK_OK);
            } else {
                CHECK_STATUS(OF[wanted].try_lock(&rwlock), NTPARK_BUSY);
                CHECK_TIMES_OUT(OF[wanted].lock_timeout(&rwlock, nanoseconds),
                                OF[wanted].lock_until(&rwlock, deadline));
            }
        }
        CHECK_STATUS(OF[held].bump(&rwlock), NTPARK_OK);
        CHECK_STATUS(OF[held].unlock(&rwlock), NTPARK_OK);
        CHECK_STATUS(OF[held].try_lock(&rwlock), NTPARK_OK);
        CHECK_STATUS(OF[held].unlock_fair(&rwlock), NTPARK_OK);
        check_misuse(&rwlock, KINDS);
    }
    memset(&rwlock, 0xA5, sizeof rwlock);
    CHECK_STATUS(ntpark_rwlock_init(&rwlock), NTPARK_OK);
    CHECK(rwlock.state == 0);
}

void rwlock_upgrades(void)
{
    ntpark_rwlock rwlock = NTPARK_RWLOCK_INIT;

    CHECK_STATUS(ntpark_rwlock_lock_upgradable(&rwlock), NTPARK_OK);
    CHECK_STATUS(ntpark_rwlock_lock_shared(&rwlock), NTPARK_OK);
    CHECK_STATUS(ntpark_rwlock_try_upgrade(&rwlock), NTPARK_BUSY);
    CHECK_TIMES_OUT(ntpark_rwlock_upgrade_timeout(&rwlock, nanoseconds),
                    ntpark_rwlock_upgrade_until(&rwlock, deadline));
    /* It is still upgradable. */
    CHECK_STATUS(ntpark_rwlock_try_lock_upgradable(&rwlock), NTPARK_BUSY);
    CHECK_STATUS(ntpark_rwlock_unlock_shared(&rwlock), NTPARK_OK);

    CHECK_STATUS(ntpark_rwlock_try_upgrade(&rwlock), NTPARK_OK);
    check_misuse(&rwlock, EXCLUSIVE);
    CHECK_STATUS(ntpark_rwlock_downgrade_to_upgradable(&rwlock), NTPARK_OK);
    check_misuse(&rwlock, UPGRADABLE);
    CHECK_STATUS(ntpark_rwlock_upgrade(&rwlock), NTPARK_OK);
    CHECK_STATUS(ntpark_rwlock_downgrade_to_upgradable(&rwlock), NTPARK_OK);
    CHECK_STATUS(ntpark_rwlock_upgrade_timeout(&rwlock, 0), NTPARK_OK);
    CHECK_STATUS(ntpark_rwlock_downgrade_to_upgradable(&rwlock), NTPARK_OK);
    CHECK_STATUS(ntpark_rwlock_upgrade_until(&rwlock, 0), NTPARK_OK);
    CHECK_STATUS(ntpark_rwlock_downgrade(&rwlock), NTPARK_OK);
    check_misuse(&rwlock, SHARED);
    CHECK_STATUS(ntpark_rwlock_unlock_shared(&rwlock), NTPARK_OK);

    CHECK_STATUS(ntpark_rwlock_lock_upgradable(&rwlock), NTPARK_OK);
    CHECK_STATUS(ntpark_rwlock_downgrade_upgradable(&rwlock), NTPARK_OK);
    check_misuse(&rwlock, SHARED);
    CHECK_STATUS(ntpark_rwlock_unlock_shared(&rwlock), NTPARK_OK);
    check_misuse(&rwlock, KINDS);
}

struct ledger {
    ntpark_rwlock rwlock;
    LONG entries, copy;
};

static ntpark_status lock_somehow(ntpark_rwlock *rwlock, const struct kind *kind, int round)
{
    ntpark_status status = NTPARK_TIMEOUT;

    if (round % 3 == 0)
        return kind->lock(rwlock);
    if (round % 3 == 1)
        return kind->lock_until(rwlock, NTPARK_FOREVER);
    while (status == NTPARK_TIMEOUT)
        status = kind->lock_timeout(rwlock, (uint64_t)(round % 64) * 1000);
    return status;
}

static void enter(struct ledger *ledger)
{
    /* Not atomic: the lock guards it. */
    ledger->entries++;
    ntpark_yield();
    ledger->copy = ledger->entries;
}

static DWORD WINAPI keep_books(void *argument)
{
    struct ledger *ledger = (struct ledger *)argument;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        const struct kind *kind = &OF[round % KINDS];

        CHECK_STATUS(lock_somehow(&ledger->rwlock, kind, round), NTPARK_OK);
        CHECK(ledger->entries == ledger->copy);
        if (kind == &OF[EXCLUSIVE])
            enter(ledger);
        if (kind == &OF[UPGRADABLE]) {
            CHECK_STATUS(ntpark_rwlock_upgrade(&ledger->rwlock), NTPARK_OK);
            enter(ledger);
            CHECK_STATUS(ntpark_rwlock_downgrade_to_upgradable(&ledger->rwlock), NTPARK_OK);
        }
        CHECK_STATUS((round % 5 == 0 ? kind->unlock_fair : kind->unlock)(&ledger->rwlock), NTPARK_OK);
    }
    return 0;
}

void rwlock_excludes(void)
{
    struct ledger ledger = {NTPARK_RWLOCK_INIT, 0, 0};
    HANDLE threads[THREADS];
    int at;

    for (at = 0; at < THREADS; at++)
        threads[at] = test_start(keep_books, &ledger);
    for (at = 0; at < THREADS; at++)
        test_join(threads[at]);
    CHECK(ledger.entries == THREADS * ROUNDS / 2);
    check_misuse(&ledger.rwlock, KINDS);
}

static DWORD WINAPI write_once(void *argument)
{
    struct ledger *ledger = (struct ledger *)argument;

    CHECK_STATUS(ntpark_rwlock_lock_exclusive(&ledger->rwlock), NTPARK_OK);
    ledger->entries++;
    CHECK_STATUS(ntpark_rwlock_unlock_exclusive(&ledger->rwlock), NTPARK_OK);
    return 0;
}

static DWORD WINAPI write_and_await(void *argument)
{
    struct ledger *ledger = (struct ledger *)argument;

    CHECK_STATUS(ntpark_rwlock_lock_exclusive(&ledger->rwlock), NTPARK_OK);
    AWAIT(*(volatile LONG *)&ledger->copy == 1);
    CHECK_STATUS(ntpark_rwlock_unlock_exclusive(&ledger->rwlock), NTPARK_OK);
    return 0;
}

void rwlock_hands_over(void)
{
    int kind;

    for (kind = 0; kind < KINDS; kind++) {
        struct ledger ledger = {NTPARK_RWLOCK_INIT, 0, 0};
        HANDLE thread;

        /* A bump lets the writer have it in between. */
        CHECK_STATUS(OF[kind].lock(&ledger.rwlock), NTPARK_OK);
        thread = test_start(write_once, &ledger);
        AWAIT(*(volatile uintptr_t *)&ledger.rwlock.state & SLEEPERS);
        CHECK(ledger.entries == 0);
        CHECK_STATUS(OF[kind].bump(&ledger.rwlock), NTPARK_OK);
        CHECK(ledger.entries == 1);
        test_join(thread);

        /* A fair unlock gives it away, before the writer even runs. */
        thread = test_start(write_and_await, &ledger);
        AWAIT(*(volatile uintptr_t *)&ledger.rwlock.state & SLEEPERS);
        CHECK_STATUS(OF[kind].unlock_fair(&ledger.rwlock), NTPARK_OK);
        CHECK_STATUS(ntpark_rwlock_try_lock_shared(&ledger.rwlock), NTPARK_BUSY);
        InterlockedExchange(&ledger.copy, 1);
        test_join(thread);
    }
}
