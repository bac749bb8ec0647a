/* Loads the DLL of dllmain.c, has it do jobs, and exits while its worker is parked. C99. */

#include <stdio.h>
#include <string.h>
#include <windows.h>

typedef LONG (*do_one_function)(void);

int main(void)
{
    HMODULE dll = LoadLibraryA("dllmain.dll");
    FARPROC function = dll == NULL ? NULL : GetProcAddress(dll, "do_one");
    do_one_function do_one;
    LONG jobs = 0;
    int times;

    if (function == NULL) {
        printf("dllmain.dll cannot be used: error %lu\n", GetLastError());
        return 1;
    }
    memcpy(&do_one, &function, sizeof do_one);
    for (times = 0; times < 1000; times++)
        jobs = do_one();
    printf("%ld jobs done by the worker of a DLL\n", jobs);
    return jobs == 1000 ? 0 : 1;
}
