/* The two-phase parker. */

#include "two_phase.h"

#include "test.h"

void two_phase_order(const struct two_phase_maker *maker)
{
    ntpark_thread_parker parker, before;
    ntpark_unpark_handle none = {NULL, NULL};

    maker->make(&parker);
    memcpy(&before, &parker, sizeof parker);

    /* Not prepared. */
    CHECK_STATUS(ntpark_thread_parker_park(&parker), NTPARK_BUSY);
    CHECK_STATUS(ntpark_thread_parker_park_until(&parker, 0), NTPARK_BUSY);
    CHECK_STATUS(ntpark_thread_parker_timed_out(&parker), NTPARK_OK);
    CHECK_STATUS(ntpark_unpark_handle_unpark(none), NTPARK_OK);
    CHECK(memcmp(&before, &parker, sizeof parker) == 0);

    /* Prepared twice is prepared. */
    CHECK_STATUS(ntpark_thread_parker_prepare_park(&parker), NTPARK_OK);
    CHECK_STATUS(ntpark_thread_parker_prepare_park(&parker), NTPARK_OK);
    CHECK_STATUS(ntpark_thread_parker_park_until(&parker, 0), NTPARK_TIMEOUT);
    CHECK_STATUS(ntpark_thread_parker_timed_out(&parker), NTPARK_TIMEOUT);
    CHECK_STATUS(ntpark_thread_parker_park(&parker), NTPARK_BUSY);
}

void two_phase_self(const struct two_phase_maker *maker)
{
    ntpark_thread_parker parker;
    ntpark_unpark_handle handle;

    maker->make(&parker);
    CHECK_STATUS(ntpark_thread_parker_prepare_park(&parker), NTPARK_OK);
    handle = ntpark_thread_parker_unpark_lock(&parker);
    CHECK(handle.parker == NULL);
    CHECK_STATUS(ntpark_unpark_handle_unpark(handle), NTPARK_OK);
    CHECK_STATUS(ntpark_thread_parker_park(&parker), NTPARK_OK);

    /* An unpark that comes between the timeout and the question. */
    CHECK_STATUS(ntpark_thread_parker_prepare_park(&parker), NTPARK_OK);
    CHECK_STATUS(ntpark_thread_parker_park_until(&parker, 0), NTPARK_TIMEOUT);
    CHECK_STATUS(ntpark_unpark_handle_unpark(ntpark_thread_parker_unpark_lock(&parker)), NTPARK_OK);
    CHECK_STATUS(ntpark_thread_parker_timed_out(&parker), NTPARK_OK);
}

static DWORD WINAPI park(void *argument)
{
    ntpark_thread_parker *parker = (ntpark_thread_parker *)argument;

    CHECK_STATUS(ntpark_thread_parker_park(parker), NTPARK_OK);
    return 0;
}

void two_phase_wakes(const struct two_phase_maker *maker)
{
    ntpark_thread_parker parker;
    ntpark_unpark_handle handle;
    HANDLE thread;
    uintptr_t armed, parked;

    maker->make(&parker);
    CHECK_STATUS(ntpark_thread_parker_prepare_park(&parker), NTPARK_OK);
    armed = parker.state;
    thread = test_start(park, &parker);
    test_await_change(&parker.state, armed);
    parked = parker.state;

    /* In use. */
    CHECK_STATUS(ntpark_thread_parker_prepare_park(&parker), NTPARK_BUSY);
    CHECK_STATUS(ntpark_thread_parker_park(&parker), NTPARK_BUSY);
    CHECK_STATUS(ntpark_thread_parker_park_until(&parker, 0), NTPARK_BUSY);
    CHECK(parker.state == parked);
    CHECK(WaitForSingleObject(thread, 0) == WAIT_TIMEOUT);

    SetLastError(0xC0FFEE);
    handle = ntpark_thread_parker_unpark_lock(&parker);
    CHECK(handle.parker == &parker);
    CHECK_STATUS(ntpark_unpark_handle_unpark(handle), NTPARK_OK);
    CHECK(GetLastError() == 0xC0FFEE);
    test_join(thread);
}

void two_phase_timeout(const struct two_phase_maker *maker)
{
    ntpark_thread_parker parker;
    LARGE_INTEGER frequency, start, end;
    uint64_t milliseconds;

    maker->make(&parker);
    QueryPerformanceFrequency(&frequency);
    for (milliseconds = 1; milliseconds <= 16; milliseconds *= 4) {
        double elapsed;

        CHECK_STATUS(ntpark_thread_parker_prepare_park(&parker), NTPARK_OK);
        QueryPerformanceCounter(&start);
        CHECK_STATUS(ntpark_thread_parker_park_until(&parker, maker->now() + milliseconds * TICKS_PER_MILLISECOND),
                     NTPARK_TIMEOUT);
        QueryPerformanceCounter(&end);
        CHECK_STATUS(ntpark_thread_parker_timed_out(&parker), NTPARK_TIMEOUT);
        elapsed = (double)(end.QuadPart - start.QuadPart + 1) * 1e3 / (double)frequency.QuadPart;
        CHECK(elapsed >= (double)milliseconds);

        CHECK_STATUS(ntpark_thread_parker_prepare_park(&parker), NTPARK_OK);
        QueryPerformanceCounter(&start);
        CHECK_STATUS(ntpark_thread_parker_park_timeout(&parker, milliseconds * MILLISECOND), NTPARK_TIMEOUT);
        QueryPerformanceCounter(&end);
        CHECK_STATUS(ntpark_thread_parker_timed_out(&parker), NTPARK_TIMEOUT);
        elapsed = (double)(end.QuadPart - start.QuadPart + 1) * 1e3 / (double)frequency.QuadPart;
        CHECK(elapsed >= (double)milliseconds);
    }
    CHECK_STATUS(ntpark_thread_parker_park_timeout(&parker, MILLISECOND), NTPARK_BUSY);
    CHECK_STATUS(ntpark_thread_parker_prepare_park(&parker), NTPARK_OK);
    CHECK_STATUS(ntpark_unpark_handle_unpark(ntpark_thread_parker_unpark_lock(&parker)), NTPARK_OK);
    CHECK_STATUS(ntpark_thread_parker_park_timeout(&parker, NTPARK_FOREVER), NTPARK_OK);
}

/* Waiters on the stack, in a list under a lock, of which some give up and the others are woken: each exactly once. */

#define WAITERS 4
#define WAITS 200

struct waiter {
    ntpark_thread_parker parker;
    struct waiter *next;
};

struct queue {
    const struct two_phase_maker *maker;
    CRITICAL_SECTION lock;
    struct waiter *first;
    volatile LONG unparked, gave_up, woken, done;
};

static bool take_out(struct queue *queue, const struct waiter *waiter)
{
    struct waiter **place = &queue->first;

    while (*place != NULL && *place != waiter)
        place = &(*place)->next;
    if (*place == NULL)
        return false;
    *place = (*place)->next;
    return true;
}

static DWORD WINAPI wait_often(void *argument)
{
    struct queue *queue = (struct queue *)argument;
    int times;

    for (times = 0; times < WAITS; times++) {
        struct waiter waiter;
        ntpark_status status;

        queue->maker->make(&waiter.parker);
        CHECK_STATUS(ntpark_thread_parker_prepare_park(&waiter.parker), NTPARK_OK);
        EnterCriticalSection(&queue->lock);
        waiter.next = queue->first;
        queue->first = &waiter;
        LeaveCriticalSection(&queue->lock);

        status = ntpark_thread_parker_park_until(&waiter.parker, queue->maker->now() + (uint64_t)(times % 32) * 100);
        if (status == NTPARK_TIMEOUT) {
            EnterCriticalSection(&queue->lock);
            status = ntpark_thread_parker_timed_out(&waiter.parker);
            CHECK(take_out(queue, &waiter) == (status == NTPARK_TIMEOUT));
            LeaveCriticalSection(&queue->lock);
        }
        InterlockedIncrement(status == NTPARK_OK ? &queue->unparked : &queue->gave_up);
        memset(&waiter, 0x5A, sizeof waiter);
    }
    InterlockedIncrement(&queue->done);
    return 0;
}

void two_phase_queue(const struct two_phase_maker *maker)
{
    struct queue queue;
    HANDLE threads[WAITERS];
    int at;

    memset(&queue, 0, sizeof queue);
    queue.maker = maker;
    InitializeCriticalSection(&queue.lock);
    for (at = 0; at < WAITERS; at++)
        threads[at] = test_start(wait_often, &queue);
    while (queue.done < WAITERS) {
        ntpark_unpark_handle handle = {NULL, NULL};
        struct waiter *waiter;

        EnterCriticalSection(&queue.lock);
        waiter = queue.first;
        if (waiter != NULL) {
            queue.first = waiter->next;
            handle = ntpark_thread_parker_unpark_lock(&waiter->parker);
            InterlockedIncrement(&queue.woken);
        }
        LeaveCriticalSection(&queue.lock);
        CHECK_STATUS(ntpark_unpark_handle_unpark(handle), NTPARK_OK);
        if (waiter == NULL)
            ntpark_yield();
    }
    for (at = 0; at < WAITERS; at++)
        test_join(threads[at]);
    DeleteCriticalSection(&queue.lock);
    CHECK(queue.first == NULL);
    CHECK(queue.woken == queue.unparked);
    CHECK(queue.unparked + queue.gave_up == WAITERS * WAITS);
}
