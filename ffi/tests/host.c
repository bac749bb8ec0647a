#include "host.h"

/* A thread that waits, on its stack. Windows XP has no condition variables. */
struct waiter {
    struct waiter *next;
    HANDLE woken;
};

static volatile LONG locked;
static struct waiter *waiters;

static void lock(void)
{
    while (InterlockedExchange(&locked, 1) != 0)
        Sleep(0);
}

static void unlock(void)
{
    InterlockedExchange(&locked, 0);
}

static void NTPARK_CALL host_wait(void *context, const uintptr_t *word, uintptr_t expected, uint64_t timeout)
{
    struct host_calls *calls = (struct host_calls *)context;
    struct waiter self, **at = &waiters;
    DWORD milliseconds = INFINITE;

    /* It may return at any time, so too short a wait is fine. */
    if (timeout != NTPARK_FOREVER)
        milliseconds = timeout > 10000000 ? 1000 : (DWORD)timeout / 10000 + 1;
    InterlockedIncrement(&calls->waits);
    self.woken = CreateEventA(NULL, TRUE, FALSE, NULL);
    lock();
    if (*(const volatile uintptr_t *)word == expected) {
        self.next = waiters;
        waiters = &self;
        unlock();
        WaitForSingleObject(self.woken, milliseconds);
        lock();
        while (*at != &self)
            at = &(*at)->next;
        *at = self.next;
    }
    unlock();
    CloseHandle(self.woken);
}

static void NTPARK_CALL host_wake(void *context, const uintptr_t *word)
{
    struct host_calls *calls = (struct host_calls *)context;
    struct waiter *waiter;

    (void)word;
    InterlockedIncrement(&calls->wakes);
    lock();
    for (waiter = waiters; waiter != NULL; waiter = waiter->next)
        SetEvent(waiter->woken);
    unlock();
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
