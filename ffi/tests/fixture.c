#include "bad_arguments.h"
#include "host.h"

struct fixture fixture;

static struct fixture as_made;
static struct host_calls calls;

void fixture_make(void)
{
    static ntpark_thread_parker somebody;

    memset(&fixture, 0, sizeof fixture);
    /* Anything but what would be written there. */
    fixture.parker.state = 1;
    fixture.thread_parker.state = 1;
    fixture.spin.round = 7;
    fixture.time = 7;
    memset(&fixture.garbage_backend, 0xA5, sizeof fixture.garbage_backend);

    fixture.host = host_new(&calls);
    fixture.hosts[0] = fixture.hosts[1] = fixture.hosts[2] = fixture.hosts[3] = fixture.host;
    fixture.hosts[0].wait = NULL;
    fixture.hosts[1].wake = NULL;
    fixture.hosts[2].now = NULL;
    fixture.hosts[3].yield_thread = NULL;
    CHECK_STATUS(ntpark_backend_from_host(&fixture.backend, &fixture.host), NTPARK_OK);

    fixture.bad_handles[0] = ntpark_thread_parker_unpark_lock(NULL);
    fixture.bad_handles[1].parker = MISALIGNED(&somebody);
    fixture.bad_handles[2].parker = &somebody;
    fixture.bad_handles[2].backend = MISALIGNED(&fixture.backend);

    memcpy(&as_made, &fixture, sizeof fixture);
}

bool fixture_is_unchanged(void)
{
    return memcmp(&as_made, &fixture, sizeof fixture) == 0;
}
