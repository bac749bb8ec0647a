/* The tests of wait queues by address, which every backend passes. */

#ifndef LOT_H
#define LOT_H

void lot_validates(void);
void lot_times_out(void);
void lot_unparks(void);
void lot_filters(void);
void lot_requeues(void);
void lot_builds_a_lock(void);

#define LOT_TESTS                                                                                           \
    {"lot_validates", lot_validates}, {"lot_times_out", lot_times_out}, {"lot_unparks", lot_unparks},       \
        {"lot_filters", lot_filters}, {"lot_requeues", lot_requeues},                                       \
        {"lot_builds_a_lock", lot_builds_a_lock}

#endif
