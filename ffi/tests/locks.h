/* The tests of locks and their kin, which every backend passes. */

#ifndef LOCKS_H
#define LOCKS_H

void mutex_states(void);
void mutex_excludes(void);
void mutex_hands_over(void);
void rwlock_states(void);
void rwlock_upgrades(void);
void rwlock_excludes(void);
void rwlock_hands_over(void);
void condvar_states(void);
void condvar_counts(void);
void condvar_any_lock(void);
void condvar_queue(void);
void once_states(void);
void once_runs_once(void);
void semaphore_states(void);
void semaphore_passes_on(void);
void event_states(void);
void event_lets_through(void);
void barrier_states(void);
void barrier_rounds(void);

#define LOCKS_TESTS                                                                                              \
    {"mutex_states", mutex_states}, {"mutex_excludes", mutex_excludes}, {"mutex_hands_over", mutex_hands_over},  \
        {"rwlock_states", rwlock_states}, {"rwlock_upgrades", rwlock_upgrades},                                  \
        {"rwlock_excludes", rwlock_excludes}, {"rwlock_hands_over", rwlock_hands_over},                          \
        {"condvar_states", condvar_states}, {"condvar_counts", condvar_counts},                                  \
        {"condvar_any_lock", condvar_any_lock}, {"condvar_queue", condvar_queue}, {"once_states", once_states},  \
        {"once_runs_once", once_runs_once}, {"semaphore_states", semaphore_states},                              \
        {"semaphore_passes_on", semaphore_passes_on}, {"event_states", event_states},                            \
        {"event_lets_through", event_lets_through}, {"barrier_states", barrier_states},                          \
        {"barrier_rounds", barrier_rounds}

#endif
