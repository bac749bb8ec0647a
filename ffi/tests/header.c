/* The header alone, for compilers whose C library is not at hand: nothing before it, nothing but it. */

#include <ntpark.h>

extern ntpark_parker header_parker;
extern ntpark_thread_parker header_thread_parker;
extern ntpark_spin_wait header_spin_wait;

ntpark_parker header_parker = NTPARK_PARKER_INIT;
ntpark_thread_parker header_thread_parker = NTPARK_THREAD_PARKER_INIT;
ntpark_spin_wait header_spin_wait = NTPARK_SPIN_WAIT_INIT;

/* Does not compile if one of them is not so. */
typedef char header_words[sizeof(ntpark_parker) == sizeof(void *) ? 1 : -1];
typedef char header_two_words[sizeof(ntpark_unpark_handle) == 2 * sizeof(void *) ? 1 : -1];
typedef char header_numbers[NTPARK_OK == 0 && NTPARK_UNAVAILABLE == 5 ? 1 : -1];
