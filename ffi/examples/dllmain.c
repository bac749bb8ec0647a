/*
 * A DLL that uses parkers in its DllMain, initialises itself once, and has a worker thread that waits for jobs. C99.
 *
 * Under the loader's lock a thread must not load a DLL, nor wait for a thread that starts or ends. Parkers do neither.
 * What is initialised once must not do so either: a thread that begins it may have another wait under that lock.
 */

#include <ntpark.h>

#include <windows.h>

/* All zero: initialised. */
static ntpark_parker work, done;

static volatile LONG jobs;
static HANDLE worker;

/* What is initialised by the thread that needs it first: DllMain's, the worker, or a caller. */
static ntpark_once once;
static LONG step;

static LONG get_step(void)
{
    ntpark_once_state what = NTPARK_ONCE_DONE;

    if (ntpark_once_is_done(&once) == NTPARK_OK)
        return step;
    if (ntpark_once_begin(&once, &what) == NTPARK_OK && what != NTPARK_ONCE_DONE) {
        step = 1;
        ntpark_once_complete(&once);
    }
    return step;
}

static DWORD WINAPI run(void *unused)
{
    (void)unused;
    while (ntpark_parker_park(&work) == NTPARK_OK) {
        InterlockedExchangeAdd(&jobs, get_step());
        ntpark_parker_unpark(&done);
    }
    return 0;
}

/* Has the worker do one job. Returns how many it has done by now, or -1 after ten seconds. */
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
        /* Tokens and timeouts work under the loader's lock too. */
        ntpark_parker_unpark(&done);
        if (ntpark_parker_park(&done) != NTPARK_OK || ntpark_parker_park_timeout(&done, 1000 * 1000) != NTPARK_TIMEOUT)
            return FALSE;
        if (get_step() != 1)
            return FALSE;
        worker = CreateThread(NULL, 0, run, NULL, 0, NULL);
        return worker != NULL;
    case DLL_PROCESS_DETACH:
        /* At process exit the parked worker has already been killed. An unpark wakes no thread then, and returns. */
        if (ending != NULL)
            ntpark_parker_unpark(&work);
        return TRUE;
    default:
        return TRUE;
    }
}
