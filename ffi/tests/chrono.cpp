// The conversion of std::chrono's times, compared with exact arithmetic on fractions of numbers of any length.

#include <ntpark.hpp>

#include "test.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <ratio>
#include <string>
#include <vector>

namespace chrono = std::chrono;

namespace {

// A natural number of any length, in digits of 32 bits, the lowest first and the highest not zero.
class natural {
public:
    natural(unsigned long long number)
    {
        for (; number != 0; number >>= 32)
            digits_.push_back(static_cast<std::uint32_t>(number & UINT32_MAX));
    }

    natural operator+(const natural &other) const
    {
        natural sum = *this;
        sum.digits_.resize(std::max(digits_.size(), other.digits_.size()) + 1);
        std::uint64_t carry = 0;
        for (std::size_t at = 0; at < sum.digits_.size(); at++) {
            carry += sum.digits_[at];
            carry += at < other.digits_.size() ? other.digits_[at] : 0;
            sum.digits_[at] = static_cast<std::uint32_t>(carry & UINT32_MAX);
            carry >>= 32;
        }
        return sum.trimmed();
    }

    natural operator*(const natural &other) const
    {
        natural product(0);
        product.digits_.resize(digits_.size() + other.digits_.size());
        for (std::size_t left = 0; left < digits_.size(); left++) {
            std::uint64_t carry = 0;
            for (std::size_t right = 0; right < other.digits_.size() || carry != 0; right++) {
                carry += product.digits_[left + right];
                if (right < other.digits_.size())
                    carry += static_cast<std::uint64_t>(digits_[left]) * other.digits_[right];
                product.digits_[left + right] = static_cast<std::uint32_t>(carry & UINT32_MAX);
                carry >>= 32;
            }
        }
        return product.trimmed();
    }

    bool operator<(const natural &other) const
    {
        if (digits_.size() != other.digits_.size())
            return digits_.size() < other.digits_.size();
        return std::lexicographical_compare(digits_.rbegin(), digits_.rend(), other.digits_.rbegin(),
                                            other.digits_.rend());
    }

    static natural power_of_two(unsigned exponent)
    {
        natural number(0);
        number.digits_.resize(exponent / 32);
        number.digits_.push_back(std::uint32_t(1) << exponent % 32);
        return number;
    }

private:
    natural &trimmed()
    {
        while (!digits_.empty() && digits_.back() == 0)
            digits_.pop_back();
        return *this;
    }

    std::vector<std::uint32_t> digits_;
};

// A time in units of which a second has so many: numerator / denominator.
struct exact {
    bool is_negative;
    natural numerator, denominator;
};

template <class Integer>
exact to_exact(Integer count, std::true_type)
{
    const bool is_negative = count < Integer(0);
    natural number(is_negative ? 1 : 0), place(1);
    // One bit at a time: no type is wide enough for all.
    for (Integer rest = is_negative ? static_cast<Integer>(Integer(-1) - count) : count; rest != 0;
         rest = static_cast<Integer>(rest / 2)) {
        if (rest % 2 != 0)
            number = number + place;
        place = place + place;
    }
    return {is_negative, number, 1};
}

template <class Float>
exact to_exact(Float count, std::false_type)
{
    int exponent = 0;
    const natural mantissa(static_cast<unsigned long long>(std::ldexp(std::frexp(std::fabs(count), &exponent), 64)));
    exponent -= 64;
    const natural scale = natural::power_of_two(static_cast<unsigned>(exponent < 0 ? -exponent : exponent));
    return {count < 0, exponent < 0 ? mantissa : mantissa * scale, exponent < 0 ? scale : natural(1)};
}

template <class Rep>
using is_integer = std::integral_constant<bool, std::numeric_limits<Rep>::is_integer>;

template <class Rep, class Period>
exact to_exact(chrono::duration<Rep, Period> span, unsigned long long per_second)
{
    const exact count = to_exact(span.count(), is_integer<Rep>());
    return {count.is_negative, count.numerator * static_cast<unsigned long long>(Period::num) * per_second,
            count.denominator * static_cast<unsigned long long>(Period::den)};
}

// Whether a result is a difference rounded up: never too small, and too large by less than one. If both times are
// fractions of units, each has been rounded to 64 binary places before.
bool is_rounded_up(std::uint64_t result, const exact &from, const exact &to, bool are_fractions)
{
    const natural denominator = from.denominator * to.denominator, places = natural::power_of_two(62);
    natural plus(0), minus(0);

    (from.is_negative ? plus : minus) = from.numerator * to.denominator;
    natural &side = to.is_negative ? minus : plus;
    side = side + to.numerator * from.denominator;
    if (result != NTPARK_FOREVER && minus + denominator * result < plus)
        return false;
    const natural slack = are_fractions ? denominator : 0;
    return result == 0 || (minus + denominator * (result - 1)) * places < plus * places + slack;
}

// Random numbers, the same in each run.
class random {
public:
    std::uint64_t bits()
    {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_;
    }

    // Of any magnitude, sometimes one of the largest.
    template <class Integer>
    Integer count(std::true_type)
    {
        using limits = std::numeric_limits<Integer>;
        const Integer distance = static_cast<Integer>(bits() % 3);
        switch (bits() % 8) {
        case 0:
            return static_cast<Integer>((limits::max)() - distance);
        case 1:
            return static_cast<Integer>((limits::min)() + distance);
        default:
            const std::uint64_t magnitude = bits() >> bits() % 64;
            return static_cast<Integer>(bits() % 2 == 0 ? magnitude : 0 - magnitude);
        }
    }

    // Mostly of usual magnitudes, sometimes of any.
    template <class Float>
    Float count(std::false_type)
    {
        using limits = std::numeric_limits<Float>;
        const Float mantissa = static_cast<Float>(static_cast<std::int64_t>(bits()));
        switch (bits() % 16) {
        case 0:
            return bits() % 2 == 0 ? (limits::max)() : limits::lowest();
        case 1:
            return bits() % 2 == 0 ? limits::denorm_min() : -limits::denorm_min();
        case 2:
            return std::ldexp(mantissa, static_cast<int>(bits() % 700) - 763 + std::min(limits::max_exponent, 600));
        default:
            return std::ldexp(mantissa, static_cast<int>(bits() % 100) - 113);
        }
    }

private:
    std::uint64_t state_ = 0x9E3779B97F4A7C15;
};

random numbers;

template <class Rep, class Period>
chrono::duration<Rep, Period> any_span()
{
    return chrono::duration<Rep, Period>(numbers.count<Rep>(is_integer<Rep>()));
}

// A span that is about as long as another, if its type has one.
template <class Like, class Rep, class Period>
Like about(chrono::duration<Rep, Period> span)
{
    using to = typename Like::period;
    const long double seconds = static_cast<long double>(span.count()) * Period::num / Period::den;
    const long double count = seconds * to::den / to::num;
    using limits = std::numeric_limits<typename Like::rep>;

    if (!(std::fabs(count) < static_cast<long double>((limits::max)()) / 2) || (count < 0 && !limits::is_signed))
        return any_span<typename Like::rep, typename Like::period>();
    return Like(static_cast<typename Like::rep>(count));
}

template <class Rep, class Period>
constexpr bool is_whole()
{
    return is_integer<Rep>::value && 1000000000 % Period::den == 0;
}

void check(bool holds, const char *what, std::uint64_t result, long double from, long double to)
{
    char text[200];

    if (holds)
        return;
    std::snprintf(text, sizeof text, "%s: %.20g to %.20g is %.0f", what, static_cast<double>(from),
                  static_cast<double>(to), static_cast<double>(result));
    test_fail(__FILE__, __LINE__, text);
}

// The header does not tell which of two such times is later.
template <class Rep, class Period>
bool is_as_good_as_infinite(chrono::duration<Rep, Period> span)
{
    return std::fabs(static_cast<long double>(span.count())) > 1e60L * static_cast<long double>(Period::den);
}

struct any_clock {};

template <class From, class To>
void check_difference(From from, To to)
{
    if (is_as_good_as_infinite(from) && is_as_good_as_infinite(to))
        return;
    const std::uint64_t left = ntpark::detail::nanoseconds_between(chrono::time_point<any_clock, From>(from),
                                                                   chrono::time_point<any_clock, To>(to));
    const bool are_fractions = !is_whole<typename From::rep, typename From::period>() &&
                            !is_whole<typename To::rep, typename To::period>();
    check(is_rounded_up(left, to_exact(from, 1000000000), to_exact(to, 1000000000), are_fractions), "difference", left,
          static_cast<long double>(from.count()), static_cast<long double>(to.count()));
}

template <class From, class To>
void check_differences()
{
    for (int round = 0; round < 20; round++) {
        const From from = any_span<typename From::rep, typename From::period>();
        check_difference(from, any_span<typename To::rep, typename To::period>());
        check_difference(from, about<To>(from));
    }
}

template <class Rep, class Period>
void check_type()
{
    using span_type = chrono::duration<Rep, Period>;
    const exact zero = {false, 0, 1};

    for (int round = 0; round < 100; round++) {
        const span_type span = any_span<Rep, Period>();
        const long double count = static_cast<long double>(span.count());
        const std::uint64_t nanoseconds = ntpark::detail::nanoseconds(span);
        const bool are_right = is_rounded_up(nanoseconds, zero, to_exact(span, 1000000000), false);
        check(are_right, "nanoseconds", nanoseconds, 0, count);
        const std::uint64_t ticks = ntpark::detail::ticks(chrono::time_point<ntpark::clock, span_type>(span));
        check(is_rounded_up(ticks, zero, to_exact(span, 10000000), false), "ticks", ticks, 0, count);
    }
    check_differences<chrono::nanoseconds, span_type>();
    check_differences<chrono::duration<double>, span_type>();
    check_differences<chrono::duration<std::int64_t, std::ratio<1001, 30000>>, span_type>();
}

template <class Rep>
void check_periods()
{
    check_type<Rep, std::nano>();
    check_type<Rep, std::ratio<1, 10000000>>();
    check_type<Rep, std::ratio<1>>();
    check_type<Rep, std::ratio<86400>>();
    check_type<Rep, std::ratio<1001, 30000>>();
    check_type<Rep, std::ratio<365241861121>>();
    check_type<Rep, std::ratio<1, INTMAX_MAX>>();
    check_type<Rep, std::ratio<INTMAX_MAX - 1, INTMAX_MAX>>();
}

void signed_integers()
{
    check_periods<short>();
    check_periods<long long>();
}

void unsigned_integers()
{
    check_periods<unsigned char>();
    check_periods<unsigned long long>();
}

void floating_point()
{
    check_periods<float>();
    check_periods<double>();
    check_periods<long double>();
}

template <class Float>
void check_specials()
{
    using seconds = chrono::duration<Float>;
    using limits = std::numeric_limits<Float>;
    using point = chrono::time_point<any_clock, seconds>;
    const point never{seconds{limits::infinity()}}, before{seconds{-limits::infinity()}};
    const point nan{seconds{limits::quiet_NaN()}};
    const chrono::time_point<any_clock, chrono::seconds> now{chrono::seconds{5}};

    CHECK(ntpark::detail::nanoseconds(never.time_since_epoch()) == NTPARK_FOREVER);
    CHECK(ntpark::detail::nanoseconds(before.time_since_epoch()) == 0);
    CHECK(ntpark::detail::nanoseconds(nan.time_since_epoch()) == 0);
    CHECK(ntpark::detail::nanoseconds_between(now, never) == NTPARK_FOREVER);
    CHECK(ntpark::detail::nanoseconds_between(now, before) == 0);
    CHECK(ntpark::detail::nanoseconds_between(now, nan) == 0);
    // A clock beyond all times, or without one, ends every wait.
    CHECK(ntpark::detail::nanoseconds_between(never, now) == 0);
    CHECK(ntpark::detail::nanoseconds_between(nan, now) == 0);
    CHECK(ntpark::detail::nanoseconds_between(nan, nan) == 0);
    CHECK(ntpark::detail::nanoseconds_between(before, never) == NTPARK_FOREVER);
}

void specials()
{
    check_specials<float>();
    check_specials<double>();
    check_specials<long double>();
}

const test TESTS[] = {
    {"signed_integers", signed_integers},
    {"unsigned_integers", unsigned_integers},
    {"floating_point", floating_point},
    {"specials", specials},
};

} // namespace

int main(int argc, char **argv)
{
    return test_main(TESTS, COUNT(TESTS), argc, argv);
}
