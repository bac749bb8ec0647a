/* What a copy of the library does for the test of two copies: each module fills this in with its own functions. */

#ifndef TWO_COPIES_H
#define TWO_COPIES_H

#include <ntpark.h>

struct copy {
    ntpark_status (*force)(ntpark_kind kind);
    ntpark_kind (*in_use)(void);
    ntpark_status (*park)(ntpark_parker *parker);
    ntpark_status (*park_timeout)(ntpark_parker *parker, uint64_t nanoseconds);
    ntpark_status (*unpark)(ntpark_parker *parker);
    ntpark_status (*prepare_park)(ntpark_thread_parker *parker);
    ntpark_status (*park_prepared)(ntpark_thread_parker *parker);
    ntpark_unpark_handle (*unpark_lock)(ntpark_thread_parker *parker);
    ntpark_status (*unpark_handle)(ntpark_unpark_handle handle);
};

/* The functions of the copy that the including file is linked with. */
static const struct copy OWN_COPY = {
    ntpark_backend_force,
    ntpark_backend_in_use,
    ntpark_parker_park,
    ntpark_parker_park_timeout,
    ntpark_parker_unpark,
    ntpark_thread_parker_prepare_park,
    ntpark_thread_parker_park,
    ntpark_thread_parker_unpark_lock,
    ntpark_unpark_handle_unpark,
};

/* What the DLL exports. */
typedef const struct copy *(*get_copy)(void);

#endif
