/*
 * Runs a program of the kit for a limited time, if this Windows has what it needs. C99, for Windows XP and later.
 *
 *   run                                 says what this Windows is; ends with FAILED if it is older than Windows 7
 *   run SECONDS PROGRAM [ARGUMENT]...   says how the program ended, and ends with that; its output is on standard error
 */

#include <ntpark.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

enum ending { PASSED, FAILED, NOT_HERE };

static int has(ntpark_kind kind)
{
    return (ntpark_backend_available() & NTPARK_KIND_BIT(kind)) != 0;
}

static enum ending describe(void)
{
    HMODULE ntdll = GetModuleHandleA("ntdll.dll");
    /* GetVersionEx says what a program was written for. */
    LONG(WINAPI *get_version)(OSVERSIONINFOW *) =
        (LONG(WINAPI *)(OSVERSIONINFOW *))(void (*)(void))GetProcAddress(ntdll, "RtlGetVersion");
    const char *(CDECL *wine)(void) =
        (const char *(CDECL *)(void))(void (*)(void))GetProcAddress(ntdll, "wine_get_version");
    OSVERSIONINFOW version;
    SYSTEM_INFO system;
    ntpark_kind kind;

    memset(&version, 0, sizeof version);
    version.dwOSVersionInfoSize = sizeof version;
    get_version(&version);
    GetNativeSystemInfo(&system);
    printf("Windows %lu.%lu.%lu %ls", version.dwMajorVersion, version.dwMinorVersion, version.dwBuildNumber,
           version.szCSDVersion);
    if (wine != NULL)
        printf(", played by Wine %s", wine());
    printf("\nprocessors: %lu, %s %s\nbackends:", system.dwNumberOfProcessors, getenv("PROCESSOR_ARCHITECTURE"),
           getenv("PROCESSOR_IDENTIFIER"));
    for (kind = NTPARK_KIND_WAIT_ADDRESS; kind <= NTPARK_KIND_POLLING; kind++)
        if (has(kind))
            printf(" %s", ntpark_kind_name(kind));
    printf("; chosen: %s\n\n", ntpark_kind_name(ntpark_backend_in_use()));
    return version.dwMajorVersion * 100 + version.dwMinorVersion < 601 ? FAILED : PASSED;
}

/* Whether this Windows has the backend that programs are told to use, if they are told. */
static int has_backend(const char *name)
{
    ntpark_kind kind = NTPARK_KIND_WAIT_ADDRESS;

    while (kind < NTPARK_KIND_POLLING && strcmp(ntpark_kind_name(kind), name) != 0)
        kind++;
    return has(kind);
}

static enum ending run(DWORD seconds, char *line, DWORD *code)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits;
    STARTUPINFOA startup;
    PROCESS_INFORMATION process;
    HANDLE job = CreateJobObjectA(NULL, NULL);

    memset(&limits, 0, sizeof limits);
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    memset(&startup, 0, sizeof startup);
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
    DWORD code = 0, start = GetTickCount();
    int at;

    if (argc < 3)
        return (int)describe();
    for (at = 2; at < argc && strlen(line) + strlen(argv[at]) + 2 < sizeof line; at++)
        strcat(strcat(line, argv[at]), " ");
    printf("%-16s %s", backend == NULL ? "-" : backend, line);
    if (backend == NULL || has_backend(backend))
        ending = run((DWORD)strtoul(argv[1], NULL, 10), line, &code);
    printf("... %s, code 0x%lX, %lu s\n", ENDINGS[ending], code, (GetTickCount() - start) / 1000);
    return (int)ending;
}
