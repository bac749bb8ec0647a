/*
 * ntpark for C++11 and later: a thin layer over ntpark.h. Header only, without exceptions or allocation.
 *
 * Timeouts and deadlines are durations and time points of std::chrono, of any period, clock and arithmetic
 * representation. No wait ends early. One that has passed, is negative or is NaN does not wait; infinity, and more
 * than 584 years, is no limit.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */

#ifndef NTPARK_HPP
#define NTPARK_HPP

#include "ntpark.h"

#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

namespace ntpark {

/* The clock of ntpark_now: units of 100 ns. */
struct clock {
    using rep = std::int64_t;
    using period = std::ratio<1, 10000000>;
    using duration = std::chrono::duration<rep, period>;
    using time_point = std::chrono::time_point<clock>;
    static constexpr bool is_steady = true;

    static time_point now() noexcept { return time_point(duration(static_cast<rep>(ntpark_now()))); }
};

namespace detail {

/*
 * All conversion of times. A time is computed exactly, whatever its representation and period are, and then rounded
 * once: a deadline up, the current time down. So a wait is never too short, and too long by at most the unit that it is
 * counted in, a nanosecond or a tick. What is more than 10^60 s from a clock's epoch counts as infinitely far away.
 */

/* A signed number of 320 bits, in two's complement, the lowest word first. Larger than any sum below. */
struct wide {
    std::uint64_t word[5];

    bool is_negative() const noexcept { return (word[4] >> 63) != 0; }

    void add(std::uint64_t amount) noexcept
    {
        for (std::uint64_t &digit : word) {
            digit += amount;
            amount = digit < amount ? 1 : 0;
        }
    }

    void add(const wide &other) noexcept
    {
        std::uint64_t carry = 0;
        for (int at = 0; at < 5; at++) {
            const std::uint64_t sum = word[at] + other.word[at];
            const bool overflows = sum < word[at];
            word[at] = sum + carry;
            carry = overflows || word[at] < sum ? 1 : 0;
        }
    }

    void negate() noexcept
    {
        for (std::uint64_t &digit : word)
            digit = ~digit;
        add(1);
    }

    void twice() noexcept
    {
        for (int at = 4; at > 0; at--)
            word[at] = (word[at] << 1) | (word[at - 1] >> 63);
        word[0] <<= 1;
    }

    /* For a number that is not negative. */
    void halve() noexcept
    {
        for (int at = 0; at < 4; at++)
            word[at] = (word[at] >> 1) | (word[at + 1] << 63);
        word[4] >>= 1;
    }
};

/* Further away than any integer of 64 bits can count, whatever the period. Twice that still fits. */
inline wide infinite(bool is_negative) noexcept
{
    wide number = {{0, 0, 0, 0, std::uint64_t(1) << 61}};
    if (is_negative)
        number.negate();
    return number;
}

/* An exact number that is not negative: whole + rest / parts, with rest < parts < 2^63. */
struct rational {
    wide whole;
    std::uint64_t rest, parts;

    rational(std::uint64_t numerator, std::uint64_t denominator) noexcept
        : whole{{numerator / denominator, 0, 0, 0, 0}}, rest(numerator % denominator), parts(denominator)
    {
    }

    void add(const rational &other) noexcept
    {
        whole.add(other.whole);
        rest += other.rest;
        normalise();
    }

    void twice() noexcept
    {
        whole.twice();
        rest *= 2;
        normalise();
    }

    /* The factor is not negative. */
    template <class Integer>
    rational times(Integer factor) const noexcept
    {
        rational product(0, parts), power = *this;
        for (; factor != 0; factor = static_cast<Integer>(factor / 2)) {
            if (factor % 2 != 0)
                product.add(power);
            power.twice();
        }
        return product;
    }

private:
    void normalise() noexcept
    {
        if (rest >= parts) {
            rest -= parts;
            whole.add(1);
        }
    }
};

enum class rounding { down, up };

/* The number of magnitude * 2^exponent and a sign, with 64 binary places. */
inline wide round_places(rational magnitude, int exponent, bool is_negative, rounding direction) noexcept
{
    int shift = exponent + 64;
    bool is_inexact = false;
    for (; shift > 0; shift--) {
        if (magnitude.whole.word[4] >> 60 != 0)
            return infinite(is_negative);
        magnitude.twice();
    }
    /* After 320 steps nothing is left. */
    for (shift = shift < -320 ? -320 : shift; shift < 0; shift++) {
        is_inexact = is_inexact || magnitude.whole.word[0] % 2 != 0;
        magnitude.whole.halve();
    }
    is_inexact = is_inexact || magnitude.rest != 0;
    /* The magnitude has been rounded down, which is up for a negative number. */
    if (is_inexact && is_negative == (direction == rounding::down))
        magnitude.whole.add(1);
    if (is_negative)
        magnitude.whole.negate();
    return magnitude.whole;
}

/* The part of convert for integers. */
template <std::uint64_t PerSecond, class Rep, class Period>
wide convert_count(std::chrono::duration<Rep, Period> span, rounding direction, std::false_type) noexcept
{
    static_assert(std::numeric_limits<Rep>::is_integer, "a time's representation must be an arithmetic type");
    constexpr std::uint64_t num = static_cast<std::uint64_t>(Period::num);
    constexpr std::uint64_t den = static_cast<std::uint64_t>(Period::den);
    /* How many units a count is, if that is a whole number and fits; 0 otherwise. */
    constexpr std::uint64_t step = PerSecond % den == 0 && num <= UINT64_MAX / PerSecond ? PerSecond / den * num : 0;
    constexpr std::uint64_t most_steps = step == 0 ? 0 : UINT64_MAX / (step == 0 ? 1 : step);

    const bool is_negative = span < span.zero();
    /* -1 - n exists in every type that has a negative n; -n may not. */
    const Rep count = is_negative ? static_cast<Rep>(static_cast<Rep>(-1) - span.count()) : span.count();
    const std::uint64_t one_more = is_negative ? 1 : 0;

    /* The common case: a multiplication. */
    if (sizeof(Rep) <= sizeof(std::uint64_t) && static_cast<std::uint64_t>(count) + one_more <= most_steps) {
        wide number = {{0, (static_cast<std::uint64_t>(count) + one_more) * step, 0, 0, 0}};
        if (is_negative)
            number.negate();
        return number;
    }
    const rational unit = rational(num, den).times(PerSecond);
    rational magnitude = unit.times(count);
    magnitude.add(unit.times(one_more));
    return round_places(magnitude, 0, is_negative, direction);
}

/* The part of convert for floating-point numbers. */
template <std::uint64_t PerSecond, class Rep, class Period>
wide convert_count(std::chrono::duration<Rep, Period> span, rounding direction, std::true_type) noexcept
{
    const Rep count = span.count();
    const bool is_negative = count < 0;
    const Rep absolute = is_negative ? -count : count;

    /* A deadline of NaN has passed; every deadline has if the current time is NaN. */
    if (std::isnan(count))
        return infinite(direction == rounding::up);
    if (absolute > (std::numeric_limits<Rep>::max)())
        return infinite(is_negative);
    const rational unit =
        rational(static_cast<std::uint64_t>(Period::num), static_cast<std::uint64_t>(Period::den)).times(PerSecond);
    rational magnitude(0, unit.parts);
    int exponent = 0;
    /* For each binary digit of the mantissa, the first one first. */
    for (Rep mantissa = std::frexp(absolute, &exponent); mantissa > 0; exponent--) {
        mantissa *= 2;
        magnitude.twice();
        if (mantissa >= 1) {
            mantissa -= 1;
            magnitude.add(unit);
        }
    }
    return round_places(magnitude, exponent, is_negative, direction);
}

/* A span in units of which a second has PerSecond, with 64 binary places. */
template <std::uint64_t PerSecond, class Rep, class Period>
wide convert(std::chrono::duration<Rep, Period> span, rounding direction) noexcept
{
    return convert_count<PerSecond>(span, direction, std::is_floating_point<Rep>());
}

/* A number with 64 binary places, rounded up; 0 if it is negative, NTPARK_FOREVER if it is too large. */
inline std::uint64_t round_up(const wide &number) noexcept
{
    if (number.is_negative())
        return 0;
    if (number.word[1] == UINT64_MAX || number.word[2] != 0 || number.word[3] != 0 || number.word[4] != 0)
        return NTPARK_FOREVER;
    return number.word[1] + (number.word[0] != 0 ? 1 : 0);
}

/* A span as ntpark_parker_park_timeout takes it. */
template <class Rep, class Period>
std::uint64_t nanoseconds(std::chrono::duration<Rep, Period> span) noexcept
{
    return round_up(convert<1000000000>(span, rounding::up));
}

/* A time of the parkers' clock as ntpark_parker_park_until takes it. */
template <class Duration>
std::uint64_t ticks(std::chrono::time_point<clock, Duration> deadline) noexcept
{
    return round_up(convert<10000000>(deadline.time_since_epoch(), rounding::up));
}

/* The nanoseconds from one time of a clock to another, whose types may differ. */
template <class Clock, class From, class To>
std::uint64_t nanoseconds_between(std::chrono::time_point<Clock, From> from,
                                  std::chrono::time_point<Clock, To> to) noexcept
{
    wide difference = convert<1000000000>(from.time_since_epoch(), rounding::down);
    difference.negate();
    difference.add(convert<1000000000>(to.time_since_epoch(), rounding::up));
    return round_up(difference);
}

/* Waits until a time of another clock. That may run at another rate, so it is read again after each wait. */
template <class Clock, class Duration, class Wait>
ntpark_status wait_until(std::chrono::time_point<Clock, Duration> deadline, Wait wait)
{
    for (;;) {
        const std::uint64_t left = nanoseconds_between(Clock::now(), deadline);
        const ntpark_status status = wait(left);
        if (status != NTPARK_TIMEOUT || left == 0)
            return status;
    }
}

} // namespace detail

/*
 * Blocks a thread until another thread leaves it a token: see ntpark_parker. Constant-initialised, so a static one
 * can be used before any constructor has run.
 */
class parker {
public:
    constexpr parker() noexcept : raw_ NTPARK_PARKER_INIT {}
    parker(const parker &) = delete;
    parker &operator=(const parker &) = delete;

    /* NTPARK_OK: the token was taken. NTPARK_BUSY: another thread is parked here, and no token was taken. */
    ntpark_status park() noexcept { return ntpark_parker_park(&raw_); }

    /* Like park, or NTPARK_TIMEOUT, never early. */
    template <class Rep, class Period>
    ntpark_status park_for(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        return ntpark_parker_park_timeout(&raw_, detail::nanoseconds(timeout));
    }

    /* Like park, or NTPARK_TIMEOUT, never early. */
    template <class Duration>
    ntpark_status park_until(std::chrono::time_point<clock, Duration> deadline) noexcept
    {
        return ntpark_parker_park_until(&raw_, detail::ticks(deadline));
    }

    /*
     * Like park, or NTPARK_TIMEOUT, never before the deadline on its clock. If that clock is set during the wait, the
     * wait notices at its end.
     */
    template <class Clock, class Duration>
    ntpark_status park_until(std::chrono::time_point<Clock, Duration> deadline)
    {
        return detail::wait_until(
            deadline, [this](std::uint64_t nanoseconds) { return ntpark_parker_park_timeout(&raw_, nanoseconds); });
    }

    /* NTPARK_OK. */
    ntpark_status unpark() noexcept { return ntpark_parker_unpark(&raw_); }

    /* The parker for C functions. */
    ntpark_parker *native_handle() noexcept { return &raw_; }

private:
    ntpark_parker raw_;
};

/* The second half of an unpark, for after the queue's lock is released. The destructor does it if nothing else has. */
class unpark_handle {
public:
    explicit unpark_handle(ntpark_unpark_handle raw) noexcept : raw_(raw) {}
    unpark_handle(unpark_handle &&other) noexcept : raw_(other.release()) {}
    unpark_handle(const unpark_handle &) = delete;
    unpark_handle &operator=(const unpark_handle &) = delete;
    ~unpark_handle() { unpark(); }

    ntpark_status unpark() noexcept { return ntpark_unpark_handle_unpark(release()); }

    /* Returns the handle for C functions; nothing is left to do here. */
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

/* Blocks one thread that waits in a queue of the caller's, in two phases: see ntpark_thread_parker. */
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

    /* With the queue's lock held. The handle is for after unlocking. */
    unpark_handle unpark_lock() noexcept { return unpark_handle(ntpark_thread_parker_unpark_lock(&raw_)); }

    /* The parker for C functions. */
    ntpark_thread_parker *native_handle() noexcept { return &raw_; }

private:
    ntpark_thread_parker raw_;
};

/* A spin loop with exponential backoff: see ntpark_spin_wait. */
class spin_wait {
public:
    /* Returns false, without waiting, after ten rounds: park instead. */
    bool spin() noexcept { return ntpark_spin_wait_spin(&raw_) == NTPARK_OK; }
    void spin_no_yield() noexcept { ntpark_spin_wait_spin_no_yield(&raw_); }
    void reset() noexcept { ntpark_spin_wait_reset(&raw_); }

private:
    ntpark_spin_wait raw_ NTPARK_SPIN_WAIT_INIT;
};

inline void yield() noexcept { ntpark_yield(); }

} // namespace ntpark

#endif
