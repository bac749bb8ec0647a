/* A program and a DLL that each have a copy of the library, and parkers that both use. */

#include "two_copies.h"

#include "test.h"

static const struct copy *dll;

/* Who waits by which copy, and is woken by the other. */
struct pair {
    const struct copy *waiter, *waker;
    ntpark_parker there, back;
    ntpark_thread_parker prepared;
};

/* Both choose by themselves, or are forced to the same kind, which is on its own on any system from Vista on. */
static void choose(void)
{
    HMODULE module = LoadLibraryA("two_copies_dll.dll");
    FARPROC function = module == NULL ? NULL : GetProcAddress(module, "dll_copy");
    char wanted[32];
    get_copy get;

    if (function == NULL) {
        printf("two_copies_dll.dll can't be used: error %lu\n", GetLastError());
        exit(1);
    }
    memcpy(&get, &function, sizeof get);
    dll = get();
    CHECK(dll->unpark != OWN_COPY.unpark);
    test_choose_backend();
    if (GetEnvironmentVariableA("NTPARK_BACKEND", wanted, sizeof wanted) > 0)
        CHECK_STATUS(dll->force(OWN_COPY.in_use()), NTPARK_OK);
    CHECK(dll->in_use() == OWN_COPY.in_use());
}

enum { ROUNDS = 500 };

static DWORD WINAPI answer(void *argument)
{
    struct pair *pair = (struct pair *)argument;
    int round;

    for (round = 0; round < ROUNDS; round++) {
        CHECK_STATUS(pair->waiter->park(&pair->there), NTPARK_OK);
        CHECK_STATUS(pair->waiter->unpark(&pair->back), NTPARK_OK);
    }
    return 0;
}

/* Each thread parks by its own copy, and is woken by the other's. */
static void hand_over(struct pair *pair)
{
    HANDLE thread = test_start(answer, pair);
    int round;

    for (round = 0; round < ROUNDS; round++) {
        CHECK_STATUS(pair->waker->unpark(&pair->there), NTPARK_OK);
        CHECK_STATUS(pair->waker->park(&pair->back), NTPARK_OK);
    }
    test_join(thread);
}

static DWORD WINAPI take_in_a_hurry(void *argument)
{
    struct pair *pair = (struct pair *)argument;
    int taken = 0, times = 0;

    while (taken < ROUNDS) {
        if (pair->waiter->park_timeout(&pair->there, (uint64_t)(times++ % 64) * 1000) == NTPARK_OK) {
            taken++;
            CHECK_STATUS(pair->waiter->unpark(&pair->back), NTPARK_OK);
        }
    }
    return 0;
}

/* Unparks meet threads of the other copy that give up. */
static void cross_timeouts(struct pair *pair)
{
    HANDLE thread = test_start(take_in_a_hurry, pair);
    int round;

    for (round = 0; round < ROUNDS; round++) {
        CHECK_STATUS(pair->waker->unpark(&pair->there), NTPARK_OK);
        CHECK_STATUS(pair->waker->park(&pair->back), NTPARK_OK);
    }
    test_join(thread);
}

static DWORD WINAPI park_prepared(void *argument)
{
    struct pair *pair = (struct pair *)argument;

    CHECK_STATUS(pair->waiter->park_prepared(&pair->prepared), NTPARK_OK);
    return 0;
}

/* The two-phase protocol: the thread has blocked by one copy, or is about to, when the other copy's handle wakes it. */
static void two_phase(struct pair *pair)
{
    int round;

    for (round = 0; round < 50; round++) {
        HANDLE thread;
        uintptr_t armed;

        CHECK_STATUS(pair->waiter->prepare_park(&pair->prepared), NTPARK_OK);
        armed = pair->prepared.state;
        thread = test_start(park_prepared, pair);
        test_await_change(&pair->prepared.state, armed);
        CHECK_STATUS(pair->waker->unpark_handle(pair->waker->unpark_lock(&pair->prepared)), NTPARK_OK);
        test_join(thread);
    }
}

static void both_ways(void (*run)(struct pair *pair))
{
    struct pair pair;

    memset(&pair, 0, sizeof pair);
    pair.waiter = dll;
    pair.waker = &OWN_COPY;
    run(&pair);
    pair.waiter = &OWN_COPY;
    pair.waker = dll;
    run(&pair);
}

static void tokens(void) { both_ways(hand_over); }
static void timeouts(void) { both_ways(cross_timeouts); }
static void prepared(void) { both_ways(two_phase); }

static const struct test TESTS[] = {
    {"choose", choose},
    {"tokens", tokens},
    {"timeouts", timeouts},
    {"prepared", prepared},
};

int main(void)
{
    return test_main(TESTS, COUNT(TESTS), 0, NULL);
}
