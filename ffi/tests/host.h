/* An embedder's functions, made of a lock and events. */

#ifndef HOST_H
#define HOST_H

#include "test.h"

/* The context: how often each function was called. */
struct host_calls {
    volatile LONG waits, wakes, readings, yields;
};

/* The functions, with this context. */
ntpark_host host_new(struct host_calls *calls);

#endif
