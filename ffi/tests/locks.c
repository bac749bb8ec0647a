/* Mutex, condition variable, once, semaphore, event and barrier. */

#include "locks.h"

#include "test.h"

#define THREADS 4
#define ROUNDS 500

static void start_all(HANDLE threads[THREADS], test_thread thread, void *argument)
{
    int at;

    for (at = 0; at < THREADS; at++)
        threads[at] = test_start(thread, argument);
}

static void join_all(HANDLE threads[THREADS])
{
    int at;

    for (at = 0; at < THREADS; at++)
        test_join(threads[at]);
}

/* As the lock's documentation has it: threads are in the queue. */
#define MUTEX_PARKED 2u
#define EVENT_PARKED 2u

static uint32_t mutex_state(const ntpark_mutex *mutex) { return *(const volatile uint32_t *)&mutex->state; }

void mutex_states(void)
{
    ntpark_mutex mutex = NTPARK_MUTEX_INIT;

    CHECK_STATUS(ntpark_mutex_unlock(&mutex), NTPARK_BUSY);
    CHECK_STATUS(ntpark_mutex_unlock_fair(&mutex), NTPARK_BUSY);
    CHECK_STATUS(ntpark_mutex_bump(&mutex), NTPARK_BUSY);
    CHECK(mutex.state == 0);

    CHECK_STATUS(ntpark_mutex_lock(&mutex), NTPARK_OK);
    CHECK_STATUS(ntpark_mutex_try_lock(&mutex), NTPARK_BUSY);
    CHECK_TIMES_OUT(ntpark_mutex_lock_timeout(&mutex, nanoseconds), ntpark_mutex_lock_until(&mutex, deadline));
    CHECK_STATUS(ntpark_mutex_bump(&mutex), NTPARK_OK);
    CHECK_STATUS(ntpark_mutex_unlock(&mutex), NTPARK_OK);

    CHECK_STATUS(ntpark_mutex_try_lock(&mutex), NTPARK_OK);
    CHECK_STATUS(ntpark_mutex_unlock_fair(&mutex), NTPARK_OK);
    CHECK_STATUS(ntpark_mutex_lock_timeout(&mutex, 0), NTPARK_OK);
    CHECK_STATUS(ntpark_mutex_unlock(&mutex), NTPARK_OK);
    CHECK_STATUS(ntpark_mutex_lock_until(&mutex, 0), NTPARK_OK);

    memset(&mutex, 0xA5, sizeof mutex);
    CHECK_STATUS(ntpark_mutex_init(&mutex), NTPARK_OK);
    CHECK(mutex.state == 0);
}

struct account {
    ntpark_mutex mutex;
    LONG balance;
};

static DWORD WINAPI pay_in(void *argument)
{
    struct account *account = (struct account *)argument;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        ntpark_status status = NTPARK_TIMEOUT;

        switch (round % 4) {
        case 0: status = ntpark_mutex_lock(&account->mutex); break;
        case 1: status = ntpark_mutex_lock_timeout(&account->mutex, NTPARK_FOREVER); break;
        case 2: status = ntpark_mutex_lock_until(&account->mutex, NTPARK_FOREVER); break;
        case 3:
            while (status == NTPARK_TIMEOUT)
                status = ntpark_mutex_lock_timeout(&account->mutex, (uint64_t)(round % 64) * 1000);
            break;
        }
        CHECK_STATUS(status, NTPARK_OK);
        /* Not atomic: the mutex guards it. */
        account->balance++;
        if (round % 8 == 0)
            ntpark_yield();
        if (round % 3 == 0)
            CHECK_STATUS(ntpark_mutex_unlock_fair(&account->mutex), NTPARK_OK);
        else
            CHECK_STATUS(ntpark_mutex_unlock(&account->mutex), NTPARK_OK);
    }
    return 0;
}

void mutex_excludes(void)
{
    struct account account = {NTPARK_MUTEX_INIT, 0};
    HANDLE threads[THREADS];

    start_all(threads, pay_in, &account);
    join_all(threads);
    CHECK(account.balance == THREADS * ROUNDS);
    CHECK_STATUS(ntpark_mutex_try_lock(&account.mutex), NTPARK_OK);
}

static DWORD WINAPI lock_and_await(void *argument)
{
    struct account *account = (struct account *)argument;

    SetLastError(0xC0FFEE);
    CHECK_STATUS(ntpark_mutex_lock(&account->mutex), NTPARK_OK);
    CHECK(GetLastError() == 0xC0FFEE);
    InterlockedIncrement(&account->balance);
    AWAIT(*(volatile LONG *)&account->balance == 2);
    CHECK_STATUS(ntpark_mutex_unlock(&account->mutex), NTPARK_OK);
    return 0;
}

static DWORD WINAPI lock_once(void *argument)
{
    struct account *account = (struct account *)argument;

    CHECK_STATUS(ntpark_mutex_lock(&account->mutex), NTPARK_OK);
    account->balance++;
    CHECK_STATUS(ntpark_mutex_unlock(&account->mutex), NTPARK_OK);
    return 0;
}

void mutex_hands_over(void)
{
    struct account account = {NTPARK_MUTEX_INIT, 0};
    HANDLE thread;

    /* A fair unlock gives the mutex away, before the waiter even runs. */
    CHECK_STATUS(ntpark_mutex_lock(&account.mutex), NTPARK_OK);
    thread = test_start(lock_and_await, &account);
    AWAIT(mutex_state(&account.mutex) & MUTEX_PARKED);
    CHECK_STATUS(ntpark_mutex_unlock_fair(&account.mutex), NTPARK_OK);
    CHECK_STATUS(ntpark_mutex_try_lock(&account.mutex), NTPARK_BUSY);
    AWAIT(*(volatile LONG *)&account.balance == 1);
    InterlockedIncrement(&account.balance);
    test_join(thread);

    /* A bump lets the waiter have it in between. */
    CHECK_STATUS(ntpark_mutex_lock(&account.mutex), NTPARK_OK);
    thread = test_start(lock_once, &account);
    AWAIT(mutex_state(&account.mutex) & MUTEX_PARKED);
    CHECK(account.balance == 2);
    CHECK_STATUS(ntpark_mutex_bump(&account.mutex), NTPARK_OK);
    CHECK(account.balance == 3);
    CHECK_STATUS(ntpark_mutex_unlock(&account.mutex), NTPARK_OK);
    test_join(thread);
}

/* Condition variables. */

void condvar_states(void)
{
    ntpark_condvar condvar = NTPARK_CONDVAR_INIT;
    ntpark_mutex mutex = NTPARK_MUTEX_INIT;
    uintptr_t notified = 7;

    CHECK_STATUS(ntpark_condvar_wait(&condvar, &mutex), NTPARK_BUSY);
    CHECK_STATUS(ntpark_condvar_wait_timeout(&condvar, &mutex, NTPARK_FOREVER), NTPARK_BUSY);
    CHECK_STATUS(ntpark_condvar_wait_until(&condvar, &mutex, NTPARK_FOREVER), NTPARK_BUSY);
    CHECK(mutex.state == 0 && condvar.state == NULL);

    CHECK_STATUS(ntpark_mutex_lock(&mutex), NTPARK_OK);
    CHECK_TIMES_OUT(ntpark_condvar_wait_timeout(&condvar, &mutex, nanoseconds),
                    ntpark_condvar_wait_until(&condvar, &mutex, deadline));
    /* It has been locked again. */
    CHECK_STATUS(ntpark_mutex_try_lock(&mutex), NTPARK_BUSY);
    CHECK_STATUS(ntpark_mutex_unlock(&mutex), NTPARK_OK);

    CHECK_STATUS(ntpark_condvar_notify_one(&condvar, &notified), NTPARK_OK);
    CHECK(notified == 0);
    notified = 7;
    CHECK_STATUS(ntpark_condvar_notify_all(&condvar, &notified), NTPARK_OK);
    CHECK(notified == 0);
    CHECK_STATUS(ntpark_condvar_notify(&condvar, 3, NULL), NTPARK_OK);
    CHECK_STATUS(ntpark_condvar_notify_one(&condvar, NULL), NTPARK_OK);
    CHECK_STATUS(ntpark_condvar_notify_all(&condvar, NULL), NTPARK_OK);

    memset(&condvar, 0xA5, sizeof condvar);
    CHECK_STATUS(ntpark_condvar_init(&condvar), NTPARK_OK);
    CHECK(condvar.state == NULL);
}

struct room {
    ntpark_mutex mutex;
    ntpark_condvar condvar;
    volatile LONG in, out;
};

/* Waits in each of the three ways. */
static DWORD WINAPI wait_in_room(void *argument)
{
    struct room *room = (struct room *)argument;
    ntpark_status status = NTPARK_INVALID;

    CHECK_STATUS(ntpark_mutex_lock(&room->mutex), NTPARK_OK);
    switch (room->in++ % 3) {
    case 0: status = ntpark_condvar_wait(&room->condvar, &room->mutex); break;
    case 1: status = ntpark_condvar_wait_timeout(&room->condvar, &room->mutex, NTPARK_FOREVER); break;
    case 2: status = ntpark_condvar_wait_until(&room->condvar, &room->mutex, NTPARK_FOREVER); break;
    }
    CHECK_STATUS(status, NTPARK_OK);
    room->out++;
    CHECK_STATUS(ntpark_mutex_unlock(&room->mutex), NTPARK_OK);
    return 0;
}

static void fill_room(struct room *room, HANDLE threads[THREADS])
{
    LONG in = 0;

    memset(room, 0, sizeof *room);
    start_all(threads, wait_in_room, room);
    while (in < THREADS) {
        Sleep(1);
        CHECK_STATUS(ntpark_mutex_lock(&room->mutex), NTPARK_OK);
        in = room->in;
        CHECK_STATUS(ntpark_mutex_unlock(&room->mutex), NTPARK_OK);
    }
}

void condvar_counts(void)
{
    struct room room;
    HANDLE threads[THREADS];
    uintptr_t notified;

    fill_room(&room, threads);
    CHECK_STATUS(ntpark_condvar_notify(&room.condvar, 0, &notified), NTPARK_OK);
    CHECK(notified == 0);
    CHECK_STATUS(ntpark_condvar_notify_one(&room.condvar, &notified), NTPARK_OK);
    CHECK(notified == 1);
    AWAIT(room.out == 1);
    CHECK_STATUS(ntpark_condvar_notify(&room.condvar, 2, &notified), NTPARK_OK);
    CHECK(notified == 2);
    AWAIT(room.out == 3);
    CHECK_STATUS(ntpark_condvar_notify(&room.condvar, 2, &notified), NTPARK_OK);
    CHECK(notified == 1);
    join_all(threads);

    /* With the mutex locked, they move to its queue. */
    fill_room(&room, threads);
    CHECK_STATUS(ntpark_mutex_lock(&room.mutex), NTPARK_OK);
    CHECK_STATUS(ntpark_condvar_notify_all(&room.condvar, &notified), NTPARK_OK);
    CHECK(notified == THREADS);
    CHECK(mutex_state(&room.mutex) & MUTEX_PARKED);
    CHECK(room.out == 0);
    CHECK_STATUS(ntpark_mutex_unlock(&room.mutex), NTPARK_OK);
    join_all(threads);
    CHECK(room.out == THREADS);
}

struct ward {
    CRITICAL_SECTION lock;
    ntpark_condvar condvar;
    bool is_open;
    volatile LONG unlocks;
};

static void NTPARK_CALL leave(void *argument)
{
    struct ward *ward = (struct ward *)argument;

    ward->unlocks++;
    LeaveCriticalSection(&ward->lock);
}

static DWORD WINAPI await_opening(void *argument)
{
    struct ward *ward = (struct ward *)argument;

    EnterCriticalSection(&ward->lock);
    while (!ward->is_open) {
        CHECK_STATUS(ntpark_condvar_wait_unlocked_until(&ward->condvar, leave, ward, NTPARK_FOREVER), NTPARK_OK);
        EnterCriticalSection(&ward->lock);
    }
    LeaveCriticalSection(&ward->lock);
    return 0;
}

void condvar_any_lock(void)
{
    struct ward ward;
    HANDLE threads[THREADS];

    memset(&ward, 0, sizeof ward);
    InitializeCriticalSection(&ward.lock);
    EnterCriticalSection(&ward.lock);
    CHECK_STATUS(ntpark_condvar_wait_unlocked_until(&ward.condvar, leave, &ward, ntpark_deadline(MILLISECOND)),
                 NTPARK_TIMEOUT);
    CHECK(ward.unlocks == 1);

    start_all(threads, await_opening, &ward);
    AWAIT(ward.unlocks == 1 + THREADS);
    EnterCriticalSection(&ward.lock);
    ward.is_open = true;
    LeaveCriticalSection(&ward.lock);
    CHECK_STATUS(ntpark_condvar_notify_all(&ward.condvar, NULL), NTPARK_OK);
    join_all(threads);
    CHECK(ward.unlocks == 1 + THREADS);
    DeleteCriticalSection(&ward.lock);
}

/* A queue of one place, waited for with short timeouts: nothing is lost, nothing doubled. */
struct place {
    ntpark_mutex mutex;
    ntpark_condvar is_full, is_empty;
    int item;
    LONG sum;
};

static void exchange(struct place *place, int given)
{
    ntpark_condvar *to_await = given != 0 ? &place->is_empty : &place->is_full;
    ntpark_condvar *to_notify = given != 0 ? &place->is_full : &place->is_empty;
    int times = 0;

    CHECK_STATUS(ntpark_mutex_lock(&place->mutex), NTPARK_OK);
    while ((place->item == 0) != (given != 0))
        CHECK(ntpark_condvar_wait_timeout(to_await, &place->mutex, (uint64_t)(times++ % 32) * 10000) <= NTPARK_TIMEOUT);
    place->sum += place->item;
    place->item = given;
    CHECK_STATUS(ntpark_condvar_notify_one(to_notify, NULL), NTPARK_OK);
    CHECK_STATUS(ntpark_mutex_unlock(&place->mutex), NTPARK_OK);
}

static DWORD WINAPI produce(void *place)
{
    int round;

    for (round = 1; round <= ROUNDS; round++)
        exchange((struct place *)place, round);
    return 0;
}

void condvar_queue(void)
{
    struct place place;
    HANDLE threads[THREADS];
    int round;

    memset(&place, 0, sizeof place);
    start_all(threads, produce, &place);
    for (round = 0; round < THREADS * ROUNDS; round++)
        exchange(&place, 0);
    join_all(threads);
    CHECK(place.item == 0);
    CHECK(place.sum == THREADS * (ROUNDS * (ROUNDS + 1) / 2));
}

/* Once. */

void once_states(void)
{
    ntpark_once once = NTPARK_ONCE_INIT;
    ntpark_once_state what = -1;

    CHECK_STATUS(ntpark_once_is_done(&once), NTPARK_BUSY);
    CHECK_STATUS(ntpark_once_complete(&once), NTPARK_BUSY);
    CHECK_STATUS(ntpark_once_abandon(&once), NTPARK_BUSY);
    CHECK(once.state == 0);
    CHECK_TIMES_OUT(ntpark_once_wait_timeout(&once, nanoseconds), ntpark_once_wait_until(&once, deadline));

    CHECK_STATUS(ntpark_once_begin(&once, &what), NTPARK_OK);
    CHECK(what == NTPARK_ONCE_RUN);
    CHECK_STATUS(ntpark_once_try_begin(&once, &what), NTPARK_BUSY);
    CHECK(what == NTPARK_ONCE_BUSY);
    what = -1;
    CHECK_TIMES_OUT(ntpark_once_begin_timeout(&once, nanoseconds, &what),
                    ntpark_once_begin_until(&once, deadline, &what));
    CHECK(what == NTPARK_ONCE_BUSY);
    CHECK_STATUS(ntpark_once_is_done(&once), NTPARK_BUSY);

    CHECK_STATUS(ntpark_once_abandon(&once), NTPARK_OK);
    CHECK_STATUS(ntpark_once_abandon(&once), NTPARK_BUSY);
    CHECK_STATUS(ntpark_once_try_begin(&once, &what), NTPARK_OK);
    CHECK(what == NTPARK_ONCE_RUN_AGAIN);
    CHECK_STATUS(ntpark_once_complete(&once), NTPARK_OK);
    CHECK_STATUS(ntpark_once_complete(&once), NTPARK_BUSY);
    CHECK_STATUS(ntpark_once_abandon(&once), NTPARK_BUSY);

    CHECK_STATUS(ntpark_once_is_done(&once), NTPARK_OK);
    CHECK_STATUS(ntpark_once_begin(&once, &what), NTPARK_OK);
    CHECK(what == NTPARK_ONCE_DONE);
    CHECK_STATUS(ntpark_once_begin_timeout(&once, 0, &what), NTPARK_OK);
    CHECK_STATUS(ntpark_once_begin_until(&once, 0, &what), NTPARK_OK);
    CHECK_STATUS(ntpark_once_wait(&once), NTPARK_OK);
    CHECK_STATUS(ntpark_once_wait_timeout(&once, 0), NTPARK_OK);
    CHECK_STATUS(ntpark_once_wait_until(&once, 0), NTPARK_OK);

    CHECK_STATUS(ntpark_once_init(&once), NTPARK_OK);
    CHECK(once.state == 0);
}

struct rite {
    ntpark_once once;
    LONG attempts, value;
};

static DWORD WINAPI perform(void *argument)
{
    struct rite *rite = (struct rite *)argument;
    ntpark_once_state what = -1;

    do {
        CHECK_STATUS(ntpark_once_begin(&rite->once, &what), NTPARK_OK);
        if (what == NTPARK_ONCE_DONE)
            break;
        CHECK(what == (rite->attempts == 0 ? NTPARK_ONCE_RUN : NTPARK_ONCE_RUN_AGAIN));
        /* Not atomic: one thread at a time gets here. */
        rite->attempts++;
        Sleep(1);
        if (rite->attempts < THREADS) {
            CHECK_STATUS(ntpark_once_abandon(&rite->once), NTPARK_OK);
        } else {
            rite->value = 42;
            CHECK_STATUS(ntpark_once_complete(&rite->once), NTPARK_OK);
        }
    } while (true);
    CHECK(rite->value == 42);
    return 0;
}

static DWORD WINAPI attend(void *argument)
{
    struct rite *rite = (struct rite *)argument;

    CHECK_STATUS(ntpark_once_wait(&rite->once), NTPARK_OK);
    CHECK(rite->value == 42);
    return 0;
}

void once_runs_once(void)
{
    struct rite rite = {NTPARK_ONCE_INIT, 0, 0};
    HANDLE threads[THREADS], guest = test_start(attend, &rite);

    start_all(threads, perform, &rite);
    join_all(threads);
    test_join(guest);
    CHECK(rite.attempts == THREADS);
}

/* Semaphores. */

static uint32_t permits(ntpark_semaphore *semaphore)
{
    uint32_t available = UINT32_MAX;

    CHECK_STATUS(ntpark_semaphore_permits(semaphore, &available), NTPARK_OK);
    return available;
}

void semaphore_states(void)
{
    static ntpark_semaphore of_zeros;
    ntpark_semaphore semaphore = NTPARK_SEMAPHORE_INIT(3);

    CHECK(permits(&of_zeros) == 0);
    CHECK_STATUS(ntpark_semaphore_try_acquire(&of_zeros, 0), NTPARK_OK);
    CHECK(permits(&semaphore) == 3);
    CHECK_STATUS(ntpark_semaphore_acquire(&semaphore, 1), NTPARK_OK);
    CHECK_STATUS(ntpark_semaphore_try_acquire(&semaphore, 3), NTPARK_BUSY);
    CHECK_TIMES_OUT(ntpark_semaphore_acquire_timeout(&semaphore, 3, nanoseconds),
                    ntpark_semaphore_acquire_until(&semaphore, 3, deadline));
    CHECK(permits(&semaphore) == 2);
    CHECK_STATUS(ntpark_semaphore_acquire_timeout(&semaphore, 1, 0), NTPARK_OK);
    CHECK_STATUS(ntpark_semaphore_acquire_until(&semaphore, 1, 0), NTPARK_OK);
    CHECK(permits(&semaphore) == 0);

    /* There is room for so many and no more. */
    CHECK_STATUS(ntpark_semaphore_release(&semaphore, 0x7FFFFFFF), NTPARK_OK);
    CHECK_STATUS(ntpark_semaphore_release(&semaphore, 1), NTPARK_INVALID);
    CHECK(permits(&semaphore) == 0x7FFFFFFF);
    CHECK_STATUS(ntpark_semaphore_try_acquire(&semaphore, 0x7FFFFFFF), NTPARK_OK);

    memset(&semaphore, 0xA5, sizeof semaphore);
    CHECK_STATUS(ntpark_semaphore_init(&semaphore, 0x7FFFFFFF), NTPARK_OK);
    CHECK(permits(&semaphore) == 0x7FFFFFFF);
    CHECK_STATUS(ntpark_semaphore_init(&semaphore, 0), NTPARK_OK);
    CHECK(memcmp(&semaphore, &of_zeros, sizeof semaphore) == 0);
}

struct pool {
    ntpark_semaphore semaphore;
    volatile LONG users, most;
};

static DWORD WINAPI use(void *argument)
{
    struct pool *pool = (struct pool *)argument;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        const uint32_t wanted = 1 + (uint32_t)round % 2;
        ntpark_status status = NTPARK_TIMEOUT;
        LONG users, most;

        while (status == NTPARK_TIMEOUT && round % 3 == 0)
            status = ntpark_semaphore_acquire_timeout(&pool->semaphore, wanted, (uint64_t)round * 100);
        if (status == NTPARK_TIMEOUT)
            status = ntpark_semaphore_acquire(&pool->semaphore, wanted);
        CHECK_STATUS(status, NTPARK_OK);
        users = InterlockedExchangeAdd(&pool->users, (LONG)wanted) + (LONG)wanted;
        while ((most = pool->most) < users)
            InterlockedCompareExchange(&pool->most, users, most);
        if (round % 8 == 0)
            ntpark_yield();
        InterlockedExchangeAdd(&pool->users, -(LONG)wanted);
        CHECK_STATUS(ntpark_semaphore_release(&pool->semaphore, wanted), NTPARK_OK);
    }
    return 0;
}

void semaphore_passes_on(void)
{
    struct pool pool = {NTPARK_SEMAPHORE_INIT(3), 0, 0};
    HANDLE threads[THREADS];

    start_all(threads, use, &pool);
    join_all(threads);
    CHECK(pool.most >= 2 && pool.most <= 3);
    CHECK(permits(&pool.semaphore) == 3);
}

/* Events. */

void event_states(void)
{
    ntpark_event event = NTPARK_EVENT_INIT, gate = NTPARK_EVENT_MANUAL_RESET_INIT, made;

    CHECK_STATUS(ntpark_event_reset(&event), NTPARK_BUSY);
    CHECK_STATUS(ntpark_event_try_wait(&event), NTPARK_BUSY);
    CHECK_TIMES_OUT(ntpark_event_wait_timeout(&event, nanoseconds), ntpark_event_wait_until(&event, deadline));
    /* Set twice is set, and lets one through. */
    CHECK_STATUS(ntpark_event_set(&event), NTPARK_OK);
    CHECK_STATUS(ntpark_event_set(&event), NTPARK_OK);
    CHECK_STATUS(ntpark_event_wait(&event), NTPARK_OK);
    CHECK_STATUS(ntpark_event_try_wait(&event), NTPARK_BUSY);
    CHECK_STATUS(ntpark_event_set(&event), NTPARK_OK);
    CHECK_STATUS(ntpark_event_reset(&event), NTPARK_OK);
    CHECK_STATUS(ntpark_event_wait_timeout(&event, 0), NTPARK_TIMEOUT);

    CHECK_STATUS(ntpark_event_wait_until(&gate, 0), NTPARK_TIMEOUT);
    CHECK_STATUS(ntpark_event_set(&gate), NTPARK_OK);
    CHECK_STATUS(ntpark_event_wait(&gate), NTPARK_OK);
    CHECK_STATUS(ntpark_event_try_wait(&gate), NTPARK_OK);
    CHECK_STATUS(ntpark_event_wait_timeout(&gate, 0), NTPARK_OK);
    CHECK_STATUS(ntpark_event_wait_until(&gate, 0), NTPARK_OK);
    CHECK_STATUS(ntpark_event_reset(&gate), NTPARK_OK);
    CHECK_STATUS(ntpark_event_try_wait(&gate), NTPARK_BUSY);

    CHECK_STATUS(ntpark_event_init(&made, true), NTPARK_OK);
    CHECK(memcmp(&made, &gate, sizeof gate) == 0);
    CHECK_STATUS(ntpark_event_init(&made, false), NTPARK_OK);
    CHECK(memcmp(&made, &event, sizeof event) == 0);
}

struct passage {
    ntpark_event event, back;
    volatile LONG through;
};

static DWORD WINAPI pass(void *argument)
{
    struct passage *passage = (struct passage *)argument;

    CHECK_STATUS(ntpark_event_wait(&passage->event), NTPARK_OK);
    InterlockedIncrement(&passage->through);
    CHECK_STATUS(ntpark_event_set(&passage->back), NTPARK_OK);
    return 0;
}

static void test_passage(bool is_gate)
{
    struct passage passage = {NTPARK_EVENT_INIT, NTPARK_EVENT_INIT, 0};
    HANDLE threads[THREADS];
    LONG at;

    CHECK_STATUS(ntpark_event_init(&passage.event, is_gate), NTPARK_OK);
    start_all(threads, pass, &passage);
    AWAIT(*(volatile uint8_t *)&passage.event.state & EVENT_PARKED);
    for (at = 1; at <= (is_gate ? 1 : THREADS); at++) {
        CHECK_STATUS(ntpark_event_set(&passage.event), NTPARK_OK);
        CHECK_STATUS(ntpark_event_wait_timeout(&passage.back, 60000 * MILLISECOND), NTPARK_OK);
        CHECK(is_gate || passage.through == at);
    }
    join_all(threads);
    CHECK(passage.through == THREADS);
    CHECK_STATUS(ntpark_event_try_wait(&passage.event), is_gate ? NTPARK_OK : NTPARK_BUSY);
}

void event_lets_through(void)
{
    test_passage(false);
    test_passage(true);
}

/* Barriers. */

void barrier_states(void)
{
    ntpark_barrier barrier = NTPARK_BARRIER_INIT;
    bool is_last = false;

    CHECK_STATUS(ntpark_barrier_wait(&barrier, 1, &is_last), NTPARK_OK);
    CHECK(is_last);
    CHECK_STATUS(ntpark_barrier_wait(&barrier, 1, NULL), NTPARK_OK);
    CHECK_TIMES_OUT(ntpark_barrier_wait_timeout(&barrier, 2, nanoseconds, &is_last),
                    ntpark_barrier_wait_until(&barrier, 2, deadline, &is_last));
    CHECK(!is_last);
    /* Who gave up has not arrived. */
    CHECK_STATUS(ntpark_barrier_wait_timeout(&barrier, 2, 0, NULL), NTPARK_TIMEOUT);
    CHECK_STATUS(ntpark_barrier_wait_timeout(&barrier, 1, 0, &is_last), NTPARK_OK);
    CHECK(is_last);
    is_last = false;
    CHECK_STATUS(ntpark_barrier_wait_until(&barrier, 1, 0, &is_last), NTPARK_OK);
    CHECK(is_last);

    memset(&barrier, 0xA5, sizeof barrier);
    CHECK_STATUS(ntpark_barrier_init(&barrier), NTPARK_OK);
    CHECK(barrier.state == 0);
}

struct parade {
    ntpark_barrier barrier;
    volatile LONG arrived, last;
};

static DWORD WINAPI march(void *argument)
{
    struct parade *parade = (struct parade *)argument;
    LONG round;

    for (round = 1; round <= ROUNDS; round++) {
        bool is_last = false;
        ntpark_status status;

        InterlockedIncrement(&parade->arrived);
        switch (round % 3) {
        case 0: status = ntpark_barrier_wait(&parade->barrier, THREADS, &is_last); break;
        case 1: status = ntpark_barrier_wait_timeout(&parade->barrier, THREADS, NTPARK_FOREVER, &is_last); break;
        default: status = ntpark_barrier_wait_until(&parade->barrier, THREADS, NTPARK_FOREVER, &is_last); break;
        }
        CHECK_STATUS(status, NTPARK_OK);
        CHECK(parade->arrived >= round * THREADS && parade->arrived <= (round + 1) * THREADS);
        if (is_last)
            InterlockedIncrement(&parade->last);
    }
    return 0;
}

void barrier_rounds(void)
{
    struct parade parade = {NTPARK_BARRIER_INIT, 0, 0};
    HANDLE threads[THREADS];

    start_all(threads, march, &parade);
    join_all(threads);
    CHECK(parade.last == ROUNDS);
}
