/*
 * ntpark for C++11 and later: a thin layer over ntpark.h. Header only; nothing is thrown, nothing allocated.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef NTPARK_HPP
#define NTPARK_HPP

#include "ntpark.h"

#include <chrono>
#include <cstdint>
#include <ratio>

namespace ntpark {

/* The clock of the process's parkers: units of 100 ns, not counting the time that the machine was asleep. */
struct clock {
    using rep = std::int64_t;
    using period = std::ratio<1, 10000000>;
    using duration = std::chrono::duration<rep, period>;
    using time_point = std::chrono::time_point<clock>;
    static constexpr bool is_steady = true;

    static time_point now() noexcept { return time_point(duration(static_cast<rep>(ntpark_now()))); }
};

namespace detail {

/* A span as ntpark_parker_park_timeout takes it: rounded up; nothing for a negative one; for ever from 292 years on. */
template <class Rep, class Period>
std::uint64_t nanoseconds(std::chrono::duration<Rep, Period> span) noexcept
{
    using exact = std::chrono::duration<std::int64_t, std::nano>;
    using rough = std::chrono::duration<double, std::nano>;

    if (!(span > span.zero()))
        return 0;
    /* 2^63 less what a double rounds off. */
    if (!(std::chrono::duration_cast<rough>(span) < rough(9.2e18)))
        return NTPARK_FOREVER;
    const exact whole = std::chrono::duration_cast<exact>(span);
    return static_cast<std::uint64_t>(whole.count()) + (whole < span ? 1 : 0);
}

/* A point of the parkers' clock as ntpark_parker_park_until takes it: rounded up; the last one is never reached. */
template <class Duration>
std::uint64_t ticks(std::chrono::time_point<clock, Duration> deadline) noexcept
{
    const Duration since = deadline.time_since_epoch();

    if (!(since > since.zero()))
        return 0;
    if (!(std::chrono::duration_cast<std::chrono::duration<double, clock::period>>(since).count() < 9.2e18))
        return NTPARK_FOREVER;
    const clock::duration whole = std::chrono::duration_cast<clock::duration>(since);
    return static_cast<std::uint64_t>(whole.count()) + (whole < since ? 1 : 0);
}

/* Waits until a point of another clock, which may run at another rate: wait is asked again as long as that has not come. */
template <class Clock, class Duration, class Wait>
ntpark_status until(std::chrono::time_point<Clock, Duration> deadline, Wait wait)
{
    for (;;) {
        const std::chrono::time_point<Clock, Duration> now =
            std::chrono::time_point_cast<Duration>(Clock::now());
        const std::uint64_t left = deadline > now ? nanoseconds(deadline - now) : 0;
        const ntpark_status status = wait(left);
        if (status != NTPARK_TIMEOUT || left == 0)
            return status;
    }
}

} // namespace detail

/*
 * Blocks a thread until another leaves it a token: ntpark_parker. Constant-initialised, so that a static one is there
 * before any constructor runs.
 */
class parker {
public:
    constexpr parker() noexcept : raw_ NTPARK_PARKER_INIT {}
    parker(const parker &) = delete;
    parker &operator=(const parker &) = delete;

    /* NTPARK_OK: the token is taken. NTPARK_BUSY: another thread is parked here. */
    ntpark_status park() noexcept { return ntpark_parker_park(&raw_); }

    /* As park; or NTPARK_TIMEOUT, never early. */
    template <class Rep, class Period>
    ntpark_status park_for(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        return ntpark_parker_park_timeout(&raw_, detail::nanoseconds(timeout));
    }

    /* As park; or NTPARK_TIMEOUT, never early. */
    template <class Duration>
    ntpark_status park_until(std::chrono::time_point<clock, Duration> deadline) noexcept
    {
        return ntpark_parker_park_until(&raw_, detail::ticks(deadline));
    }

    /* As park; or NTPARK_TIMEOUT, never before the deadline on its own clock. */
    template <class Clock, class Duration>
    ntpark_status park_until(std::chrono::time_point<Clock, Duration> deadline)
    {
        return detail::until(deadline, [this](std::uint64_t left) { return ntpark_parker_park_timeout(&raw_, left); });
    }

    void unpark() noexcept { ntpark_parker_unpark(&raw_); }

    /* The same parker for C. */
    ntpark_parker *native_handle() noexcept { return &raw_; }

private:
    ntpark_parker raw_;
};

/* What is left to do of an unpark once the queue's lock is released: done at the end of its scope, if not before. */
class unpark_handle {
public:
    explicit unpark_handle(ntpark_unpark_handle raw) noexcept : raw_(raw) {}
    unpark_handle(unpark_handle &&other) noexcept : raw_(other.release()) {}
    unpark_handle(const unpark_handle &) = delete;
    unpark_handle &operator=(const unpark_handle &) = delete;
    ~unpark_handle() { unpark(); }

    void unpark() noexcept { ntpark_unpark_handle_unpark(release()); }

    /* Hands it over to C; nothing is left here. */
    ntpark_unpark_handle release() noexcept
    {
        const ntpark_unpark_handle raw = raw_;
        raw_.parker = nullptr;
        raw_.backend = nullptr;
        return raw;
    }

private:
    ntpark_unpark_handle raw_;
};

/* Blocks one thread in a queue of somebody's own, in two phases: ntpark_thread_parker, whose documentation gives the order of calls. */
class thread_parker {
public:
    constexpr thread_parker() noexcept : raw_ NTPARK_THREAD_PARKER_INIT {}
    thread_parker(const thread_parker &) = delete;
    thread_parker &operator=(const thread_parker &) = delete;

    ntpark_status prepare_park() noexcept { return ntpark_thread_parker_prepare_park(&raw_); }

    ntpark_status park() noexcept { return ntpark_thread_parker_park(&raw_); }

    /* After NTPARK_TIMEOUT, timed_out decides. */
    template <class Rep, class Period>
    ntpark_status park_for(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        return ntpark_thread_parker_park_until(&raw_, ntpark_deadline(detail::nanoseconds(timeout)));
    }

    /* After NTPARK_TIMEOUT, timed_out decides. */
    template <class Duration>
    ntpark_status park_until(std::chrono::time_point<clock, Duration> deadline) noexcept
    {
        return ntpark_thread_parker_park_until(&raw_, detail::ticks(deadline));
    }

    /* With the queue's lock held. */
    bool timed_out() noexcept { return ntpark_thread_parker_timed_out(&raw_) == NTPARK_TIMEOUT; }

    /* With the queue's lock held; the handle is for after unlocking. */
    unpark_handle unpark_lock() noexcept { return unpark_handle(ntpark_thread_parker_unpark_lock(&raw_)); }

    /* The same parker for C. */
    ntpark_thread_parker *native_handle() noexcept { return &raw_; }

private:
    ntpark_thread_parker raw_;
};

/* A wait that begins with a few instructions and doubles: ntpark_spin_wait. */
class spin_wait {
public:
    /* False, and no wait, once it has been ten times: park instead. */
    bool spin() noexcept { return ntpark_spin_wait_spin(&raw_) == NTPARK_OK; }
    void spin_no_yield() noexcept { ntpark_spin_wait_spin_no_yield(&raw_); }
    void reset() noexcept { ntpark_spin_wait_reset(&raw_); }

private:
    ntpark_spin_wait raw_ NTPARK_SPIN_WAIT_INIT;
};

inline void yield() noexcept { ntpark_yield(); }

} // namespace ntpark

#endif
