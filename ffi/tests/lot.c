/* Wait queues by address. */

#include "lot.h"

#include "test.h"

#define THREADS 4
#define ROUNDS 1000

/* What callbacks were told. */
struct record {
    ntpark_key key;
    int validated, slept, timed_out;
    bool is_valid, was_last;
};

static bool NTPARK_CALL validate(void *context)
{
    struct record *record = (struct record *)context;

    record->validated++;
    return record->is_valid;
}

static void NTPARK_CALL before_sleep(void *context)
{
    ((struct record *)context)->slept++;
}

static void NTPARK_CALL timed_out(void *context, ntpark_key key, bool was_last)
{
    struct record *record = (struct record *)context;

    record->timed_out++;
    record->key = key;
    record->was_last = was_last;
}

static ntpark_key key_of(const void *object, uint32_t space)
{
    ntpark_key key;

    key.address = (uintptr_t)object;
    key.space = space;
    return key;
}

void lot_validates(void)
{
    struct record record;
    ntpark_lot_park_callbacks callbacks = {NULL, validate, before_sleep, timed_out};
    const ntpark_key key = key_of(&record, 1);
    uintptr_t received = 7;

    memset(&record, 0, sizeof record);
    callbacks.context = &record;
    CHECK_STATUS(ntpark_lot_park(key, &callbacks, 0, NTPARK_FOREVER, &received), NTPARK_CHANGED);
    CHECK(record.validated == 1 && record.slept == 0 && record.timed_out == 0);
    CHECK_STATUS(ntpark_lot_park_in_front(key, &callbacks, 0, NTPARK_FOREVER, &received), NTPARK_CHANGED);
    CHECK(record.validated == 2 && record.slept == 0 && record.timed_out == 0);
    CHECK(received == 7);
}

static ntpark_status park_for(ntpark_key key, struct record *record, uint64_t deadline, bool in_front)
{
    ntpark_lot_park_callbacks callbacks = {NULL, validate, before_sleep, timed_out};
    uintptr_t received = 7;
    ntpark_status status;

    callbacks.context = record;
    status = in_front ? ntpark_lot_park_in_front(key, &callbacks, 0, deadline, &received)
                      : ntpark_lot_park(key, &callbacks, 0, deadline, &received);
    CHECK(received == 7);
    return status;
}

void lot_times_out(void)
{
    struct record record;
    ntpark_key key = key_of(&record, NTPARK_KEY_SPACES - 1);

    memset(&record, 0, sizeof record);
    record.is_valid = true;
    CHECK_TIMES_OUT(park_for(key, &record, ntpark_deadline(nanoseconds), false),
                    park_for(key, &record, deadline, true));
    CHECK(record.validated > 0 && record.timed_out == record.validated && record.slept == record.validated);
    CHECK(record.key.address == key.address && record.key.space == key.space && record.was_last);
    /* All callbacks may be left out. */
    CHECK_TIMES_OUT(ntpark_lot_park(key, NULL, 0, ntpark_deadline(nanoseconds), NULL),
                    ntpark_lot_park_in_front(key, NULL, 0, deadline, NULL));
    key.space = 0;
    CHECK_STATUS(ntpark_lot_unpark_one(key, NULL, NULL, NULL), NTPARK_OK);
}

/* Threads that are parked on one key, each with its number as the token. */

struct crowd;

struct parked {
    struct crowd *crowd;
    uintptr_t number, received;
    HANDLE thread;
};

struct crowd {
    ntpark_key key, other;
    volatile LONG asleep;
    struct parked parked[THREADS];
};

static void NTPARK_CALL count_sleeper(void *context)
{
    InterlockedIncrement(&((struct crowd *)context)->asleep);
}

static DWORD WINAPI park(void *argument)
{
    struct parked *parked = (struct parked *)argument;
    ntpark_lot_park_callbacks callbacks = {NULL, NULL, count_sleeper, NULL};

    callbacks.context = parked->crowd;
    SetLastError(0xC0FFEE);
    CHECK_STATUS(ntpark_lot_park(parked->crowd->key, &callbacks, parked->number, NTPARK_FOREVER, &parked->received),
                 NTPARK_OK);
    CHECK(GetLastError() == 0xC0FFEE);
    return 0;
}

static void gather(struct crowd *crowd)
{
    uintptr_t at;

    memset(crowd, 0, sizeof *crowd);
    crowd->key = key_of(crowd, 5);
    crowd->other = key_of(&crowd->other, 6);
    for (at = 0; at < THREADS; at++) {
        crowd->parked[at].crowd = crowd;
        crowd->parked[at].number = at;
        crowd->parked[at].thread = test_start(park, &crowd->parked[at]);
        AWAIT(crowd->asleep == (LONG)at + 1);
    }
}

/* The token that the callback gives, and the result that it was told. */
struct answer {
    uintptr_t token;
    int calls;
    ntpark_unpark_result told;
};

static uintptr_t NTPARK_CALL answer(void *context, const ntpark_unpark_result *result)
{
    struct answer *answer = (struct answer *)context;

    answer->calls++;
    answer->told = *result;
    return answer->token;
}

static void check_result(const ntpark_unpark_result *result, uintptr_t unparked, uintptr_t requeued, bool has_more)
{
    CHECK(result->unparked == unparked);
    CHECK(result->requeued == requeued);
    CHECK(result->has_more == has_more);
}

static void check_received(struct parked *parked, uintptr_t token)
{
    test_join(parked->thread);
    CHECK(parked->received == token);
}

void lot_unparks(void)
{
    struct crowd crowd;
    struct answer given = {100, 0, {7, 7, true, true}};
    ntpark_unpark_result result;
    uintptr_t unparked = 7;
    int at;

    gather(&crowd);
    /* Another space is another key. */
    CHECK_STATUS(ntpark_lot_unpark_one(key_of(&crowd, 4), answer, &given, &result), NTPARK_OK);
    check_result(&result, 0, 0, false);
    CHECK(given.calls == 1);
    CHECK_STATUS(ntpark_lot_unpark_all(key_of(&crowd, 4), 0, &unparked), NTPARK_OK);
    CHECK(unparked == 0);

    CHECK_STATUS(ntpark_lot_unpark_one(crowd.key, answer, &given, &result), NTPARK_OK);
    check_result(&result, 1, 0, true);
    check_result(&given.told, 1, 0, true);
    CHECK(given.calls == 2);
    check_received(&crowd.parked[0], 100);
    /* Without a callback the token is 0. */
    CHECK_STATUS(ntpark_lot_unpark_one(crowd.key, NULL, NULL, NULL), NTPARK_OK);
    check_received(&crowd.parked[1], 0);
    CHECK_STATUS(ntpark_lot_unpark_all(crowd.key, 55, &unparked), NTPARK_OK);
    CHECK(unparked == THREADS - 2);
    for (at = 2; at < THREADS; at++)
        check_received(&crowd.parked[at], 55);
    CHECK_STATUS(ntpark_lot_unpark_all(crowd.key, 55, NULL), NTPARK_OK);
}

/* Unparks odd tokens, and stops at 3 the first time. */
struct filter {
    struct answer answer;
    uintptr_t stop_at;
    ntpark_filter_op stop;
};

static ntpark_filter_op NTPARK_CALL choose(void *context, uintptr_t token)
{
    const struct filter *filter = (const struct filter *)context;

    if (token == filter->stop_at)
        return filter->stop;
    return token % 2 == 1 ? NTPARK_FILTER_UNPARK : NTPARK_FILTER_SKIP;
}

void lot_filters(void)
{
    struct crowd crowd;
    struct filter filter = {{30, 0, {0, 0, false, false}}, 3, NTPARK_FILTER_STOP};
    ntpark_unpark_result result;

    gather(&crowd);
    CHECK_STATUS(ntpark_lot_unpark_filter(crowd.key, choose, answer, &filter, &result), NTPARK_OK);
    check_result(&result, 1, 0, true);
    check_result(&filter.answer.told, 1, 0, true);
    check_received(&crowd.parked[1], 30);
    /* Other numbers stop as well. */
    filter.stop_at = 0;
    filter.stop = 99;
    CHECK_STATUS(ntpark_lot_unpark_filter(crowd.key, choose, NULL, &filter, &result), NTPARK_OK);
    check_result(&result, 0, 0, true);
    filter.stop_at = UINTPTR_MAX;
    CHECK_STATUS(ntpark_lot_unpark_filter(crowd.key, choose, NULL, &filter, NULL), NTPARK_OK);
    check_received(&crowd.parked[3], 0);
    CHECK_STATUS(ntpark_lot_unpark_all(crowd.key, 9, NULL), NTPARK_OK);
    check_received(&crowd.parked[0], 9);
    check_received(&crowd.parked[2], 9);
}

struct move {
    struct answer answer;
    uintptr_t unpark, requeue;
    bool is_valid;
};

static bool NTPARK_CALL allow(void *context, uintptr_t *unpark, uintptr_t *requeue)
{
    const struct move *move = (const struct move *)context;

    *unpark = move->unpark;
    *requeue = move->requeue;
    return move->is_valid;
}

void lot_requeues(void)
{
    struct crowd crowd;
    struct move move = {{8, 0, {0, 0, false, false}}, 1, 2, false};
    ntpark_unpark_result result = {7, 7, true, true};
    uintptr_t unparked = 7;
    int at;

    gather(&crowd);
    CHECK_STATUS(ntpark_lot_requeue(crowd.key, crowd.other, allow, answer, &move, &result), NTPARK_CHANGED);
    CHECK(result.unparked == 7 && move.answer.calls == 0);
    move.is_valid = true;
    CHECK_STATUS(ntpark_lot_requeue(crowd.key, crowd.other, allow, answer, &move, &result), NTPARK_OK);
    check_result(&result, 1, 2, true);
    check_result(&move.answer.told, 1, 2, true);
    CHECK(move.answer.calls == 1);
    check_received(&crowd.parked[0], 8);
    CHECK_STATUS(ntpark_lot_unpark_all(crowd.key, 9, &unparked), NTPARK_OK);
    CHECK(unparked == THREADS - 3);
    check_received(&crowd.parked[3], 9);
    CHECK_STATUS(ntpark_lot_unpark_all(crowd.other, 10, &unparked), NTPARK_OK);
    CHECK(unparked == 2);
    for (at = 1; at < 3; at++)
        check_received(&crowd.parked[at], 10);

    move.unpark = move.requeue = UINTPTR_MAX;
    CHECK_STATUS(ntpark_lot_requeue(crowd.key, crowd.other, allow, NULL, &move, NULL), NTPARK_OK);
}

/* A lock of two bits, as one builds them on this: locked, and somebody waits. */

struct lock {
    volatile LONG state;
    LONG sum;
};

static bool NTPARK_CALL is_contended(void *context)
{
    return ((struct lock *)context)->state == 3;
}

static uintptr_t NTPARK_CALL release(void *context, const ntpark_unpark_result *result)
{
    InterlockedExchange(&((struct lock *)context)->state, result->has_more ? 2 : 0);
    return 0;
}

static DWORD WINAPI lock_often(void *argument)
{
    struct lock *lock = (struct lock *)argument;
    ntpark_lot_park_callbacks callbacks = {NULL, is_contended, NULL, NULL};
    int round;

    callbacks.context = lock;
    for (round = 0; round < ROUNDS; round++) {
        bool has_waited = false;
        LONG state;

        while (((state = lock->state) & 1) != 0 ||
               InterlockedCompareExchange(&lock->state, state | 1, state) != state) {
            if (state == 3 || (state == 1 && InterlockedCompareExchange(&lock->state, 3, 1) == 1)) {
                const ntpark_key key = key_of(lock, 0);

                CHECK((has_waited ? ntpark_lot_park_in_front(key, &callbacks, 0, NTPARK_FOREVER, NULL)
                                  : ntpark_lot_park(key, &callbacks, 0, NTPARK_FOREVER, NULL)) != NTPARK_TIMEOUT);
                has_waited = true;
            }
        }
        /* Not atomic: the lock guards it. */
        lock->sum++;
        if (round % 16 == 0)
            ntpark_yield();
        if (InterlockedCompareExchange(&lock->state, 0, 1) != 1)
            CHECK_STATUS(ntpark_lot_unpark_one(key_of(lock, 0), release, lock, NULL), NTPARK_OK);
    }
    return 0;
}

void lot_builds_a_lock(void)
{
    struct lock lock = {0, 0};
    HANDLE threads[THREADS];
    int at;

    for (at = 0; at < THREADS; at++)
        threads[at] = test_start(lock_often, &lock);
    for (at = 0; at < THREADS; at++)
        test_join(threads[at]);
    CHECK(lock.sum == THREADS * ROUNDS);
    CHECK(lock.state == 0);
}
