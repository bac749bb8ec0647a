/*
 * A DLL that blocks and wakes threads from its DllMain on: a worker that waits for something to do. C99.
 *
 * Under the loader's lock a thread must not wait for one that starts or ends, nor load anything. A parker does neither.
 */

#include <ntpark.h>

#include <windows.h>

/* All zero: nothing has to be made before they are used. */
static ntpark_parker work, done;

static volatile LONG jobs;
static HANDLE worker;

static DWORD WINAPI run(void *unused)
{
    (void)unused;
    while (ntpark_parker_park(&work) == NTPARK_OK) {
        InterlockedIncrement(&jobs);
        ntpark_parker_unpark(&done);
    }
    return 0;
}

/* Has one job done, and waits for it. Returns how many have been by now; -1 if it took longer than ten seconds. */
__declspec(dllexport) LONG do_one(void)
{
    ntpark_parker_unpark(&work);
    return ntpark_parker_park_timeout(&done, (uint64_t)10 * 1000 * 1000 * 1000) == NTPARK_OK ? jobs : -1;
}

BOOL WINAPI DllMain(HINSTANCE module, DWORD reason, void *ending)
{
    (void)module;
    switch (reason) {
    case DLL_PROCESS_ATTACH:
        /* A token is kept, and a wait has its end, under the loader's lock as anywhere. */
        ntpark_parker_unpark(&done);
        if (ntpark_parker_park(&done) != NTPARK_OK || ntpark_parker_park_timeout(&done, 1000 * 1000) != NTPARK_TIMEOUT)
            return FALSE;
        worker = CreateThread(NULL, 0, run, NULL, 0, NULL);
        return worker != NULL;
    case DLL_PROCESS_DETACH:
        /* Is the process ending, then the worker has been killed where it was parked. Waking it is in vain, but returns. */
        if (ending != NULL)
            ntpark_parker_unpark(&work);
        return TRUE;
    default:
        return TRUE;
    }
}
