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

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <mutex>
#include <ratio>
#include <type_traits>
#include <utility>

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

namespace detail {

/* A wait for something that is there or not, until a time of any clock. */
template <class Clock, class Duration, class Wait>
bool has_until(std::chrono::time_point<Clock, Duration> deadline, Wait wait)
{
    return wait_until(deadline, wait) == NTPARK_OK;
}

template <class Duration, class Wait>
bool has_until(std::chrono::time_point<clock, Duration> deadline, Wait wait)
{
    return wait(nanoseconds_between(clock::now(), deadline)) == NTPARK_OK;
}

} // namespace detail

/*
 * A mutex: see ntpark_mutex. Lockable and TimedLockable, so std::lock_guard, std::unique_lock and std::scoped_lock
 * work. Constant-initialised; like all that follows, it is never destroyed, throws nothing and allocates nothing.
 */
class mutex {
public:
    constexpr mutex() noexcept : raw_ NTPARK_MUTEX_INIT {}
    mutex(const mutex &) = delete;
    mutex &operator=(const mutex &) = delete;

    void lock() noexcept { ntpark_mutex_lock(&raw_); }
    bool try_lock() noexcept { return ntpark_mutex_try_lock(&raw_) == NTPARK_OK; }
    void unlock() noexcept { ntpark_mutex_unlock(&raw_); }

    template <class Rep, class Period>
    bool try_lock_for(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        return ntpark_mutex_lock_timeout(&raw_, detail::nanoseconds(timeout)) == NTPARK_OK;
    }

    template <class Clock, class Duration>
    bool try_lock_until(std::chrono::time_point<Clock, Duration> deadline)
    {
        return detail::has_until(deadline,
                                 [this](std::uint64_t left) { return ntpark_mutex_lock_timeout(&raw_, left); });
    }

    /* Hands the mutex over to the thread that has waited longest. */
    void unlock_fair() noexcept { ntpark_mutex_unlock_fair(&raw_); }

    /* The mutex for C functions. */
    using native_handle_type = ntpark_mutex *;
    native_handle_type native_handle() noexcept { return &raw_; }

private:
    ntpark_mutex raw_;
};

using timed_mutex = mutex;

/* A mutex that its thread may lock repeatedly. */
class recursive_mutex {
public:
    constexpr recursive_mutex() noexcept : owner_(0), depth_(0) {}
    recursive_mutex(const recursive_mutex &) = delete;
    recursive_mutex &operator=(const recursive_mutex &) = delete;

    void lock() noexcept
    {
        if (!is_own()) {
            mutex_.lock();
            enter(true);
        }
        again(true);
    }

    bool try_lock() noexcept { return again(is_own() || enter(mutex_.try_lock())); }

    void unlock() noexcept
    {
        if (--depth_ == 0) {
            owner_.store(0, std::memory_order_relaxed);
            mutex_.unlock();
        }
    }

    template <class Rep, class Period>
    bool try_lock_for(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        return again(is_own() || enter(mutex_.try_lock_for(timeout)));
    }

    template <class Clock, class Duration>
    bool try_lock_until(std::chrono::time_point<Clock, Duration> deadline)
    {
        return again(is_own() || enter(mutex_.try_lock_until(deadline)));
    }

private:
    /* Another thread may read an old owner, but never itself by mistake. */
    bool is_own() const noexcept { return owner_.load(std::memory_order_relaxed) == ntpark_current_thread(); }

    bool enter(bool is_locked) noexcept
    {
        if (is_locked)
            owner_.store(ntpark_current_thread(), std::memory_order_relaxed);
        return is_locked;
    }

    bool again(bool is_locked) noexcept
    {
        depth_ += is_locked ? 1 : 0;
        return is_locked;
    }

    mutex mutex_;
    std::atomic<std::uintptr_t> owner_;
    std::size_t depth_;
};

using recursive_timed_mutex = recursive_mutex;

/*
 * A reader-writer lock: see ntpark_rwlock. SharedTimedLockable, so std::shared_lock works. A thread that has it shared
 * must not lock it shared again, except by native_handle.
 */
class shared_mutex {
public:
    constexpr shared_mutex() noexcept : raw_ NTPARK_RWLOCK_INIT {}
    shared_mutex(const shared_mutex &) = delete;
    shared_mutex &operator=(const shared_mutex &) = delete;

    void lock() noexcept { ntpark_rwlock_lock_exclusive(&raw_); }
    bool try_lock() noexcept { return ntpark_rwlock_try_lock_exclusive(&raw_) == NTPARK_OK; }
    void unlock() noexcept { ntpark_rwlock_unlock_exclusive(&raw_); }
    void lock_shared() noexcept { ntpark_rwlock_lock_shared(&raw_); }
    bool try_lock_shared() noexcept { return ntpark_rwlock_try_lock_shared(&raw_) == NTPARK_OK; }
    void unlock_shared() noexcept { ntpark_rwlock_unlock_shared(&raw_); }

    template <class Rep, class Period>
    bool try_lock_for(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        return ntpark_rwlock_lock_exclusive_timeout(&raw_, detail::nanoseconds(timeout)) == NTPARK_OK;
    }

    template <class Rep, class Period>
    bool try_lock_shared_for(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        return ntpark_rwlock_lock_shared_timeout(&raw_, detail::nanoseconds(timeout)) == NTPARK_OK;
    }

    template <class Clock, class Duration>
    bool try_lock_until(std::chrono::time_point<Clock, Duration> deadline)
    {
        return detail::has_until(
            deadline, [this](std::uint64_t left) { return ntpark_rwlock_lock_exclusive_timeout(&raw_, left); });
    }

    template <class Clock, class Duration>
    bool try_lock_shared_until(std::chrono::time_point<Clock, Duration> deadline)
    {
        return detail::has_until(deadline,
                                 [this](std::uint64_t left) { return ntpark_rwlock_lock_shared_timeout(&raw_, left); });
    }

    /* The lock for C functions: upgrade, downgrade, recursive and fair ones. */
    using native_handle_type = ntpark_rwlock *;
    native_handle_type native_handle() noexcept { return &raw_; }

private:
    ntpark_rwlock raw_;
};

using shared_timed_mutex = shared_mutex;

/* As std::cv_status, which some C++ libraries for Windows lack. */
enum class cv_status { no_timeout, timeout };

/*
 * A condition variable for any lock that has lock and unlock: see ntpark_condvar. Wakeups are not spurious, except with
 * a deadline of another clock than ntpark::clock. Threads that wait with a std::unique_lock of an ntpark::mutex are
 * moved to its queue instead of being woken only to find it locked.
 */
class condition_variable {
public:
    constexpr condition_variable() noexcept : raw_ NTPARK_CONDVAR_INIT {}
    condition_variable(const condition_variable &) = delete;
    condition_variable &operator=(const condition_variable &) = delete;

    /* How many threads were notified, exactly. */
    std::size_t notify_one() noexcept { return notify(1); }
    std::size_t notify_all() noexcept { return notify(SIZE_MAX); }
    std::size_t notify(std::size_t count) noexcept
    {
        std::uintptr_t notified = 0;
        ntpark_condvar_notify(&raw_, count, &notified);
        return notified;
    }

    template <class Lock>
    void wait(Lock &lock)
    {
        wait_ticks(lock, NTPARK_FOREVER);
    }

    template <class Lock, class Predicate>
    void wait(Lock &lock, Predicate is_so)
    {
        while (!is_so())
            wait(lock);
    }

    template <class Lock, class Rep, class Period>
    cv_status wait_for(Lock &lock, std::chrono::duration<Rep, Period> timeout)
    {
        return status(wait_ticks(lock, ntpark_deadline(detail::nanoseconds(timeout))));
    }

    template <class Lock, class Rep, class Period, class Predicate>
    bool wait_for(Lock &lock, std::chrono::duration<Rep, Period> timeout, Predicate is_so)
    {
        const std::uint64_t deadline = ntpark_deadline(detail::nanoseconds(timeout));
        while (!is_so()) {
            if (wait_ticks(lock, deadline) == NTPARK_TIMEOUT)
                return is_so();
        }
        return true;
    }

    template <class Lock, class Duration>
    cv_status wait_until(Lock &lock, std::chrono::time_point<clock, Duration> deadline)
    {
        return status(wait_ticks(lock, detail::ticks(deadline)));
    }

    /*
     * If this clock is late at the end of the wait, the wakeup is spurious: the thread may have missed a notify while
     * it locked again.
     */
    template <class Lock, class Clock, class Duration>
    cv_status wait_until(Lock &lock, std::chrono::time_point<Clock, Duration> deadline)
    {
        const std::uint64_t left = detail::nanoseconds_between(Clock::now(), deadline);
        if (wait_ticks(lock, ntpark_deadline(left)) == NTPARK_OK)
            return cv_status::no_timeout;
        const bool is_over = left == 0 || detail::nanoseconds_between(Clock::now(), deadline) == 0;
        return is_over ? cv_status::timeout : cv_status::no_timeout;
    }

    template <class Lock, class Clock, class Duration, class Predicate>
    bool wait_until(Lock &lock, std::chrono::time_point<Clock, Duration> deadline, Predicate is_so)
    {
        while (!is_so()) {
            if (wait_until(lock, deadline) == cv_status::timeout)
                return is_so();
        }
        return true;
    }

    /* The condition variable for C functions. */
    using native_handle_type = ntpark_condvar *;
    native_handle_type native_handle() noexcept { return &raw_; }

private:
    static cv_status status(ntpark_status status) noexcept
    {
        return status == NTPARK_OK ? cv_status::no_timeout : cv_status::timeout;
    }

    ntpark_status wait_ticks(std::unique_lock<mutex> &lock, std::uint64_t deadline)
    {
        return ntpark_condvar_wait_until(&raw_, lock.mutex()->native_handle(), deadline);
    }

    /* To unlock does not throw, as the standard asks of every lock; to lock again may. */
    template <class Lock>
    ntpark_status wait_ticks(Lock &lock, std::uint64_t deadline)
    {
        void *const any_lock = static_cast<void *>(std::addressof(lock));
        const ntpark_status status = ntpark_condvar_wait_unlocked_until(&raw_, unlock<Lock>, any_lock, deadline);
        lock.lock();
        return status;
    }

    template <class Lock>
    static void NTPARK_CALL unlock(void *lock) noexcept
    {
        static_cast<Lock *>(lock)->unlock();
    }

    ntpark_condvar raw_;
};

using condition_variable_any = condition_variable;

/* For call_once: see ntpark_once. */
class once_flag {
public:
    constexpr once_flag() noexcept : raw_ NTPARK_ONCE_INIT {}
    once_flag(const once_flag &) = delete;
    once_flag &operator=(const once_flag &) = delete;

    /* The flag for C functions. */
    ntpark_once *native_handle() noexcept { return &raw_; }

private:
    ntpark_once raw_;
};

/* Calls function(arguments...) once. If it throws, the next caller calls its own, as with std::call_once. */
template <class Function, class... Arguments>
void call_once(once_flag &flag, Function &&function, Arguments &&...arguments)
{
    /* Gives up, unless it is done. */
    struct attempt {
        ntpark_once *once;
        bool is_done;
        ~attempt() { is_done ? ntpark_once_complete(once) : ntpark_once_abandon(once); }
    };
    ntpark_once *const once = flag.native_handle();
    ntpark_once_state state = NTPARK_ONCE_DONE;
    if (ntpark_once_is_done(once) == NTPARK_OK)
        return;
    if (ntpark_once_begin(once, &state) == NTPARK_OK && state != NTPARK_ONCE_DONE) {
        attempt made = {once, false};
        std::forward<Function>(function)(std::forward<Arguments>(arguments)...);
        made.is_done = true;
    }
}

/* A semaphore: see ntpark_semaphore. First come, first served. */
template <std::ptrdiff_t LeastMax = 0x7FFFFFFF>
class counting_semaphore {
    static_assert(0 <= LeastMax && LeastMax <= 0x7FFFFFFF, "2^31 - 1 permits at most");

public:
    constexpr explicit counting_semaphore(std::ptrdiff_t permits) noexcept : raw_ NTPARK_SEMAPHORE_INIT(permits) {}
    counting_semaphore(const counting_semaphore &) = delete;
    counting_semaphore &operator=(const counting_semaphore &) = delete;

    static constexpr std::ptrdiff_t max() noexcept { return 0x7FFFFFFF; }

    void acquire() noexcept { ntpark_semaphore_acquire(&raw_, 1); }
    bool try_acquire() noexcept { return ntpark_semaphore_try_acquire(&raw_, 1) == NTPARK_OK; }
    void release(std::ptrdiff_t permits = 1) noexcept
    {
        ntpark_semaphore_release(&raw_, static_cast<std::uint32_t>(permits));
    }

    template <class Rep, class Period>
    bool try_acquire_for(std::chrono::duration<Rep, Period> timeout) noexcept
    {
        return ntpark_semaphore_acquire_timeout(&raw_, 1, detail::nanoseconds(timeout)) == NTPARK_OK;
    }

    template <class Clock, class Duration>
    bool try_acquire_until(std::chrono::time_point<Clock, Duration> deadline)
    {
        return detail::has_until(
            deadline, [this](std::uint64_t left) { return ntpark_semaphore_acquire_timeout(&raw_, 1, left); });
    }

    /* The semaphore for C functions. */
    ntpark_semaphore *native_handle() noexcept { return &raw_; }

private:
    ntpark_semaphore raw_;
};

using binary_semaphore = counting_semaphore<1>;

/*
 * Waits while a std::atomic of 1, 2, 4 or 8 bytes has the old value, compared byte by byte. In C++11 to C++17 too, and
 * on Windows before 8.
 */
template <class T>
void atomic_wait(const std::atomic<T> &atomic, T old) noexcept
{
    static_assert(sizeof(std::atomic<T>) == sizeof(T) && sizeof(T) <= 8 && (sizeof(T) & (sizeof(T) - 1)) == 0,
                  "1, 2, 4 or 8 bytes, without a lock");
    std::uint64_t expected = 0;
    std::memcpy(&expected, &old, sizeof old);
    while (ntpark_futex_wait(std::addressof(atomic), sizeof old, expected) == NTPARK_OK) {
    }
}

/* Wakes a thread that waits, the first that came; or all. The atomic is not touched. How many, exactly. */
template <class T>
std::size_t atomic_notify(const std::atomic<T> *atomic, std::size_t count) noexcept
{
    std::uintptr_t woken = 0;
    ntpark_futex_wake(atomic, count, NTPARK_FUTEX_ALL, &woken);
    return woken;
}

template <class T>
std::size_t atomic_notify_one(const std::atomic<T> *atomic) noexcept
{
    return atomic_notify(atomic, 1);
}

template <class T>
std::size_t atomic_notify_all(const std::atomic<T> *atomic) noexcept
{
    return atomic_notify(atomic, SIZE_MAX);
}

inline void yield() noexcept { ntpark_yield(); }

} // namespace ntpark

#endif
