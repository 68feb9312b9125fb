// Rows of a stored matrix times one vector, as every decode step takes them by the thousand.
//
// As in few_rows.h, but for int4 where the processor multiplies bytes (AVX-512 VNNI): there the
// vector is rounded to 8 bits with a scale for 32 numbers, which adds 0.5 % to the error of 11 %
// that 4 bits have, and weights are read at the speed of memory instead of half of it.

#pragma once

#include "few_rows.h"

#include <algorithm>
#include <vector>

namespace {

constexpr long kRun = 4 * kGroup;  // numbers that are taken at once

inline long runs_of(long cols) { return (cols + kRun - 1) / kRun; }

#ifdef __AVX512VNNI__

constexpr bool kRounds = true;

// `kRun` numbers, lying as the weights they meet: 16 bytes of each group hold its first half in
// their low bits, its second half in their high bits. Four bytes each meet in one of 16 lanes.
struct alignas(64) Rounded {
    int8_t low[64], high[64];
    int32_t start[kLanes];  // makes up for weights being stored plus 8
    float scales[kLanes];
};

void round_off(const float* x, long cols, Rounded* to) {
    std::fill_n(to, runs_of(cols), Rounded{});
    for (long g = 0; g < cols / kGroup; ++g, x += kGroup) {
        Rounded& run = to[g / 4];
        const long at = g % 4;
        const __m512 low = (__m512)lanes(x), high = (__m512)lanes(x + kLanes);
        const float highest =
            _mm512_reduce_max_ps(_mm512_max_ps(_mm512_abs_ps(low), _mm512_abs_ps(high)));
        const Lanes up = Lanes{} + (highest > 0 ? 127 / highest : 0.0f);
        const __m512i l = _mm512_cvtps_epi32(low * up), h = _mm512_cvtps_epi32(high * up);
        _mm_storeu_si128((__m128i*)(run.low + at * kLanes), _mm512_cvtepi32_epi8(l));
        _mm_storeu_si128((__m128i*)(run.high + at * kLanes), _mm512_cvtepi32_epi8(h));
        const float nothing = _mm512_reduce_add_ps((low + high) * 0.0f);  // but if x is no number
        std::fill_n(run.scales + at * 4, 4, highest / 127 + nothing);
    }
    for (Rounded* run = to; run != to + runs_of(cols); ++run) {
        const __m512i eights = _mm512_set1_epi8(8);
        __m512i sum = _mm512_setzero_si512();
        sum = _mm512_dpbusd_epi32(sum, eights, _mm512_load_si512(run->low));
        sum = _mm512_dpbusd_epi32(sum, eights, _mm512_load_si512(run->high));
        _mm512_store_si512(run->start, _mm512_sub_epi32(_mm512_setzero_si512(), sum));
    }
}

// Four groups of weights times a run of x, in 16 lanes.
inline __m512 run_times(__m512i w, uint64_t four_scales, const Rounded& x) {
    constexpr uint32_t a = 0x01008080, b = 0x03028080, c = 0x05048080, d = 0x07068080;
    const Bits widen = {a, a, a, a, b, b, b, b, c, c, c, c, d, d, d, d};
    const __m512i half = _mm512_set1_epi8(15), fours = _mm512_srli_epi16(w, 4);
    __m512i sum = _mm512_load_si512(x.start);
    sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(w, half), _mm512_load_si512(x.low));
    sum = _mm512_dpbusd_epi32(sum, _mm512_and_si512(fours, half), _mm512_load_si512(x.high));
    const __m512i scales = _mm512_shuffle_epi8(_mm512_set1_epi64(four_scales), (__m512i)widen);
    return (Lanes)_mm512_cvtepi32_ps(sum) * ((Lanes)scales * lanes(x.scales));
}

inline float rounded_times(const uint8_t* w, const bf16* s, const Rounded* x, long cols) {
    const long groups = cols / kGroup;
    Lanes sum = {}, other = {};
    long g = 0;
    for (; g + 4 <= groups; g += 4, w += 64, std::swap(sum, other)) {
        __builtin_prefetch(w + kAhead);
        sum += (Lanes)run_times(at<__m512i>(w), at<uint64_t>(s + g), x[g / 4]);
    }
    if (g < groups) {
        uint64_t scales = 0;
        std::memcpy(&scales, s + g, sizeof *s * (groups - g));
        const auto there = __mmask8((1 << 2 * (groups - g)) - 1);
        sum += (Lanes)run_times(_mm512_maskz_loadu_epi64(there, w), scales, x[g / 4]);
    }
    return ::sum(sum + other);
}

#else

constexpr bool kRounds = false;
struct Rounded {};
inline void round_off(const float*, long, Rounded*) {}
inline float rounded_times(const uint8_t*, const bf16*, const Rounded*, long) { return 0; }

#endif

// A vector as a matrix of some kind wants it.
struct Vector {
    const float* x;
    const Rounded* rounded;
};

// `room` holds runs_of(cols); x is followed by zeros up to `cols`.
inline Vector vector_for(long kind, const float* x, long cols, Rounded* room) {
    if (kRounds && kind == kInt4) round_off(x, cols, room);
    return {x, room};
}

// Rows first .. end - 1 times x, into y[0] and on.
inline void rows_times(long kind, const Matrix& m, long first, long end, Vector v, float* y) {
    for (long r = first; r < end; ++r, ++y) {
        if (kind == kFloat) rows_times<kFloat, 1, 1>(m, r, &v.x, y);
        if (kind == kBf16) rows_times<kBf16, 1, 1>(m, r, &v.x, y);
        if (kind == kInt8) rows_times<kInt8, 1, 1>(m, r, &v.x, y);
        if (kind == kInt4 && !kRounds) rows_times<kInt4, 1, 1>(m, r, &v.x, y);
        if (kind == kInt4 && kRounds)
            *y = rounded_times((const uint8_t*)m.weights + r * m.cols / 2,
                               (const bf16*)m.scales + r * m.cols / kGroup, v.rounded, m.cols);
    }
}

}  // namespace
