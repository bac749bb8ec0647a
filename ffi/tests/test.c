#include "test.h"

/* No test takes a second; a machine may be very busy. */
#define WATCHDOG_MILLISECONDS 60000

static volatile LONG failures;

void test_fail(const char *file, int line, const char *what)
{
    InterlockedIncrement(&failures);
    printf("%s:%d: not so: %s\n", file, line, what);
    fflush(stdout);
}

void test_check_status(const char *file, int line, const char *call, ntpark_status is, ntpark_status expected)
{
    if (is != expected) {
        InterlockedIncrement(&failures);
        printf("%s:%d: %s: %s, expected %s\n", file, line, call, ntpark_status_name(is), ntpark_status_name(expected));
        fflush(stdout);
    }
}

void test_choose_backend(void)
{
    char wanted[32];
    DWORD length = GetEnvironmentVariableA("NTPARK_BACKEND", wanted, sizeof wanted);
    ntpark_kind kind = NTPARK_KIND_WAIT_ADDRESS;

    if (length == 0 || length >= sizeof wanted)
        return;
    while (kind < NTPARK_KIND_POLLING && strcmp(ntpark_kind_name(kind), wanted) != 0)
        kind++;
    CHECK(strcmp(ntpark_kind_name(kind), wanted) == 0);
    CHECK_STATUS(ntpark_backend_force(kind), NTPARK_OK);
}

double test_count(void)
{
    LARGE_INTEGER frequency;

    QueryPerformanceFrequency(&frequency);
    return 1e9 / (double)frequency.QuadPart;
}

double test_nanoseconds(void)
{
    LARGE_INTEGER now;

    QueryPerformanceCounter(&now);
    return (double)now.QuadPart * test_count();
}

HANDLE test_start(test_thread thread, void *argument)
{
    HANDLE handle = CreateThread(NULL, 0, thread, argument, 0, NULL);
    CHECK(handle != NULL);
    return handle;
}

void test_join(HANDLE thread)
{
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
}

void test_await_change(const volatile uintptr_t *state, uintptr_t from)
{
    while (*state == from)
        Sleep(1);
}

static DWORD WINAPI watch(void *done)
{
    if (WaitForSingleObject((HANDLE)done, WATCHDOG_MILLISECONDS) == WAIT_TIMEOUT) {
        printf("it hangs\n");
        fflush(stdout);
        TerminateProcess(GetCurrentProcess(), 2);
    }
    return 0;
}

int test_main(const struct test *tests, size_t count, int argc, char **argv)
{
    unsigned passed = 0, failed = 0, left_out = 0;
    size_t at;

    for (at = 0; at < count; at++) {
        HANDLE done, watchdog;
        LONG before = failures;

        if (argc > 1 && strstr(tests[at].name, argv[1]) == NULL) {
            left_out++;
            continue;
        }
        printf("test %s ...\n", tests[at].name);
        fflush(stdout);
        done = CreateEventA(NULL, TRUE, FALSE, NULL);
        watchdog = test_start(watch, done);
        tests[at].run();
        SetEvent(done);
        test_join(watchdog);
        CloseHandle(done);
        if (failures == before)
            passed++;
        else
            failed++;
        printf("test %s ... %s\n", tests[at].name, failures == before ? "ok" : "FAILED");
    }
    /* What failed before main. */
    if (failures > 0 && failed == 0)
        failed = 1;
    printf("\ntest result: %s. %u passed; %u failed; 0 ignored; 0 measured; %u filtered out\n",
           failed == 0 ? "ok" : "FAILED", passed, failed, left_out);
    return failed == 0 ? 0 : 1;
}
