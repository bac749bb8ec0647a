/* An unmodified program for Windows 8: it knows nothing of ntpark, and calls WaitOnAddress directly and by import. */

#define _WIN32_WINNT 0x0602
#include <stdio.h>
#include <windows.h>

#define ROUNDS 2000

static volatile LONG turn, hangs = 1;

static void play(LONG own)
{
    int round;

    for (round = 0; round < ROUNDS; round++) {
        LONG now;

        while ((now = turn) != own)
            WaitOnAddress(&turn, &now, sizeof now, INFINITE);
        InterlockedExchange(&turn, 1 - own);
        if (round % 2 == 0)
            WakeByAddressSingle((void *)&turn);
        else
            WakeByAddressAll((void *)&turn);
    }
}

static DWORD WINAPI second(void *unused)
{
    (void)unused;
    play(1);
    return 0;
}

static DWORD WINAPI watch(void *unused)
{
    (void)unused;
    Sleep(60000);
    if (hangs)
        TerminateProcess(GetCurrentProcess(), 2);
    return 0;
}

int main(void)
{
    LONG zero = 0;
    HANDLE thread = CreateThread(NULL, 0, second, NULL, 0, NULL);
    HANDLE watchdog = CreateThread(NULL, 0, watch, NULL, 0, NULL);

    if (thread == NULL || watchdog == NULL)
        return 1;
    play(0);
    WaitForSingleObject(thread, INFINITE);
    hangs = 0;
    if (turn != 0 || WaitOnAddress(&turn, &zero, sizeof zero, 10) || GetLastError() != ERROR_TIMEOUT)
        return 3;
    if (WaitOnAddress(&turn, &zero, 3, 10) || GetLastError() != ERROR_INVALID_PARAMETER)
        return 4;
    puts("ok");
    return 0;
}
