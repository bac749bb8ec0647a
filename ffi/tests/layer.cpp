// The C++ layer.

#include <ntpark.hpp>

#include "test.h"

#include <chrono>
#include <limits>
#include <type_traits>
#include <utility>

namespace chrono = std::chrono;
using ntpark::detail::nanoseconds;
using ntpark::detail::ticks;

static_assert(sizeof(ntpark::parker) == sizeof(ntpark_parker), "nothing but the word");
static_assert(sizeof(ntpark::thread_parker) == sizeof(ntpark_thread_parker), "nothing but the words");
static_assert(std::is_standard_layout<ntpark::parker>::value, "usable from C");
static_assert(!std::is_copy_constructible<ntpark::parker>::value, "a parker in use can't be copied");
static_assert(std::is_trivially_destructible<ntpark::parker>::value, "no code at exit");
static_assert(std::is_nothrow_move_constructible<ntpark::unpark_handle>::value, "handles are passed on");

namespace {

ntpark::parker constant_initialised;

struct choose_backend {
    choose_backend() { test_choose_backend(); }
} before_main;

// A span that only a clock of its own can count.
struct half_speed {
    using rep = long long;
    using period = std::nano;
    using duration = chrono::nanoseconds;
    using time_point = chrono::time_point<half_speed>;
    static constexpr bool is_steady = true;
    static time_point now() { return time_point(chrono::steady_clock::now().time_since_epoch() / 2); }
};

// A clock that began 11 days ago: a float tells its seconds in steps of 62.5 ms.
struct uptime {
    using rep = long long;
    using period = std::nano;
    using duration = chrono::nanoseconds;
    using time_point = chrono::time_point<uptime>;
    static constexpr bool is_steady = true;
    static time_point now()
    {
        static const chrono::steady_clock::time_point start = chrono::steady_clock::now();
        return time_point(chrono::steady_clock::now() - start + chrono::seconds(1000000));
    }
};

static_assert(half_speed::is_steady && uptime::is_steady, "clocks to wait by");

// A few examples; chrono.cpp checks all types.
void conversions()
{
    using point = ntpark::clock::time_point;

    CHECK(nanoseconds(chrono::seconds(4)) == 4000000000u);
    CHECK(nanoseconds(chrono::hours(24 * 365 * 500)) == 15768000000000000000u);
    CHECK(nanoseconds(chrono::seconds(-1)) == 0);
    // Never down.
    CHECK(nanoseconds(chrono::duration<long long, std::pico>(1001)) == 2);
    CHECK(nanoseconds(chrono::duration<double>(0.5)) == 500000000u);
    CHECK(nanoseconds(chrono::duration<int, std::ratio<1, 3>>(1)) == 333333334u);
    CHECK(ticks(chrono::time_point<ntpark::clock, chrono::nanoseconds>(chrono::nanoseconds(701))) == 8);
    // What can't be counted is for ever.
    CHECK(nanoseconds(chrono::hours::max()) == NTPARK_FOREVER);
    CHECK(nanoseconds(chrono::nanoseconds::max()) == std::uint64_t(INT64_MAX));
    CHECK(ticks(point::min()) == 0);
    CHECK(ticks(point::max()) == std::uint64_t(INT64_MAX));
}

void token()
{
    CHECK_STATUS(constant_initialised.park_for(chrono::seconds(0)), NTPARK_TIMEOUT);
    constant_initialised.unpark();
    CHECK_STATUS(constant_initialised.park(), NTPARK_OK);
    constant_initialised.unpark();
    CHECK_STATUS(ntpark_parker_park(constant_initialised.native_handle()), NTPARK_OK);
}

template <class Clock, class Wait>
void lasts(chrono::milliseconds span, Wait wait)
{
    const typename Clock::time_point start = Clock::now();
    CHECK_STATUS(wait(start + span), NTPARK_TIMEOUT);
    CHECK(Clock::now() - start >= span);
}

void timeouts()
{
    ntpark::parker parker;
    const chrono::milliseconds span(5);

    lasts<chrono::steady_clock>(span, [&](chrono::steady_clock::time_point) { return parker.park_for(span); });
    lasts<ntpark::clock>(span, [&](ntpark::clock::time_point deadline) { return parker.park_until(deadline); });
    using steady = chrono::steady_clock::time_point;
    lasts<chrono::steady_clock>(span, [&](steady deadline) { return parker.park_until(deadline); });
    using system = chrono::system_clock::time_point;
    lasts<chrono::system_clock>(span, [&](system deadline) { return parker.park_until(deadline); });
    lasts<half_speed>(span, [&](half_speed::time_point deadline) { return parker.park_until(deadline); });

    using coarse = chrono::time_point<uptime, chrono::duration<float>>;
    for (int round = 0; round < 5; round++) {
        const chrono::duration<double> soon = uptime::now().time_since_epoch() + chrono::milliseconds(50);
        const coarse deadline(coarse::duration(static_cast<float>(soon.count())));
        CHECK_STATUS(parker.park_until(deadline), NTPARK_TIMEOUT);
        // The deadline is a double too, so rounding the time to one keeps their order.
        const chrono::duration<double> now = uptime::now().time_since_epoch();
        CHECK(now.count() >= static_cast<double>(deadline.time_since_epoch().count()));
    }

    using seconds = chrono::duration<double>;
    const chrono::time_point<chrono::steady_clock, seconds> nan{seconds{std::numeric_limits<double>::quiet_NaN()}};
    CHECK_STATUS(parker.park_until(nan), NTPARK_TIMEOUT);
    CHECK_STATUS(parker.park_until(chrono::steady_clock::time_point()), NTPARK_TIMEOUT);
    CHECK_STATUS(parker.unpark(), NTPARK_OK);
    CHECK_STATUS(parker.park_until(chrono::steady_clock::time_point()), NTPARK_OK);
    parker.unpark();
    CHECK_STATUS(parker.park_until(ntpark::clock::time_point::max()), NTPARK_OK);
    parker.unpark();
    CHECK_STATUS(parker.park_for(chrono::hours::max()), NTPARK_OK);
}

DWORD WINAPI answer(void *argument)
{
    ntpark::parker *parkers = static_cast<ntpark::parker *>(argument);

    for (int round = 0; round < 1000; round++) {
        CHECK_STATUS(parkers[0].park(), NTPARK_OK);
        parkers[1].unpark();
    }
    return 0;
}

void handoff()
{
    ntpark::parker parkers[2];
    const HANDLE thread = test_start(answer, parkers);

    for (int round = 0; round < 1000; round++) {
        parkers[0].unpark();
        CHECK_STATUS(parkers[1].park_for(chrono::minutes(1)), NTPARK_OK);
    }
    test_join(thread);
}

DWORD WINAPI park_prepared(void *argument)
{
    CHECK_STATUS(static_cast<ntpark::thread_parker *>(argument)->park(), NTPARK_OK);
    return 0;
}

void two_phase()
{
    ntpark::thread_parker parker;
    const chrono::milliseconds span(5);

    CHECK_STATUS(parker.park(), NTPARK_BUSY);
    CHECK_STATUS(parker.prepare_park(), NTPARK_OK);
    lasts<chrono::steady_clock>(span, [&](chrono::steady_clock::time_point) { return parker.park_for(span); });
    CHECK(parker.timed_out());
    CHECK_STATUS(parker.prepare_park(), NTPARK_OK);
    lasts<ntpark::clock>(span, [&](ntpark::clock::time_point deadline) { return parker.park_until(deadline); });
    CHECK(parker.timed_out());

    // The handle does its work at the end of its scope, wherever it has been moved.
    CHECK_STATUS(parker.prepare_park(), NTPARK_OK);
    const uintptr_t armed = parker.native_handle()->state;
    const HANDLE thread = test_start(park_prepared, &parker);
    test_await_change(&parker.native_handle()->state, armed);
    {
        ntpark::unpark_handle handle = parker.unpark_lock();
        ntpark::unpark_handle moved(std::move(handle));
    }
    test_join(thread);
}

void spinning()
{
    ntpark::spin_wait spin;
    int times = 0;

    while (spin.spin())
        times++;
    CHECK(times == 10);
    spin.spin_no_yield();
    spin.reset();
    CHECK(spin.spin());
    ntpark::yield();
}

const test TESTS[] = {
    {"conversions", conversions}, {"token", token},         {"timeouts", timeouts},
    {"handoff", handoff},         {"two_phase", two_phase}, {"spinning", spinning},
};

} // namespace

int main(int argc, char **argv)
{
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}
