/* Waiting on values in memory, by this library's functions and by those that stand for Windows' own. */

#include "futex.h"

#include "test.h"

#define THREADS 4
#define ROUNDS 1000

void futex_compares(void)
{
    static const uintptr_t SIZES[] = {1, 2, 4, 8};
    uint64_t value = 0x1122334455667788;
    size_t at;

    for (at = 0; at < COUNT(SIZES); at++) {
        const uintptr_t size = SIZES[at];
        const uint64_t top = (uint64_t)1 << (8 * size - 1), expected = value;

        CHECK_STATUS(ntpark_futex_wait(&value, size, expected ^ 1), NTPARK_CHANGED);
        CHECK_STATUS(ntpark_futex_wait(&value, size, expected ^ top), NTPARK_CHANGED);
        CHECK_STATUS(ntpark_futex_wait_timeout(&value, size, expected ^ top, 1, NTPARK_FOREVER), NTPARK_CHANGED);
        CHECK_STATUS(ntpark_futex_wait_until(&value, size, expected ^ top, 1, NTPARK_FOREVER), NTPARK_CHANGED);
        CHECK_TIMES_OUT(ntpark_futex_wait_timeout(&value, size, expected, NTPARK_FUTEX_ALL, nanoseconds),
                        ntpark_futex_wait_until(&value, size, expected, NTPARK_FUTEX_ALL, deadline));
        if (size < 8) {
            /* Bits that the value does not have do not count. */
            CHECK_STATUS(ntpark_futex_wait_timeout(&value, size, expected ^ (top << 1), 1, 1), NTPARK_TIMEOUT);
        }
    }
    /* The second byte of a value is a value. */
    CHECK_STATUS(ntpark_futex_wait_timeout((char *)&value + 1, 1, 0x77, 1, 1), NTPARK_TIMEOUT);
    CHECK_STATUS(ntpark_futex_wait((char *)&value + 1, 1, 0x88), NTPARK_CHANGED);
}

struct waiter {
    const void *address;
    uint32_t mask;
    volatile LONG *woken;
};

static DWORD WINAPI wait_for_wake(void *argument)
{
    const struct waiter *waiter = (const struct waiter *)argument;

    SetLastError(0xC0FFEE);
    CHECK_STATUS(ntpark_futex_wait_timeout(waiter->address, 4, 0, waiter->mask, NTPARK_FOREVER), NTPARK_OK);
    CHECK(GetLastError() == 0xC0FFEE);
    InterlockedIncrement(waiter->woken);
    return 0;
}

/* Threads that wait at an address, each with a bit of its own as its mask. The address is never touched by a wake. */
struct crowd {
    uint32_t value, other;
    volatile LONG woken;
    struct waiter waiters[THREADS];
    HANDLE threads[THREADS];
};

/* How many wait: all are moved from the address to the same one. */
static uintptr_t waiting(const void *address)
{
    uintptr_t woken = 7, requeued = 7;

    CHECK_STATUS(ntpark_futex_requeue(address, address, 0, UINTPTR_MAX, &woken, &requeued), NTPARK_OK);
    CHECK(woken == 0);
    return requeued;
}

static void gather(struct crowd *crowd)
{
    uintptr_t at;

    memset(crowd, 0, sizeof *crowd);
    for (at = 0; at < THREADS; at++) {
        crowd->waiters[at].address = &crowd->value;
        crowd->waiters[at].mask = 1u << at;
        crowd->waiters[at].woken = &crowd->woken;
        crowd->threads[at] = test_start(wait_for_wake, &crowd->waiters[at]);
        AWAIT(waiting(&crowd->value) == at + 1);
    }
}

static void disperse(struct crowd *crowd)
{
    int at;

    for (at = 0; at < THREADS; at++)
        test_join(crowd->threads[at]);
    CHECK(crowd->woken == THREADS);
    CHECK(waiting(&crowd->value) == 0 && waiting(&crowd->other) == 0);
}

void futex_wakes(void)
{
    struct crowd crowd;
    uintptr_t woken = 7;

    CHECK_STATUS(ntpark_futex_wake(NULL, UINTPTR_MAX, NTPARK_FUTEX_ALL, &woken), NTPARK_OK);
    CHECK(woken == 0);
    gather(&crowd);
    CHECK_STATUS(ntpark_futex_wake((char *)&crowd.value + 1, 1, NTPARK_FUTEX_ALL, &woken), NTPARK_OK);
    CHECK(woken == 0);
    CHECK_STATUS(ntpark_futex_wake(&crowd.value, 0, NTPARK_FUTEX_ALL, &woken), NTPARK_OK);
    CHECK(woken == 0);
    CHECK_STATUS(ntpark_futex_wake(&crowd.value, 1, NTPARK_FUTEX_ALL, &woken), NTPARK_OK);
    CHECK(woken == 1);
    /* First come, first served. */
    test_join(crowd.threads[0]);
    CHECK(crowd.woken == 1);
    CHECK_STATUS(ntpark_futex_wake(&crowd.value, THREADS, NTPARK_FUTEX_ALL, &woken), NTPARK_OK);
    CHECK(woken == THREADS - 1);
    crowd.threads[0] = test_start(wait_for_wake, &crowd.waiters[0]);
    AWAIT(waiting(&crowd.value) == 1);
    CHECK_STATUS(ntpark_futex_wake(&crowd.value, UINTPTR_MAX, NTPARK_FUTEX_ALL, NULL), NTPARK_OK);
    AWAIT(crowd.woken == THREADS + 1);
    InterlockedDecrement(&crowd.woken);
    disperse(&crowd);
}

void futex_masks(void)
{
    struct crowd crowd;
    uintptr_t woken = 7;

    gather(&crowd);
    CHECK_STATUS(ntpark_futex_wake(&crowd.value, UINTPTR_MAX, 1u << THREADS, &woken), NTPARK_OK);
    CHECK(woken == 0);
    CHECK_STATUS(ntpark_futex_wake(&crowd.value, UINTPTR_MAX, 1u << 2, &woken), NTPARK_OK);
    CHECK(woken == 1);
    test_join(crowd.threads[2]);
    crowd.threads[2] = test_start(wait_for_wake, &crowd.waiters[2]);
    AWAIT(waiting(&crowd.value) == THREADS);
    CHECK_STATUS(ntpark_futex_wake(&crowd.value, 2, 1u << 1 | 1u << 3 | 1u << 2, &woken), NTPARK_OK);
    CHECK(woken == 2);
    test_join(crowd.threads[1]);
    test_join(crowd.threads[3]);
    CHECK(waiting(&crowd.value) == 2);
    CHECK_STATUS(ntpark_futex_wake(&crowd.value, 2, NTPARK_FUTEX_ALL, &woken), NTPARK_OK);
    CHECK(woken == 2);
    test_join(crowd.threads[0]);
    test_join(crowd.threads[2]);
    CHECK(crowd.woken == THREADS + 1);
}

void futex_requeues(void)
{
    struct crowd crowd;
    uintptr_t woken = 7, requeued = 7;

    gather(&crowd);
    CHECK_STATUS(ntpark_futex_requeue_if(&crowd.value, 4, 1, &crowd.other, 1, 1, &woken, &requeued), NTPARK_CHANGED);
    CHECK(woken == 7 && requeued == 7);
    CHECK(waiting(&crowd.value) == THREADS);
    CHECK_STATUS(ntpark_futex_requeue_if(&crowd.value, 4, 0, &crowd.other, 1, 1, &woken, &requeued), NTPARK_OK);
    CHECK(woken == 1 && requeued == 1);
    CHECK(waiting(&crowd.value) == THREADS - 2 && waiting(&crowd.other) == 1);
    CHECK_STATUS(ntpark_futex_requeue(&crowd.value, &crowd.other, 0, UINTPTR_MAX, &woken, &requeued), NTPARK_OK);
    CHECK(woken == 0 && requeued == THREADS - 2);
    CHECK(waiting(&crowd.value) == 0 && waiting(&crowd.other) == THREADS - 1);
    CHECK_STATUS(ntpark_futex_requeue(&crowd.other, &crowd.value, 1, 0, NULL, NULL), NTPARK_OK);
    CHECK_STATUS(ntpark_futex_requeue_if(&crowd.other, 4, 0, &crowd.value, 0, 1, NULL, NULL), NTPARK_OK);
    CHECK(waiting(&crowd.value) == 1 && waiting(&crowd.other) == THREADS - 3);
    CHECK_STATUS(ntpark_futex_wake(&crowd.value, UINTPTR_MAX, NTPARK_FUTEX_ALL, NULL), NTPARK_OK);
    CHECK_STATUS(ntpark_futex_wake(&crowd.other, UINTPTR_MAX, NTPARK_FUTEX_ALL, NULL), NTPARK_OK);
    disperse(&crowd);
}

struct turn {
    volatile LONG turn;
    LONG sum;
    bool (*wait)(volatile LONG *turn, LONG while_it_is);
    void (*wake)(volatile LONG *turn);
};

static void play(struct turn *game, LONG own)
{
    int round;

    for (round = 0; round < ROUNDS; round++) {
        LONG turn;

        while ((turn = game->turn) != own)
            CHECK(game->wait(&game->turn, turn));
        /* Not atomic: the turns order it. */
        game->sum++;
        InterlockedExchange(&game->turn, 1 - own);
        game->wake(&game->turn);
    }
}

static DWORD WINAPI play_second(void *game)
{
    play((struct turn *)game, 1);
    return 0;
}

static void ping_pong(bool (*wait)(volatile LONG *, LONG), void (*wake)(volatile LONG *))
{
    struct turn game;
    HANDLE thread;

    game.turn = 0;
    game.sum = 0;
    game.wait = wait;
    game.wake = wake;
    thread = test_start(play_second, &game);
    play(&game, 0);
    test_join(thread);
    CHECK(game.sum == 2 * ROUNDS);
}

static bool futex_wait(volatile LONG *turn, LONG while_it_is)
{
    const ntpark_status status = ntpark_futex_wait((const void *)turn, 4, (uint64_t)while_it_is);

    return status == NTPARK_OK || status == NTPARK_CHANGED;
}

static void futex_wake(volatile LONG *turn)
{
    CHECK_STATUS(ntpark_futex_wake((const void *)turn, 1, NTPARK_FUTEX_ALL, NULL), NTPARK_OK);
}

void futex_ping_pong(void)
{
    ping_pong(futex_wait, futex_wake);
}

/* Windows' functions, on systems with and without them. They may return for no reason. */

static bool address_wait(volatile LONG *turn, LONG while_it_is)
{
    return ntpark_WaitOnAddress(turn, &while_it_is, 4, INFINITE) != 0;
}

static void address_wake_single(volatile LONG *turn)
{
    ntpark_WakeByAddressSingle((void *)turn);
}

static void address_wake_all(volatile LONG *turn)
{
    ntpark_WakeByAddressAll((void *)turn);
}

struct gate {
    volatile LONG is_open, in, out;
};

static DWORD WINAPI go_through(void *argument)
{
    struct gate *gate = (struct gate *)argument;
    LONG closed = 0;

    InterlockedIncrement(&gate->in);
    while (!gate->is_open)
        CHECK(ntpark_WaitOnAddress(&gate->is_open, &closed, sizeof closed, INFINITE));
    InterlockedIncrement(&gate->out);
    return 0;
}

void wait_on_address(void)
{
    static const uintptr_t SIZES[] = {1, 2, 4, 8};
    struct gate gate = {0, 0, 0};
    uint64_t value = 0x1122334455667788, other = value;
    HANDLE threads[THREADS];
    size_t at;

    for (at = 0; at < COUNT(SIZES); at++) {
        const uintptr_t size = SIZES[at];
        double start;

        other = value ^ ((uint64_t)1 << (8 * size - 1));
        SetLastError(0xC0FFEE);
        CHECK(ntpark_WaitOnAddress(&value, &other, size, INFINITE));
        CHECK(GetLastError() == 0xC0FFEE);
        CHECK(!ntpark_WaitOnAddress(&value, &value, size, 0) && GetLastError() == ERROR_TIMEOUT);
        /* Bytes behind the value do not count, and where it is compared with need not be aligned. */
        if (size < 8) {
            char copy[9];

            other = value ^ ((uint64_t)1 << (8 * size));
            memcpy(copy + 1, &other, sizeof other);
            CHECK(!ntpark_WaitOnAddress(&value, copy + 1, size, 1) && GetLastError() == ERROR_TIMEOUT);
        }
        start = test_nanoseconds();
        SetLastError(0xC0FFEE);
        CHECK(!ntpark_WaitOnAddress(&value, &value, size, 20) && GetLastError() == ERROR_TIMEOUT);
        /* How exactly Windows waits is up to it. */
        if (ntpark_backend_in_use() != NTPARK_KIND_WAIT_ADDRESS)
            CHECK(test_nanoseconds() + test_count() - start >= 20e6);
    }

    for (at = 0; at < THREADS; at++)
        threads[at] = test_start(go_through, &gate);
    AWAIT(gate.in == THREADS);
    Sleep(20);
    CHECK(gate.out == 0);
    InterlockedExchange(&gate.is_open, 1);
    ntpark_WakeByAddressAll((void *)&gate.is_open);
    for (at = 0; at < THREADS; at++)
        test_join(threads[at]);
    ping_pong(address_wait, address_wake_single);
    ping_pong(address_wait, address_wake_all);
}
