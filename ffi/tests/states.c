/*
 * One of each type in a state that shows all of its script's words: not run, but read by gdb with ntpark-gdb.py.
 */

#include <ntpark.h>

struct states {
    ntpark_parker parker, notified;
    ntpark_thread_parker thread_parker;
    ntpark_mutex free, mutex;
    ntpark_rwlock written, read;
    ntpark_condvar nobody, condvar, mixed;
    ntpark_once once;
    ntpark_semaphore semaphore;
    ntpark_event event;
    ntpark_barrier barrier;
};

extern struct states states;
struct states states = {
    {(uintptr_t)1 << 28},
    {2},
    {(uintptr_t)7 << 29, 0},
    {0},
    {1 + 2 + 4},
    {1 + 2},
    {1 + 4 + 8 + 16 + ((uintptr_t)3 << 19)},
    {0},
    {(void *)0x1234},
    {(void *)1},
    {2 + 4 + 8},
    {(5 << 1) + 1},
    {1 + 2 + 4},
    {(2 << 16) + 3},
};

int main(void)
{
    return 0;
}
