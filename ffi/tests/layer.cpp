// The C++ layer.

#include <ntpark.hpp>

#include "test.h"

#include <chrono>
#include <limits>
#include <mutex>
#if __cplusplus >= 201402L
#include <shared_mutex>
#endif
#include <stdexcept>
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
static_assert(sizeof(ntpark::mutex) == 4 && sizeof(ntpark::once_flag) == 1, "nothing but the word");
static_assert(std::is_trivially_destructible<ntpark::shared_mutex>::value, "no code at exit");
static_assert(!std::is_copy_constructible<ntpark::condition_variable>::value, "one in use can't be copied");
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

// The rest with the standard's own guards, on several threads. A body gets its thread's number.

const int THREADS = 4, ROUNDS = 500;

template <class Body>
struct crew {
    Body body;
    volatile LONG number;

    static DWORD WINAPI run(void *argument)
    {
        crew *self = static_cast<crew *>(argument);
        self->body(static_cast<int>(InterlockedIncrement(&self->number)) - 1);
        return 0;
    }
};

template <class Body>
void on_threads(Body body)
{
    crew<Body> all = {body, 0};
    HANDLE threads[THREADS];
    for (HANDLE &thread : threads)
        thread = test_start(crew<Body>::run, &all);
    for (HANDLE thread : threads)
        test_join(thread);
}

template <class Mutex>
void excludes()
{
    Mutex mutex;
    int sum = 0;
    on_threads([&](int) {
        for (int round = 0; round < ROUNDS; round++) {
            std::unique_lock<Mutex> lock(mutex, std::defer_lock);
            switch (round % 4) {
            case 0: lock.lock(); break;
            case 1: while (!lock.try_lock()) ntpark::yield(); break;
            case 2: while (!lock.try_lock_for(chrono::microseconds(round))) {} break;
            case 3: CHECK(lock.try_lock_until(chrono::steady_clock::now() + chrono::minutes(1))); break;
            }
            sum++;
        }
    });
    CHECK(sum == THREADS * ROUNDS);

    std::lock_guard<Mutex> guard(mutex);
    on_threads([&](int) {
        const auto start = chrono::steady_clock::now();
        CHECK(!mutex.try_lock());
        CHECK(!mutex.try_lock_for(chrono::milliseconds(5)));
        CHECK(chrono::steady_clock::now() - start >= chrono::milliseconds(5));
        CHECK(!mutex.try_lock_until(half_speed::now() + chrono::milliseconds(5)));
        CHECK(chrono::steady_clock::now() - start >= chrono::milliseconds(15));
        const auto later = ntpark::clock::now() + chrono::milliseconds(5);
        CHECK(!mutex.try_lock_until(later));
        CHECK(ntpark::clock::now() >= later);
    });
}

void mutexes()
{
    excludes<ntpark::mutex>();
    excludes<ntpark::timed_mutex>();
    excludes<ntpark::recursive_mutex>();
    excludes<ntpark::recursive_timed_mutex>();
    excludes<ntpark::shared_mutex>();
    excludes<ntpark::shared_timed_mutex>();

    ntpark::mutex one, other;
    std::lock(one, other);
    CHECK(!one.try_lock() && !other.try_lock());
    one.unlock_fair();
    CHECK_STATUS(ntpark_mutex_unlock(other.native_handle()), NTPARK_OK);
#if __cplusplus >= 201703L
    on_threads([&](int number) {
        for (int round = 0; round < ROUNDS; round++) {
            if (number % 2 == 0)
                std::scoped_lock both(one, other);
            else
                std::scoped_lock both(other, one);
        }
    });
#endif
}

void recursion()
{
    ntpark::recursive_mutex mutex;
    mutex.lock();
    mutex.lock();
    CHECK(mutex.try_lock());
    CHECK(mutex.try_lock_for(chrono::seconds(0)));
    CHECK(mutex.try_lock_until(chrono::steady_clock::time_point()));
    for (int depth = 5; depth > 0; depth--) {
        on_threads([&](int) { CHECK(!mutex.try_lock()); });
        mutex.unlock();
    }
    volatile LONG taken = 0;
    on_threads([&](int) {
        std::lock_guard<ntpark::recursive_mutex> outer(mutex);
        std::lock_guard<ntpark::recursive_mutex> inner(mutex);
        InterlockedIncrement(&taken);
    });
    CHECK(taken == THREADS);
}

void sharing()
{
    ntpark::shared_mutex mutex;
    mutex.lock_shared();
    on_threads([&](int) {
        CHECK(mutex.try_lock_shared());
        mutex.unlock_shared();
        CHECK(mutex.try_lock_shared_for(chrono::seconds(0)));
        mutex.unlock_shared();
    });
    // A writer that waits keeps readers out, so these come later.
    on_threads([&](int) {
        CHECK(!mutex.try_lock());
        CHECK(!mutex.try_lock_for(chrono::milliseconds(1)));
    });
    mutex.unlock_shared();
    mutex.lock();
    on_threads([&](int) {
        CHECK(!mutex.try_lock_shared());
        CHECK(!mutex.try_lock_shared_for(chrono::milliseconds(1)));
        CHECK(!mutex.try_lock_shared_until(chrono::steady_clock::now() + chrono::milliseconds(1)));
    });
    mutex.unlock();
    CHECK_STATUS(ntpark_rwlock_lock_upgradable(mutex.native_handle()), NTPARK_OK);
    CHECK_STATUS(ntpark_rwlock_unlock_upgradable(mutex.native_handle()), NTPARK_OK);
#if __cplusplus >= 201402L
    int value = 0, copy = 0;
    on_threads([&](int number) {
        for (int round = 0; round < ROUNDS; round++) {
            if (number == 0) {
                std::unique_lock<ntpark::shared_mutex> lock(mutex);
                value++;
                copy++;
            } else {
                std::shared_lock<ntpark::shared_mutex> lock(mutex, std::defer_lock);
                CHECK(lock.try_lock_for(chrono::minutes(1)));
                CHECK(value == copy);
            }
        }
    });
    CHECK(value == ROUNDS);
#endif
}

// A lock that is not ntpark's.
class critical_section {
public:
    critical_section() { InitializeCriticalSection(&raw_); }
    critical_section(const critical_section &) = delete;
    critical_section &operator=(const critical_section &) = delete;
    ~critical_section() { DeleteCriticalSection(&raw_); }
    void lock() { EnterCriticalSection(&raw_); }
    void unlock() { LeaveCriticalSection(&raw_); }

private:
    CRITICAL_SECTION raw_;
};

template <class Mutex, class Lock>
void conditions()
{
    Mutex mutex;
    ntpark::condition_variable condition;
    int turn = 0;
    on_threads([&](int number) {
        for (int round = 0; round < ROUNDS / 4; round++) {
            Lock lock(mutex);
            const auto is_own = [&] { return turn % THREADS == number; };
            switch (round % 4) {
            case 0: condition.wait(lock, is_own); break;
            case 1: CHECK(condition.wait_for(lock, chrono::minutes(1), is_own)); break;
            case 2: CHECK(condition.wait_until(lock, half_speed::now() + chrono::minutes(1), is_own)); break;
            case 3:
                while (!is_own())
                    condition.wait_until(lock, ntpark::clock::now() + chrono::microseconds(50));
                break;
            }
            turn++;
            condition.notify_all();
        }
    });
    CHECK(turn == THREADS * (ROUNDS / 4));
    CHECK(condition.notify_one() == 0 && condition.notify_all() == 0 && condition.notify(3) == 0);

    Lock lock(mutex);
    const auto start = chrono::steady_clock::now();
    const auto never = [] { return false; };
    CHECK(condition.wait_for(lock, chrono::milliseconds(5)) == ntpark::cv_status::timeout);
    CHECK(chrono::steady_clock::now() - start >= chrono::milliseconds(5));
    CHECK(!condition.wait_for(lock, chrono::milliseconds(5), never));
    CHECK(chrono::steady_clock::now() - start >= chrono::milliseconds(10));
    CHECK(!condition.wait_until(lock, half_speed::now() + chrono::milliseconds(5), never));
    CHECK(chrono::steady_clock::now() - start >= chrono::milliseconds(20));
    const auto later = ntpark::clock::now() + chrono::milliseconds(5);
    CHECK(condition.wait_until(lock, later) == ntpark::cv_status::timeout);
    CHECK(ntpark::clock::now() >= later);
    // A wait by a slower clock does not go on over its lock, where it would miss a notify: it comes back.
    CHECK(condition.wait_until(lock, half_speed::now() + chrono::milliseconds(50)) == ntpark::cv_status::no_timeout);
    CHECK(condition.wait_until(lock, half_speed::time_point()) == ntpark::cv_status::timeout);
    CHECK(lock.owns_lock());
}

void conditions_of_all_locks()
{
    conditions<ntpark::mutex, std::unique_lock<ntpark::mutex>>();
    conditions<ntpark::shared_mutex, std::unique_lock<ntpark::shared_mutex>>();
    conditions<critical_section, std::unique_lock<critical_section>>();
}

void once()
{
    ntpark::once_flag flag;
    volatile LONG attempts = 0;
    int value = 0;
    on_threads([&](int number) {
        for (;;) {
            try {
                ntpark::call_once(flag, [&](int given) {
                    if (InterlockedIncrement(&attempts) < 3)
                        throw std::runtime_error("not yet");
                    value = given;
                }, number + 100);
                break;
            } catch (const std::runtime_error &) {
            }
        }
        CHECK(value >= 100 && value < 100 + THREADS);
    });
    CHECK(attempts == 3);
    CHECK_STATUS(ntpark_once_is_done(flag.native_handle()), NTPARK_OK);
}

void semaphores()
{
    ntpark::counting_semaphore<3> semaphore(3);
    volatile LONG users = 0;
    CHECK(semaphore.max() >= 3 && ntpark::binary_semaphore::max() >= 1);
    on_threads([&](int) {
        for (int round = 0; round < ROUNDS; round++) {
            if (round % 2 == 0)
                semaphore.acquire();
            else
                CHECK(semaphore.try_acquire_until(half_speed::now() + chrono::minutes(1)));
            CHECK(InterlockedIncrement(&users) <= 3);
            InterlockedDecrement(&users);
            semaphore.release();
        }
    });
    CHECK(semaphore.try_acquire() && semaphore.try_acquire() && semaphore.try_acquire_for(chrono::seconds(0)));
    CHECK(!semaphore.try_acquire());
    const auto start = chrono::steady_clock::now();
    CHECK(!semaphore.try_acquire_for(chrono::milliseconds(5)));
    CHECK(chrono::steady_clock::now() - start >= chrono::milliseconds(5));
    semaphore.release(2);
    std::uint32_t permits = 0;
    CHECK_STATUS(ntpark_semaphore_permits(semaphore.native_handle(), &permits), NTPARK_OK);
    CHECK(permits == 2);
}

// Threads that take turns by an atomic.
template <class T>
void turns()
{
    std::atomic<T> turn(static_cast<T>(0));
    on_threads([&](int number) {
        for (int round = 0; round < ROUNDS / 4; round++) {
            for (T now; (now = turn.load()) != static_cast<T>(number);)
                ntpark::atomic_wait(turn, now);
            turn = static_cast<T>((number + 1) % THREADS);
            ntpark::atomic_notify_all(&turn);
        }
    });
    CHECK(turn == static_cast<T>(0));
    CHECK(ntpark::atomic_notify_one(&turn) == 0 && ntpark::atomic_notify_all(&turn) == 0);
}

void atomics()
{
    turns<signed char>();
    turns<unsigned short>();
    turns<int>();
    turns<float>();
    turns<long long>();
}

const test TESTS[] = {
    {"conversions", conversions}, {"token", token},         {"timeouts", timeouts},
    {"handoff", handoff},         {"two_phase", two_phase}, {"spinning", spinning},
    {"mutexes", mutexes},         {"recursion", recursion}, {"sharing", sharing},
    {"conditions", conditions_of_all_locks},                {"once", once},
    {"semaphores", semaphores},   {"atomics", atomics},
};

} // namespace

int main(int argc, char **argv)
{
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}
