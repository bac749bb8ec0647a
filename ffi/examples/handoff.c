/* Two threads take turns. C99. */

#include <ntpark.h>

#include <stdio.h>
#include <windows.h>

enum { HANDOFFS = 10000 };

static ntpark_parker ping = NTPARK_PARKER_INIT, pong = NTPARK_PARKER_INIT;

/* Not atomic: what happened before an unpark is visible after the park. */
static int turns;

static DWORD WINAPI partner(void *unused)
{
    int turn;

    (void)unused;
    for (turn = 0; turn < HANDOFFS; turn++) {
        ntpark_parker_park(&ping);
        turns++;
        ntpark_parker_unpark(&pong);
    }
    return 0;
}

int main(void)
{
    HANDLE thread = CreateThread(NULL, 0, partner, NULL, 0, NULL);
    uint64_t start = ntpark_now();
    int turn;

    if (thread == NULL)
        return 1;
    for (turn = 0; turn < HANDOFFS; turn++) {
        ntpark_parker_unpark(&ping);
        ntpark_parker_park(&pong);
    }
    printf("%d handoffs there and back on the %s backend in %lu ms\n", turns, ntpark_kind_name(ntpark_backend_in_use()),
           (unsigned long)((ntpark_now() - start) / 10000));
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
    return turns == HANDOFFS ? 0 : 1;
}
