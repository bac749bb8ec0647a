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
