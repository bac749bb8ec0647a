/*
 * A bounded queue between two threads, without a lock: a thread that finds it empty, or full, parks. C11, for its
 * atomics.
 *
 * A left-over token costs one more check of the queue; a missing token would be a hang. So each side unparks the other
 * after every change, and checks again after every park.
 */

#include <ntpark.h>

#include <stdatomic.h>
#include <stdio.h>
#include <windows.h>

enum { SLOTS = 8, ITEMS = 20000 };

struct queue {
    /* How many items have been put in and taken out. */
    atomic_uint put, taken;
    unsigned slots[SLOTS];
    ntpark_parker not_full, not_empty;
};

/* All zero: empty. */
static struct queue queue;

static void queue_put(struct queue *q, unsigned item)
{
    unsigned put = atomic_load_explicit(&q->put, memory_order_relaxed);

    while (put - atomic_load_explicit(&q->taken, memory_order_acquire) == SLOTS)
        ntpark_parker_park(&q->not_full);
    q->slots[put % SLOTS] = item;
    atomic_store_explicit(&q->put, put + 1, memory_order_release);
    ntpark_parker_unpark(&q->not_empty);
}

/* Returns false if there is no item in time. */
static bool queue_take(struct queue *q, unsigned *item, uint64_t nanoseconds)
{
    uint64_t deadline = ntpark_deadline(nanoseconds);
    unsigned taken = atomic_load_explicit(&q->taken, memory_order_relaxed);

    while (atomic_load_explicit(&q->put, memory_order_acquire) == taken) {
        if (ntpark_parker_park_until(&q->not_empty, deadline) == NTPARK_TIMEOUT)
            return false;
    }
    *item = q->slots[taken % SLOTS];
    atomic_store_explicit(&q->taken, taken + 1, memory_order_release);
    ntpark_parker_unpark(&q->not_full);
    return true;
}

static DWORD WINAPI produce(void *unused)
{
    unsigned item;

    (void)unused;
    for (item = 0; item < ITEMS; item++)
        queue_put(&queue, item);
    return 0;
}

int main(void)
{
    HANDLE producer = CreateThread(NULL, 0, produce, NULL, 0, NULL);
    unsigned expected, item;

    if (producer == NULL)
        return 1;
    for (expected = 0; expected < ITEMS; expected++) {
        if (!queue_take(&queue, &item, NTPARK_FOREVER) || item != expected) {
            printf("item %u is missing\n", expected);
            return 1;
        }
    }
    if (queue_take(&queue, &item, 10 * 1000 * 1000)) {
        printf("item %u is one too many\n", item);
        return 1;
    }
    WaitForSingleObject(producer, INFINITE);
    CloseHandle(producer);
    printf("%d items came through %d slots in order, then none for 10 ms\n", ITEMS, SLOTS);
    return 0;
}
