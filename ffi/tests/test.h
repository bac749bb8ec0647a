/* What test programs share: checks, threads, a watchdog, and a report in the form of Rust's test harness. */

#ifndef TEST_H
#define TEST_H

#include <ntpark.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#define MILLISECOND ((uint64_t)1000000)
#define TICKS_PER_MILLISECOND ((uint64_t)10000)

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Fails the running test, on any thread, and lets it go on. */
#define CHECK(condition) ((condition) ? (void)0 : test_fail(__FILE__, __LINE__, #condition))

/* Fails it if a call did not return the status. */
#define CHECK_STATUS(call, expected) test_check_status(__FILE__, __LINE__, #call, (call), (expected))

/* Waits until it is so. */
#define AWAIT(condition)          \
    do {                          \
        while (!(condition))      \
            Sleep(1);             \
    } while (0)

/*
 * Fails it if one of two waits does not time out, ends early or changes the last error: one that waits for so many
 * `nanoseconds`, and one that waits until a `deadline`.
 */
#define CHECK_TIMES_OUT(timeout_call, until_call)                                                       \
    do {                                                                                                \
        static const uint64_t SPANS[] = {0, 1, 101, MILLISECOND, 5 * MILLISECOND + 1};                  \
        size_t span;                                                                                    \
        for (span = 0; span < 2 * COUNT(SPANS); span++) {                                               \
            uint64_t nanoseconds = SPANS[span / 2], deadline;                                           \
            double start = test_nanoseconds();                                                          \
            SetLastError(0xC0FFEE);                                                                     \
            deadline = ntpark_deadline(nanoseconds);                                                    \
            CHECK_STATUS(span % 2 == 0 ? (timeout_call) : (until_call), NTPARK_TIMEOUT);                \
            CHECK(GetLastError() == 0xC0FFEE);                                                          \
            /* A count is a unit of the clock here; what the two readings round off is one more. */     \
            CHECK(test_nanoseconds() + test_count() - start >= (double)nanoseconds);                    \
        }                                                                                               \
    } while (0)

struct test {
    const char *name;
    void (*run)(void);
};

#ifdef __cplusplus
extern "C" {
#endif

void test_fail(const char *file, int line, const char *what);
void test_check_status(const char *file, int line, const char *call, ntpark_status is, ntpark_status expected);

/* Makes the process park on the backend that the environment asks for, if it does. */
void test_choose_backend(void);

/* The time, and the unit in which it is counted. */
double test_nanoseconds(void);
double test_count(void);

/* Runs the tests whose names contain the first argument, or all. Returns what main returns. */
int test_main(const struct test *tests, size_t count, int argc, char **argv);

typedef DWORD (WINAPI *test_thread)(void *argument);

HANDLE test_start(test_thread thread, void *argument);
void test_join(HANDLE thread);

/* Waits until a thread is parked there, or as good as. */
void test_await_change(const volatile uintptr_t *state, uintptr_t from);

#ifdef __cplusplus
}
#endif

#endif
