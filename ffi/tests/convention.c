/* Functions and callbacks with the calling convention that the header states, compiled with another default on x86. The
   SDK's headers don't support that, so here is a program without them: a host whose wait does the unpark itself. */

#include <ntpark.h>

#include <stdio.h>

enum { ROUNDS = 10000, TICK = 10 };

struct kernel {
    ntpark_thread_parker parker;
    uint64_t time;
    unsigned waits, wakes, mistakes;
};

static void NTPARK_CALL host_wait(void *context, const uintptr_t *word, uintptr_t expected, uint64_t timeout)
{
    struct kernel *kernel = context;

    kernel->waits++;
    kernel->mistakes += word != &kernel->parker.state || expected != *word || timeout == 0 || timeout > 100 * TICK;
    kernel->mistakes +=
        ntpark_unpark_handle_unpark(ntpark_thread_parker_unpark_lock(&kernel->parker)) != NTPARK_OK;
}

static void NTPARK_CALL host_wake(void *context, const uintptr_t *word)
{
    struct kernel *kernel = context;

    kernel->wakes++;
    kernel->mistakes += word != &kernel->parker.state;
}

static uint64_t NTPARK_CALL host_now(void *context)
{
    struct kernel *kernel = context;

    return kernel->time += TICK;
}

static void NTPARK_CALL host_yield(void *context)
{
    (void)context;
}

static uintptr_t NTPARK_CALL host_current_thread(void *context)
{
    (void)context;
    return 1;
}

int main(void)
{
    static struct kernel kernel;
    static ntpark_backend backend;
    const ntpark_host host =
        NTPARK_HOST_INIT(&kernel, host_wait, host_wake, host_now, host_yield, host_current_thread, TICK, 0);
    unsigned round;

    kernel.mistakes += ntpark_backend_from_host(&backend, &host) != NTPARK_OK;
    kernel.mistakes += ntpark_thread_parker_init_with(&kernel.parker, &backend) != NTPARK_OK;
    for (round = 0; round < ROUNDS; round++) {
        uint64_t now = 0;

        kernel.mistakes += ntpark_backend_now(&backend, &now) != NTPARK_OK;
        kernel.mistakes += ntpark_thread_parker_prepare_park(&kernel.parker) != NTPARK_OK;
        kernel.mistakes += ntpark_thread_parker_park_until(&kernel.parker, now + 50 * TICK) != NTPARK_OK;
    }
    printf("%u waits, %u wakes, %u mistakes\n", kernel.waits, kernel.wakes, kernel.mistakes);
    return kernel.waits == ROUNDS && kernel.wakes == ROUNDS && kernel.mistakes == 0 ? 0 : 1;
}
