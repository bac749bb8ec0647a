/* What the generated test of bad arguments calls functions with. */

#ifndef BAD_ARGUMENTS_H
#define BAD_ARGUMENTS_H

#include "test.h"

/* Good arguments, and bad ones where it takes an object to be bad. */
struct fixture {
    ntpark_parker parker;
    ntpark_thread_parker thread_parker;
    ntpark_spin_wait spin;
    ntpark_backend backend, no_backend, garbage_backend;
    ntpark_host host, hosts[5];
    ntpark_unpark_handle handle, bad_handles[3];
    uint64_t time;
    bool flag;
    /* A misaligned pointer to the last one does not leave it. */
    char room[16];
};

/* Made anew before each call. */
extern struct fixture fixture;

/* No function gets to write there: it would be seen, or the processor would object. */
#define MISALIGNED(pointer) ((void *)((char *)(pointer) + 1))

/* Makes the call, and checks that it has been refused and has changed nothing. */
#define BAD(type, call, refused, what)                        \
    do {                                                      \
        type answer;                                          \
        fixture_make();                                       \
        answer = (call);                                      \
        if (!(refused) || !fixture_is_unchanged())            \
            test_fail(__FILE__, __LINE__, what " is refused"); \
    } while (0)

void bad_arguments(void);
void fixture_make(void);
bool fixture_is_unchanged(void);

#endif
