/* The tests of the two-phase parker, on parkers made by a function of theirs. */

#ifndef TWO_PHASE_H
#define TWO_PHASE_H

#include <ntpark.h>

/* How the tests make their parkers, and read the clock of their deadlines. */
struct two_phase_maker {
    void (*make)(ntpark_thread_parker *parker);
    uint64_t (*now)(void);
};

void two_phase_order(const struct two_phase_maker *maker);
void two_phase_self(const struct two_phase_maker *maker);
void two_phase_wakes(const struct two_phase_maker *maker);
void two_phase_timeout(const struct two_phase_maker *maker);
void two_phase_queue(const struct two_phase_maker *maker);

#endif
