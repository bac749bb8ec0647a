/*
 * Runs a program of the kit for a limited time, if this Windows has what it needs. C99, for Windows XP and later.
 *
 *   run                                 ends with FAILED on what is older than Windows 7
 *   run SECONDS PROGRAM [ARGUMENT]...   says how the program ended, and ends with that; its output is on standard error
 */

#include <ntpark.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

enum ending { PASSED, FAILED, NOT_HERE };

/* Whether this Windows has the backend that programs are told to use, if they are told. */
static int has_backend(const char *name)
{
    ntpark_kind kind = NTPARK_KIND_WAIT_ADDRESS;

    while (kind < NTPARK_KIND_POLLING && strcmp(ntpark_kind_name(kind), name) != 0)
        kind++;
    return (ntpark_backend_available() & NTPARK_KIND_BIT(kind)) != 0;
}

static enum ending run(DWORD seconds, char *line, DWORD *code)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    STARTUPINFOA startup = {0};
    PROCESS_INFORMATION process;
    HANDLE job = CreateJobObjectA(NULL, NULL);

    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    startup.cb = sizeof startup;
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    /* No window that waits for a person: programs inherit that. */
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
    if (!CreateProcessA(NULL, line, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &startup, &process)) {
        *code = GetLastError();
        printf("does not start ");
        return *code == ERROR_BAD_EXE_FORMAT || *code == ERROR_EXE_MACHINE_TYPE_MISMATCH
                   /* Wine's, where its part for 32 bits is missing. */
                   || *code == 731
               ? NOT_HERE : FAILED;
    }
    /* For the program's children. Before Windows 8 this fails within another job; tests have watchdogs of their own. */
    AssignProcessToJobObject(job, process.hProcess);
    ResumeThread(process.hThread);
    if (WaitForSingleObject(process.hProcess, seconds * 1000) == WAIT_TIMEOUT) {
        printf("hangs ");
        TerminateProcess(process.hProcess, WAIT_TIMEOUT);
        WaitForSingleObject(process.hProcess, 10000);
    }
    GetExitCodeProcess(process.hProcess, code);
    CloseHandle(job);
    return *code == 0 ? PASSED : FAILED;
}

int main(int argc, char **argv)
{
    static const char *const ENDINGS[] = {"ok", "FAILED", "not here"};
    const char *backend = getenv("NTPARK_BACKEND");
    enum ending ending = NOT_HERE;
    char line[512] = "";
    DWORD code = 0, start = GetTickCount(), version = GetVersion();
    int at;

    if (argc < 3)
        return LOBYTE(version) * 256 + HIBYTE(version) < 0x601 ? FAILED : PASSED;
    for (at = 2; at < argc && strlen(line) + strlen(argv[at]) + 2 < sizeof line; at++)
        strcat(strcat(line, argv[at]), " ");
    printf("%-16s %s", backend == NULL ? "-" : backend, line);
    if (backend == NULL || has_backend(backend))
        ending = run((DWORD)strtoul(argv[1], NULL, 10), line, &code);
    printf("... %s, code 0x%lX, %lu s\n", ENDINGS[ending], code, (GetTickCount() - start) / 1000);
    return (int)ending;
}
