/*
 * A program without a C runtime: its own entry point, and nothing linked but ntpark and kernel32. C99; any compiler for
 * Windows, without the SDK's headers.
 */

#include <ntpark.h>

typedef uint32_t (__stdcall *thread_function)(void *argument);

__declspec(dllimport) void *__stdcall CreateThread(void *security, uintptr_t stack, thread_function thread,
                                                   void *argument, uint32_t flags, uint32_t *id);
__declspec(dllimport) void *__stdcall GetStdHandle(uint32_t which);
__declspec(dllimport) int __stdcall WriteFile(void *file, const void *bytes, uint32_t count, uint32_t *written,
                                              void *overlapped);
__declspec(dllimport) void __stdcall ExitProcess(uint32_t code);

static ntpark_parker ping = NTPARK_PARKER_INIT, pong = NTPARK_PARKER_INIT;
static int turns;

static uint32_t __stdcall partner(void *unused)
{
    (void)unused;
    while (ntpark_parker_park(&ping) == NTPARK_OK) {
        turns++;
        ntpark_parker_unpark(&pong);
    }
    return 0;
}

/* The default entry point of GNU's linker and of Microsoft's. */
void mainCRTStartup(void);
void mainCRTStartup(void)
{
    static const char SUCCESS[] = "1000 handoffs without a C runtime\r\n";
    uint32_t written;
    int turn;

    if (CreateThread((void *)0, 0, partner, (void *)0, 0, (uint32_t *)0) == (void *)0)
        ExitProcess(1);
    for (turn = 0; turn < 1000; turn++) {
        ntpark_parker_unpark(&ping);
        ntpark_parker_park(&pong);
    }
    if (turns != 1000 || ntpark_parker_park_timeout(&pong, 1000 * 1000) != NTPARK_TIMEOUT)
        ExitProcess(2);
    /* -11: standard output. */
    WriteFile(GetStdHandle((uint32_t)-11), SUCCESS, sizeof SUCCESS - 1, &written, (void *)0);
    ExitProcess(0);
}
