/* Each function with each kind of bad argument. The project file refuses a function that has no row here. */

#include "bad_arguments.h"

#include "host.h"
#include "test.h"

/* Good arguments, and bad ones where it takes an object to be bad. */
static struct fixture {
    ntpark_parker parker;
    ntpark_thread_parker thread_parker;
    ntpark_spin_wait spin;
    ntpark_backend backend, no_backend, garbage_backend;
    ntpark_host host, bad_hosts[8];
    uint64_t time;
    bool flag;
    /* A misaligned pointer to the last one stays inside. */
    char room[16];
} fixture, as_made;

static struct host_calls calls;

/* No function gets to write there: it would be seen, or the processor would object. */
#define MISALIGNED(pointer) ((void *)((char *)(pointer) + 1))

static void make_fixture(void)
{
    size_t at;

    memset(&fixture, 0, sizeof fixture);
    /* Anything but what would be written there. */
    fixture.parker.state = 1;
    fixture.thread_parker.state = 1;
    fixture.spin.round = 7;
    fixture.time = 7;
    memset(&fixture.garbage_backend, 0xA5, sizeof fixture.garbage_backend);

    fixture.host = host_new(&calls);
    for (at = 0; at < COUNT(fixture.bad_hosts) - 1; at++)
        fixture.bad_hosts[at] = fixture.host;
    fixture.bad_hosts[0].wait = NULL;
    fixture.bad_hosts[1].wake = NULL;
    fixture.bad_hosts[2].now = NULL;
    fixture.bad_hosts[3].yield_thread = NULL;
    fixture.bad_hosts[4].current_thread = NULL;
    fixture.bad_hosts[5].granule = 0;
    fixture.bad_hosts[6].size--;
    CHECK_STATUS(ntpark_backend_from_host(&fixture.backend, &fixture.host), NTPARK_OK);
    memcpy(&as_made, &fixture, sizeof fixture);
}

/* A call has been refused, and has changed nothing. */
#define CHECK_REFUSED(call)                                          \
    do {                                                             \
        make_fixture();                                              \
        CHECK_STATUS((call), NTPARK_INVALID);                        \
        CHECK(memcmp(&as_made, &fixture, sizeof fixture) == 0);      \
    } while (0)

/* The same with `bad` in place of an object: NULL, or misaligned. */
#define CHECK_POINTER(object, call)                                  \
    do {                                                             \
        void *const bad_pointers[] = {NULL, MISALIGNED(object)};     \
        size_t which;                                                \
        for (which = 0; which < COUNT(bad_pointers); which++) {      \
            void *bad = bad_pointers[which];                         \
            CHECK_REFUSED(call);                                     \
        }                                                            \
    } while (0)

static void pointers(void)
{
    CHECK_POINTER(&fixture.parker, ntpark_parker_init(bad));
    CHECK_POINTER(&fixture.parker, ntpark_parker_park(bad));
    CHECK_POINTER(&fixture.parker, ntpark_parker_park_timeout(bad, 0));
    CHECK_POINTER(&fixture.parker, ntpark_parker_park_timeout(bad, NTPARK_FOREVER));
    CHECK_POINTER(&fixture.parker, ntpark_parker_park_until(bad, 0));
    CHECK_POINTER(&fixture.parker, ntpark_parker_unpark(bad));
    CHECK_POINTER(&fixture.parker, ntpark_parker_unpark_woke(bad, &fixture.flag));
    /* A byte is never misaligned. */
    CHECK_REFUSED(ntpark_parker_unpark_woke(&fixture.parker, NULL));

    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_init(bad));
    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_init_with(bad, &fixture.backend));
    CHECK_POINTER(&fixture.backend, ntpark_thread_parker_init_with(&fixture.thread_parker, bad));
    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_prepare_park(bad));
    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_park(bad));
    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_park_until(bad, 0));
    CHECK_POINTER(&fixture.thread_parker, ntpark_thread_parker_timed_out(bad));
    CHECK_POINTER(&fixture.thread_parker, ntpark_unpark_handle_unpark(ntpark_thread_parker_unpark_lock(bad)));

    CHECK_POINTER(&fixture.host, ntpark_backend_install(bad));
    CHECK_POINTER(&fixture.host, ntpark_backend_from_host(&fixture.backend, bad));
    CHECK_POINTER(&fixture.backend, ntpark_backend_from_host(bad, &fixture.host));
    CHECK_POINTER(&fixture.backend, ntpark_backend_now(bad, &fixture.time));
    CHECK_POINTER(&fixture.time, ntpark_backend_now(&fixture.backend, bad));

    CHECK_POINTER(&fixture.spin, ntpark_spin_wait_reset(bad));
    CHECK_POINTER(&fixture.spin, ntpark_spin_wait_spin(bad));
    CHECK_POINTER(&fixture.spin, ntpark_spin_wait_spin_no_yield(bad));
}

static void objects(void)
{
    ntpark_unpark_handle handle = {NULL, NULL};
    size_t at;

    for (at = 0; at < COUNT(fixture.bad_hosts); at++) {
        CHECK_REFUSED(ntpark_backend_install(&fixture.bad_hosts[at]));
        CHECK_REFUSED(ntpark_backend_from_host(&fixture.backend, &fixture.bad_hosts[at]));
    }
    CHECK_REFUSED(ntpark_thread_parker_init_with(&fixture.thread_parker, &fixture.no_backend));
    CHECK_REFUSED(ntpark_thread_parker_init_with(&fixture.thread_parker, &fixture.garbage_backend));
    CHECK_REFUSED(ntpark_backend_now(&fixture.no_backend, &fixture.time));
    CHECK_REFUSED(ntpark_backend_now(&fixture.garbage_backend, &fixture.time));

    handle.parker = MISALIGNED(&fixture.parker);
    CHECK_REFUSED(ntpark_unpark_handle_unpark(handle));
    handle.parker = &fixture.parker;
    handle.backend = MISALIGNED(&fixture.backend);
    CHECK_REFUSED(ntpark_unpark_handle_unpark(handle));
}

static void numbers(void)
{
    static const int32_t NUMBERS[] = {-1, 0x1000, INT32_MIN, INT32_MAX};
    size_t at;

    for (at = 0; at < COUNT(NUMBERS); at++) {
        CHECK_REFUSED(ntpark_backend_force(NUMBERS[at]));
        CHECK(strcmp(ntpark_kind_name(NUMBERS[at]), "unknown") == 0);
        CHECK(strcmp(ntpark_status_name(NUMBERS[at]), "unknown") == 0);
    }
    CHECK_REFUSED(ntpark_backend_force(0));
    CHECK_REFUSED(ntpark_backend_force(NTPARK_KIND_POLLING + 1));
}

void bad_arguments(void)
{
    pointers();
    objects();
    numbers();
}
