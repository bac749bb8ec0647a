#include "host.h"

static SRWLOCK lock = SRWLOCK_INIT;
static CONDITION_VARIABLE woken = CONDITION_VARIABLE_INIT;

static void NTPARK_CALL host_wait(void *context, const uintptr_t *word, uintptr_t expected, uint64_t timeout)
{
    struct host_calls *calls = (struct host_calls *)context;
    DWORD milliseconds = INFINITE;

    /* It may return at any time, so too short a wait is fine. */
    if (timeout != NTPARK_FOREVER)
        milliseconds = timeout > 10000000 ? 1000 : (DWORD)timeout / 10000 + 1;
    InterlockedIncrement(&calls->waits);
    AcquireSRWLockExclusive(&lock);
    if (*(const volatile uintptr_t *)word == expected)
        SleepConditionVariableSRW(&woken, &lock, milliseconds, 0);
    ReleaseSRWLockExclusive(&lock);
}

static void NTPARK_CALL host_wake(void *context, const uintptr_t *word)
{
    struct host_calls *calls = (struct host_calls *)context;

    (void)word;
    InterlockedIncrement(&calls->wakes);
    AcquireSRWLockExclusive(&lock);
    ReleaseSRWLockExclusive(&lock);
    WakeAllConditionVariable(&woken);
}

static uint64_t NTPARK_CALL host_now(void *context)
{
    struct host_calls *calls = (struct host_calls *)context;
    LARGE_INTEGER counts, frequency;

    InterlockedIncrement(&calls->readings);
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&counts);
    return (uint64_t)(counts.QuadPart / frequency.QuadPart) * 10000000 +
           (uint64_t)(counts.QuadPart % frequency.QuadPart) * 10000000 / (uint64_t)frequency.QuadPart;
}

static void NTPARK_CALL host_yield(void *context)
{
    struct host_calls *calls = (struct host_calls *)context;

    InterlockedIncrement(&calls->yields);
    Sleep(0);
}

static uintptr_t NTPARK_CALL host_current_thread(void *context)
{
    (void)context;
    return GetCurrentThreadId();
}

ntpark_host host_new(struct host_calls *calls)
{
    const ntpark_host host =
        NTPARK_HOST_INIT(calls, host_wait, host_wake, host_now, host_yield, host_current_thread, 1, 10);

    return host;
}
