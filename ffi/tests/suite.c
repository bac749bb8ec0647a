/* The C interface on the backend that the environment names. */

#include "bad_arguments.h"
#include "futex.h"
#include "host.h"
#include "locks.h"
#include "lot.h"
#include "test.h"
#include "token.h"
#include "two_phase.h"

#include <stddef.h>

/* What a parker did before main. */
static ntpark_status parked_before_main = -1, timed_out_before_main = -1;

__attribute__((constructor)) static void before_main(void)
{
    static ntpark_parker parker = NTPARK_PARKER_INIT;

    test_choose_backend();
    ntpark_parker_unpark(&parker);
    parked_before_main = ntpark_parker_park(&parker);
    timed_out_before_main = ntpark_parker_park_timeout(&parker, MILLISECOND);
}

static void works_before_main(void)
{
    CHECK_STATUS(parked_before_main, NTPARK_OK);
    CHECK_STATUS(timed_out_before_main, NTPARK_TIMEOUT);
}

#define ALIGNMENT(type) offsetof(struct { char first; type second; }, second)

/* The numbers that programs are compiled with: they can't change any more. */
static void numbers(void)
{
    ntpark_host host;

    CHECK(NTPARK_OK == 0 && NTPARK_TIMEOUT == 1 && NTPARK_BUSY == 2 && NTPARK_INVALID == 3 && NTPARK_IN_USE == 4 &&
          NTPARK_UNAVAILABLE == 5 && NTPARK_CHANGED == 6);
    CHECK(NTPARK_ONCE_DONE == 0 && NTPARK_ONCE_RUN == 1 && NTPARK_ONCE_RUN_AGAIN == 2 && NTPARK_ONCE_BUSY == 3);
    CHECK(NTPARK_FILTER_UNPARK == 0 && NTPARK_FILTER_SKIP == 1 && NTPARK_FILTER_STOP == 2);
    CHECK(NTPARK_KEY_SPACES == 0xFF00 && NTPARK_FUTEX_ALL == UINT32_MAX);
    CHECK(NTPARK_KIND_WAIT_ADDRESS == 1 && NTPARK_KIND_KEYED_EVENT == 2 && NTPARK_KIND_KEYED_EVENT_NULL == 3 &&
          NTPARK_KIND_HOST == 4 && NTPARK_KIND_POLLING == 5);
    CHECK(NTPARK_FOREVER == UINT64_MAX);
    CHECK(!NTPARK_IS_REFUSED(NTPARK_OK) && !NTPARK_IS_REFUSED(NTPARK_TIMEOUT) && NTPARK_IS_REFUSED(NTPARK_BUSY) &&
          NTPARK_IS_REFUSED(NTPARK_INVALID));

    CHECK(sizeof(ntpark_status) == 4 && sizeof(ntpark_kind) == 4);
    CHECK(sizeof(ntpark_parker) == sizeof(void *));
    CHECK(sizeof(ntpark_thread_parker) == 2 * sizeof(void *));
    CHECK(sizeof(ntpark_unpark_handle) == 2 * sizeof(void *));
    CHECK(sizeof(ntpark_host) == 7 * sizeof(void *) + 8);
    CHECK(sizeof(ntpark_backend) == 160);
    CHECK(sizeof(ntpark_spin_wait) == 4);
    CHECK(sizeof(ntpark_mutex) == 4 && sizeof(ntpark_semaphore) == 4 && sizeof(ntpark_barrier) == 4);
    CHECK(sizeof(ntpark_rwlock) == sizeof(void *) && sizeof(ntpark_condvar) == sizeof(void *));
    CHECK(sizeof(ntpark_once) == 1 && sizeof(ntpark_event) == 1);
    CHECK(sizeof(ntpark_key) == 2 * sizeof(void *) && sizeof(ntpark_lot_park_callbacks) == 4 * sizeof(void *));
    CHECK(sizeof(ntpark_unpark_result) == 3 * sizeof(void *));
    CHECK(ALIGNMENT(ntpark_mutex) == 4 && ALIGNMENT(ntpark_semaphore) == 4 && ALIGNMENT(ntpark_barrier) == 4);
    CHECK(ALIGNMENT(ntpark_rwlock) == sizeof(void *) && ALIGNMENT(ntpark_condvar) == sizeof(void *));
    CHECK(ALIGNMENT(ntpark_key) == sizeof(void *) && ALIGNMENT(ntpark_unpark_result) == sizeof(void *));
    CHECK((char *)&host.size == (char *)&host);
    CHECK((char *)&host.wait - (char *)&host == 2 * (ptrdiff_t)sizeof(void *));
    CHECK((char *)&host.granule - (char *)&host == 7 * (ptrdiff_t)sizeof(void *));
    CHECK((char *)&host.spin - (char *)&host.granule == 4);
}

static void names(void)
{
    CHECK(strcmp(ntpark_status_name(NTPARK_OK), "NTPARK_OK") == 0);
    CHECK(strcmp(ntpark_status_name(NTPARK_TIMEOUT), "NTPARK_TIMEOUT") == 0);
    CHECK(strcmp(ntpark_status_name(NTPARK_BUSY), "NTPARK_BUSY") == 0);
    CHECK(strcmp(ntpark_status_name(NTPARK_INVALID), "NTPARK_INVALID") == 0);
    CHECK(strcmp(ntpark_status_name(NTPARK_IN_USE), "NTPARK_IN_USE") == 0);
    CHECK(strcmp(ntpark_status_name(NTPARK_UNAVAILABLE), "NTPARK_UNAVAILABLE") == 0);
    CHECK(strcmp(ntpark_status_name(NTPARK_CHANGED), "NTPARK_CHANGED") == 0);
    CHECK(strcmp(ntpark_kind_name(NTPARK_KIND_WAIT_ADDRESS), "wait-address") == 0);
    CHECK(strcmp(ntpark_kind_name(NTPARK_KIND_KEYED_EVENT), "keyed-event") == 0);
    CHECK(strcmp(ntpark_kind_name(NTPARK_KIND_KEYED_EVENT_NULL), "keyed-event-null") == 0);
    CHECK(strcmp(ntpark_kind_name(NTPARK_KIND_HOST), "host") == 0);
    CHECK(strcmp(ntpark_kind_name(NTPARK_KIND_POLLING), "polling") == 0);
}

static void version(void)
{
    CHECK(ntpark_version() == NTPARK_VERSION);
    CHECK(NTPARK_VERSION == NTPARK_VERSION_MAJOR * 0x10000 + NTPARK_VERSION_MINOR * 0x100 + NTPARK_VERSION_PATCH);
}

static void backend(void)
{
    struct host_calls calls = {0, 0, 0, 0};
    ntpark_host host = host_new(&calls);
    ntpark_kind in_use = ntpark_backend_in_use(), kind;
    char wanted[32] = "";

    if (GetEnvironmentVariableA("NTPARK_BACKEND", wanted, sizeof wanted) > 0)
        CHECK(strcmp(ntpark_kind_name(in_use), wanted) == 0);
    CHECK(ntpark_backend_available() & NTPARK_KIND_BIT(in_use));
    CHECK(ntpark_backend_available() & NTPARK_KIND_BIT(NTPARK_KIND_POLLING));
    CHECK(!(ntpark_backend_available() & NTPARK_KIND_BIT(NTPARK_KIND_HOST)));

    /* The choice stands, and a refused host leaves no trace. */
    for (kind = NTPARK_KIND_WAIT_ADDRESS; kind <= NTPARK_KIND_POLLING; kind++)
        CHECK_STATUS(ntpark_backend_force(kind), NTPARK_IN_USE);
    CHECK_STATUS(ntpark_backend_install(&host), NTPARK_IN_USE);
    CHECK_STATUS(ntpark_backend_install(&host), NTPARK_IN_USE);
    CHECK(!(ntpark_backend_available() & NTPARK_KIND_BIT(NTPARK_KIND_HOST)));
    CHECK(ntpark_backend_in_use() == in_use);
}

static void time_and_deadlines(void)
{
    uint64_t start = ntpark_now(), later;

    CHECK(start > 0);
    later = ntpark_now();
    CHECK(later >= start);
    CHECK(ntpark_deadline(0) == 0);
    CHECK(ntpark_deadline(NTPARK_FOREVER) == NTPARK_FOREVER);
    CHECK(ntpark_deadline(1) > start);
    CHECK(ntpark_deadline(100) > start);
    CHECK(ntpark_deadline(101) >= start + 2);
    CHECK(ntpark_deadline(1000000000) >= start + 10000000);
    CHECK(ntpark_deadline(NTPARK_FOREVER - 1) >= start + (NTPARK_FOREVER - 1) / 100);
}

static void spinning(void)
{
    ntpark_spin_wait spin = NTPARK_SPIN_WAIT_INIT;
    int times;

    SetLastError(0xC0FFEE);
    for (times = 0; times < 10; times++)
        CHECK_STATUS(ntpark_spin_wait_spin(&spin), NTPARK_OK);
    CHECK_STATUS(ntpark_spin_wait_spin(&spin), NTPARK_TIMEOUT);
    CHECK_STATUS(ntpark_spin_wait_spin_no_yield(&spin), NTPARK_OK);
    CHECK_STATUS(ntpark_spin_wait_spin(&spin), NTPARK_TIMEOUT);
    CHECK_STATUS(ntpark_spin_wait_reset(&spin), NTPARK_OK);
    CHECK(spin.round == 0);
    CHECK_STATUS(ntpark_spin_wait_spin(&spin), NTPARK_OK);
    spin.round = UINT32_MAX;
    CHECK_STATUS(ntpark_spin_wait_spin(&spin), NTPARK_TIMEOUT);
    CHECK_STATUS(ntpark_spin_wait_spin_no_yield(&spin), NTPARK_OK);
    CHECK_STATUS(ntpark_yield(), NTPARK_OK);
    CHECK(GetLastError() == 0xC0FFEE);
}

/* Two-phase parkers of the process's backend, and of one of their own. */

static void make_plain(ntpark_thread_parker *parker)
{
    static const ntpark_thread_parker NEW = NTPARK_THREAD_PARKER_INIT;

    memset(parker, 0xA5, sizeof *parker);
    CHECK_STATUS(ntpark_thread_parker_init(parker), NTPARK_OK);
    CHECK(memcmp(parker, &NEW, sizeof NEW) == 0);
}

static struct host_calls own_calls;
static ntpark_backend own_backend;

static void make_own(ntpark_thread_parker *parker)
{
    memset(parker, 0xA5, sizeof *parker);
    CHECK_STATUS(ntpark_thread_parker_init_with(parker, &own_backend), NTPARK_OK);
    CHECK(parker->backend != NULL);
}

static uint64_t own_now(void)
{
    uint64_t now = 0;

    CHECK_STATUS(ntpark_backend_now(&own_backend, &now), NTPARK_OK);
    return now;
}

static const struct two_phase_maker PLAIN = {make_plain, ntpark_now}, OWN = {make_own, own_now};

static void order(void) { two_phase_order(&PLAIN); }
static void self(void) { two_phase_self(&PLAIN); }
static void wakes(void) { two_phase_wakes(&PLAIN); }
static void timeout(void) { two_phase_timeout(&PLAIN); }
static void queue(void) { two_phase_queue(&PLAIN); }

static void own(void)
{
    /* As in a later version of the header, which has more fields. */
    struct {
        ntpark_host host;
        uint64_t later;
    } large;
    LONG waits;

    large.host = host_new(&own_calls);
    large.host.size = sizeof large;
    large.later = UINT64_MAX;
    CHECK_STATUS(ntpark_backend_from_host(&own_backend, &large.host), NTPARK_OK);
    /* It has been copied. */
    memset(&large, 0, sizeof large);
    two_phase_order(&OWN);
    two_phase_self(&OWN);
    waits = own_calls.waits;
    two_phase_wakes(&OWN);
    CHECK(own_calls.waits > waits && own_calls.wakes > 0);
    two_phase_timeout(&OWN);
    two_phase_queue(&OWN);
    CHECK(own_calls.readings > 0);
}

static DWORD WINAPI tell_thread(void *number)
{
    *(uintptr_t *)number = ntpark_current_thread();
    return 0;
}

static void threads(void)
{
    uintptr_t own_number = ntpark_current_thread(), other = 0;

    test_join(test_start(tell_thread, &other));
    CHECK(own_number != 0 && other != 0 && own_number != other);
    CHECK(ntpark_current_thread() == own_number);
}

static const struct test TESTS[] = {
    {"works_before_main", works_before_main},
    {"numbers", numbers},
    {"names", names},
    {"version", version},
    {"backend", backend},
    {"time_and_deadlines", time_and_deadlines},
    {"spinning", spinning},
    {"bad_arguments", bad_arguments},
    TOKEN_TESTS,
    {"two_phase_order", order},
    {"two_phase_self", self},
    {"two_phase_wakes", wakes},
    {"two_phase_timeout", timeout},
    {"two_phase_queue", queue},
    {"two_phase_own_backend", own},
    {"threads", threads},
    LOCKS_TESTS,
    FUTEX_TESTS,
    LOT_TESTS,
};

int main(int argc, char **argv)
{
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}
