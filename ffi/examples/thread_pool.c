/*
 * A thread pool: workers take jobs from a bounded queue, end when they have been idle for a while, and are started
 * again when there is work. Submitting waits for room, or gives up in time. Shutdown does all jobs first. C99.
 */

#include <ntpark.h>

#include <stdio.h>
#include <windows.h>

enum { SLOTS = 16, MOST_WORKERS = 4, JOBS = 20000 };

#define MILLISECOND ((uint64_t)1000000)
#define IDLE_LIMIT (50 * MILLISECOND)

struct job {
    void (*run)(void *argument);
    void *argument;
};

/* All zero: empty and open. The mutex guards the rest. */
struct pool {
    ntpark_mutex mutex;
    ntpark_condvar not_empty, not_full, all_gone;
    struct job jobs[SLOTS];
    unsigned first, count, workers, idle;
    bool is_closing;
};

static DWORD WINAPI work(void *argument)
{
    struct pool *pool = (struct pool *)argument;
    ntpark_status status = NTPARK_OK;

    ntpark_mutex_lock(&pool->mutex);
    for (;;) {
        if (pool->count > 0) {
            const struct job job = pool->jobs[pool->first++ % SLOTS];

            pool->count--;
            ntpark_condvar_notify_one(&pool->not_full, NULL);
            ntpark_mutex_unlock(&pool->mutex);
            job.run(job.argument);
            ntpark_mutex_lock(&pool->mutex);
            status = NTPARK_OK;
        } else if (pool->is_closing || status == NTPARK_TIMEOUT) {
            break;
        } else {
            pool->idle++;
            status = ntpark_condvar_wait_timeout(&pool->not_empty, &pool->mutex, IDLE_LIMIT);
            pool->idle--;
        }
    }
    if (--pool->workers == 0)
        ntpark_condvar_notify_all(&pool->all_gone, NULL);
    ntpark_mutex_unlock(&pool->mutex);
    return 0;
}

/* Starts one more worker, if there may be. The mutex is locked. */
static void add_worker(struct pool *pool)
{
    HANDLE thread;

    if (pool->workers == MOST_WORKERS)
        return;
    thread = CreateThread(NULL, 0, work, pool, 0, NULL);
    if (thread != NULL) {
        CloseHandle(thread);
        pool->workers++;
    }
}

/* Returns false if there was no room in time, or the pool is closing, or it has no worker and cannot start one. */
static bool submit(struct pool *pool, struct job job, uint64_t nanoseconds)
{
    const uint64_t deadline = ntpark_deadline(nanoseconds);
    ntpark_status status = NTPARK_OK;
    bool is_accepted;

    ntpark_mutex_lock(&pool->mutex);
    while (pool->count == SLOTS && !pool->is_closing && status == NTPARK_OK)
        status = ntpark_condvar_wait_until(&pool->not_full, &pool->mutex, deadline);
    if (pool->idle <= pool->count)
        add_worker(pool);
    is_accepted = pool->count < SLOTS && !pool->is_closing && pool->workers > 0;
    if (is_accepted) {
        pool->jobs[(pool->first + pool->count++) % SLOTS] = job;
        ntpark_condvar_notify_one(&pool->not_empty, NULL);
    }
    ntpark_mutex_unlock(&pool->mutex);
    return is_accepted;
}

/* Does all jobs, and returns when no worker is left. The pool may be freed then. */
static void shut_down(struct pool *pool)
{
    ntpark_mutex_lock(&pool->mutex);
    pool->is_closing = true;
    ntpark_condvar_notify_all(&pool->not_empty, NULL);
    ntpark_condvar_notify_all(&pool->not_full, NULL);
    while (pool->workers > 0)
        ntpark_condvar_wait(&pool->all_gone, &pool->mutex);
    ntpark_mutex_unlock(&pool->mutex);
}

static void count(void *counter)
{
    InterlockedIncrement((volatile LONG *)counter);
}

static void await_gate(void *gate)
{
    ntpark_event_wait((ntpark_event *)gate);
}

int main(void)
{
    static struct pool pool;
    static volatile LONG counter;
    ntpark_event gate = NTPARK_EVENT_MANUAL_RESET_INIT;
    const struct job counting = {count, (void *)&counter}, blocking = {await_gate, &gate};
    int times, blocked;

    for (times = 0; times < JOBS; times++) {
        if (!submit(&pool, counting, NTPARK_FOREVER))
            return 1;
    }
    /* Once all workers are busy and the queue is full, there is no room in time. */
    for (times = 0; submit(&pool, blocking, 20 * MILLISECOND); times++) {
    }
    blocked = times;
    ntpark_event_set(&gate);
    /* The workers go when there is nothing to do, and come back. */
    ntpark_mutex_lock(&pool.mutex);
    while (pool.workers > 0)
        ntpark_condvar_wait(&pool.all_gone, &pool.mutex);
    ntpark_mutex_unlock(&pool.mutex);
    if (!submit(&pool, counting, 0))
        return 2;
    shut_down(&pool);
    if (submit(&pool, counting, NTPARK_FOREVER))
        return 3;
    printf("%ld jobs done, and the pool was full with %d that blocked\n", counter, blocked);
    return counter == JOBS + 1 && blocked >= SLOTS && blocked <= SLOTS + MOST_WORKERS ? 0 : 4;
}
