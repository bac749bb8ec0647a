/* The process parks on functions of the program's own. */

#include "host.h"
#include "test.h"
#include "token.h"

static struct host_calls calls;

static void install(void)
{
    ntpark_host host = host_new(&calls), incomplete;

    CHECK_STATUS(ntpark_backend_force(NTPARK_KIND_HOST), NTPARK_UNAVAILABLE);

    incomplete = host;
    incomplete.current_thread = NULL;
    CHECK_STATUS(ntpark_backend_install(&incomplete), NTPARK_INVALID);
    CHECK(!(ntpark_backend_available() & NTPARK_KIND_BIT(NTPARK_KIND_HOST)));

    /* Neither call has chosen anything. */
    CHECK_STATUS(ntpark_backend_install(&host), NTPARK_OK);
    /* It has been copied. */
    memset(&host, 0, sizeof host);
    CHECK(ntpark_backend_in_use() == NTPARK_KIND_HOST);
    host = host_new(&calls);
    CHECK_STATUS(ntpark_backend_install(&host), NTPARK_IN_USE);
    CHECK_STATUS(ntpark_backend_force(NTPARK_KIND_WAIT_ADDRESS), NTPARK_IN_USE);
    CHECK(ntpark_backend_available() & NTPARK_KIND_BIT(NTPARK_KIND_HOST));
}

static void was_used(void)
{
    LONG yields = calls.yields;

    CHECK(calls.waits > 0 && calls.wakes > 0 && calls.readings > 0);
    CHECK_STATUS(ntpark_yield(), NTPARK_OK);
    CHECK(calls.yields == yields + 1);
}

static const struct test TESTS[] = {
    {"install", install},
    TOKEN_TESTS,
    {"was_used", was_used},
};

int main(int argc, char **argv)
{
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}
