/* The token parker. */

#include "token.h"

#include "test.h"

void token_before_park(void)
{
    static ntpark_parker of_zeros;
    ntpark_parker parker = NTPARK_PARKER_INIT;

    CHECK_STATUS(ntpark_parker_unpark(&parker), NTPARK_OK);
    CHECK_STATUS(ntpark_parker_park(&parker), NTPARK_OK);
    CHECK_STATUS(ntpark_parker_park_timeout(&parker, 0), NTPARK_TIMEOUT);

    CHECK_STATUS(ntpark_parker_unpark(&of_zeros), NTPARK_OK);
    CHECK_STATUS(ntpark_parker_park_until(&of_zeros, 0), NTPARK_OK);
    CHECK_STATUS(ntpark_parker_park_until(&of_zeros, 0), NTPARK_TIMEOUT);

    memset(&parker, 0xA5, sizeof parker);
    CHECK_STATUS(ntpark_parker_init(&parker), NTPARK_OK);
    CHECK(parker.state == 0);
    CHECK_STATUS(ntpark_parker_unpark(&parker), NTPARK_OK);
    CHECK_STATUS(ntpark_parker_park_timeout(&parker, NTPARK_FOREVER), NTPARK_OK);
}

void token_is_one(void)
{
    ntpark_parker parker = NTPARK_PARKER_INIT;
    bool woke = true;
    int times;

    for (times = 0; times < 3; times++)
        CHECK_STATUS(ntpark_parker_unpark(&parker), NTPARK_OK);
    CHECK_STATUS(ntpark_parker_unpark_woke(&parker, &woke), NTPARK_OK);
    CHECK(!woke);
    CHECK_STATUS(ntpark_parker_park(&parker), NTPARK_OK);
    CHECK_STATUS(ntpark_parker_park_timeout(&parker, 0), NTPARK_TIMEOUT);
}

static DWORD WINAPI park(void *parker)
{
    return (DWORD)ntpark_parker_park((ntpark_parker *)parker);
}

static void join_ok(HANDLE thread)
{
    DWORD code = 99;

    WaitForSingleObject(thread, INFINITE);
    GetExitCodeThread(thread, &code);
    CloseHandle(thread);
    CHECK_STATUS((ntpark_status)code, NTPARK_OK);
}

void token_wakes(void)
{
    ntpark_parker parker = NTPARK_PARKER_INIT;
    HANDLE thread = test_start(park, &parker);
    bool woke = false;

    test_await_change(&parker.state, 0);
    CHECK_STATUS(ntpark_parker_unpark_woke(&parker, &woke), NTPARK_OK);
    CHECK(woke);
    join_ok(thread);
    CHECK(parker.state == 0);
}

void token_busy(void)
{
    ntpark_parker parker = NTPARK_PARKER_INIT;
    HANDLE thread = test_start(park, &parker);
    uintptr_t parked;

    test_await_change(&parker.state, 0);
    parked = parker.state;
    CHECK_STATUS(ntpark_parker_park(&parker), NTPARK_BUSY);
    CHECK_STATUS(ntpark_parker_park_timeout(&parker, 0), NTPARK_BUSY);
    CHECK_STATUS(ntpark_parker_park_timeout(&parker, 1000 * MILLISECOND), NTPARK_BUSY);
    CHECK_STATUS(ntpark_parker_park_timeout(&parker, NTPARK_FOREVER), NTPARK_BUSY);
    CHECK_STATUS(ntpark_parker_park_until(&parker, NTPARK_FOREVER), NTPARK_BUSY);
    CHECK(parker.state == parked);
    CHECK(WaitForSingleObject(thread, 0) == WAIT_TIMEOUT);
    CHECK_STATUS(ntpark_parker_unpark(&parker), NTPARK_OK);
    join_ok(thread);
}

void token_timeout(void)
{
    static const uint64_t TIMEOUTS[] = {1, 99, 100, 101, 999999, MILLISECOND, MILLISECOND + 1, 20 * MILLISECOND};
    ntpark_parker parker = NTPARK_PARKER_INIT;
    LARGE_INTEGER frequency, start, end;
    size_t at;

    QueryPerformanceFrequency(&frequency);
    for (at = 0; at < 2 * COUNT(TIMEOUTS); at++) {
        uint64_t timeout = TIMEOUTS[at / 2];
        double elapsed;
        ntpark_status status;

        SetLastError(0xC0FFEE);
        QueryPerformanceCounter(&start);
        if (at % 2 == 0)
            status = ntpark_parker_park_timeout(&parker, timeout);
        else
            status = ntpark_parker_park_until(&parker, ntpark_deadline(timeout));
        QueryPerformanceCounter(&end);
        CHECK(GetLastError() == 0xC0FFEE);
        CHECK_STATUS(status, NTPARK_TIMEOUT);
        /* A count is a unit of the clock here; what the two readings round off is one more. */
        elapsed = (double)(end.QuadPart - start.QuadPart + 1) * 1e9 / (double)frequency.QuadPart;
        CHECK(elapsed >= (double)timeout);
    }
    CHECK_STATUS(ntpark_parker_park_until(&parker, ntpark_now() - 1), NTPARK_TIMEOUT);
    CHECK(parker.state == 0);
}

#define ROUNDS 2000

struct table {
    ntpark_parker ball[2];
    LONG turns;
};

static DWORD WINAPI play(void *argument)
{
    struct table *table = (struct table *)argument;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        CHECK_STATUS(ntpark_parker_park(&table->ball[1]), NTPARK_OK);
        /* Not atomic: the tokens order it. */
        table->turns++;
        CHECK_STATUS(ntpark_parker_unpark(&table->ball[0]), NTPARK_OK);
    }
    return 0;
}

void token_ping_pong(void)
{
    struct table table;
    HANDLE thread;
    int round;

    memset(&table, 0, sizeof table);
    thread = test_start(play, &table);
    for (round = 0; round < ROUNDS; round++) {
        CHECK(table.turns == 2 * round);
        table.turns++;
        CHECK_STATUS(ntpark_parker_unpark(&table.ball[1]), NTPARK_OK);
        CHECK_STATUS(ntpark_parker_park(&table.ball[0]), NTPARK_OK);
    }
    test_join(thread);
    CHECK(table.turns == 2 * ROUNDS);
}

/* A parker that is gone as soon as its park has returned: the place of the next round's. */
static DWORD WINAPI park_and_wipe(void *argument)
{
    ntpark_parker *volatile *place = (ntpark_parker *volatile *)argument;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        ntpark_parker parker = NTPARK_PARKER_INIT;

        InterlockedExchangePointer((void *volatile *)place, &parker);
        CHECK_STATUS(ntpark_parker_park(&parker), NTPARK_OK);
        CHECK(parker.state == 0);
        memset(&parker, 0x5A, sizeof parker);
        CHECK(((volatile unsigned char *)&parker)[0] == 0x5A);
    }
    return 0;
}

void token_on_the_stack(void)
{
    ntpark_parker *volatile place = NULL;
    HANDLE thread = test_start(park_and_wipe, (void *)&place);
    int round;

    for (round = 0; round < ROUNDS; round++) {
        ntpark_parker *parker;

        while ((parker = (ntpark_parker *)InterlockedExchangePointer((void *volatile *)&place, NULL)) == NULL)
            ntpark_yield();
        CHECK_STATUS(ntpark_parker_unpark(parker), NTPARK_OK);
    }
    test_join(thread);
}

/* Timeouts so short that unparks meet threads that are giving up: no token is lost, none doubled. */
static DWORD WINAPI unpark_often(void *argument)
{
    struct table *table = (struct table *)argument;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        CHECK_STATUS(ntpark_parker_unpark(&table->ball[0]), NTPARK_OK);
        CHECK_STATUS(ntpark_parker_park(&table->ball[1]), NTPARK_OK);
    }
    return 0;
}

void token_crosses_timeout(void)
{
    struct table table;
    HANDLE thread;
    int taken = 0;

    memset(&table, 0, sizeof table);
    thread = test_start(unpark_often, &table);
    while (taken < ROUNDS) {
        if (ntpark_parker_park_timeout(&table.ball[0], (uint64_t)(taken % 64) * 1000) == NTPARK_OK) {
            taken++;
            CHECK_STATUS(ntpark_parker_unpark(&table.ball[1]), NTPARK_OK);
        }
    }
    test_join(thread);
    CHECK_STATUS(ntpark_parker_park_timeout(&table.ball[0], 0), NTPARK_TIMEOUT);
    CHECK_STATUS(ntpark_parker_park_timeout(&table.ball[1], 0), NTPARK_TIMEOUT);
}
