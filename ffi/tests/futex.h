/* The tests of waiting on values in memory, which every backend passes. */

#ifndef FUTEX_H
#define FUTEX_H

void futex_compares(void);
void futex_wakes(void);
void futex_masks(void);
void futex_requeues(void);
void futex_ping_pong(void);
void wait_on_address(void);

#define FUTEX_TESTS                                                                                         \
    {"futex_compares", futex_compares}, {"futex_wakes", futex_wakes}, {"futex_masks", futex_masks},         \
        {"futex_requeues", futex_requeues}, {"futex_ping_pong", futex_ping_pong},                           \
        {"wait_on_address", wait_on_address}

#endif
