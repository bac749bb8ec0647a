/* The header alone, for compilers whose C library is not at hand: nothing before it, nothing but it. */

#include <ntpark.h>

extern ntpark_parker header_parker;
extern ntpark_thread_parker header_thread_parker;
extern ntpark_spin_wait header_spin_wait;

ntpark_parker header_parker = NTPARK_PARKER_INIT;
ntpark_thread_parker header_thread_parker = NTPARK_THREAD_PARKER_INIT;
ntpark_spin_wait header_spin_wait = NTPARK_SPIN_WAIT_INIT;

#define HEADER_NEW(type, name, ...) extern type name; type name = __VA_ARGS__
HEADER_NEW(ntpark_mutex, header_mutex, NTPARK_MUTEX_INIT);
HEADER_NEW(ntpark_rwlock, header_rwlock, NTPARK_RWLOCK_INIT);
HEADER_NEW(ntpark_condvar, header_condvar, NTPARK_CONDVAR_INIT);
HEADER_NEW(ntpark_once, header_once, NTPARK_ONCE_INIT);
HEADER_NEW(ntpark_semaphore, header_semaphore, NTPARK_SEMAPHORE_INIT(3));
HEADER_NEW(ntpark_event, header_event, NTPARK_EVENT_INIT);
HEADER_NEW(ntpark_event, header_gate, NTPARK_EVENT_MANUAL_RESET_INIT);
HEADER_NEW(ntpark_barrier, header_barrier, NTPARK_BARRIER_INIT);

/* Does not compile if one of them is not so. */
typedef char header_words[sizeof(ntpark_parker) == sizeof(void *) ? 1 : -1];
typedef char header_two_words[sizeof(ntpark_unpark_handle) == 2 * sizeof(void *) ? 1 : -1];
typedef char header_numbers[NTPARK_OK == 0 && NTPARK_CHANGED == 6 ? 1 : -1];
typedef char header_locks[sizeof(ntpark_mutex) == 4 && sizeof(ntpark_rwlock) == sizeof(void *) &&
    sizeof(ntpark_condvar) == sizeof(void *) && sizeof(ntpark_once) == 1 && sizeof(ntpark_semaphore) == 4 &&
    sizeof(ntpark_event) == 1 && sizeof(ntpark_barrier) == 4 && sizeof(ntpark_key) == 2 * sizeof(void *) ? 1 : -1];
