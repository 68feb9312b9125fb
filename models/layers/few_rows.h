// Rows of a stored matrix times few vectors: what all compiled functions are made of.
//
// Weights stay in their stored type (fp32, bf16, int8 with a scale a row, int4 with a scale for
// 32 weights) and are multiplied in fp32; every weight is read once and used at once. No headers
// but the compiler's own.
//
// Letters: n or N vectors, R rows of a weight matrix in one pass, groups = cols / 32.

#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace {

constexpr long kLanes = 16;
constexpr long kGroup = 32;
constexpr int kAtOnce = 4;  // vectors that share one pass over a weight row
constexpr long kAhead = 4096;  // bytes fetched ahead: the processor's own stop at every page

typedef float Lanes __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Bits __attribute__((vector_size(4 * kLanes)));
typedef int32_t Ints __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));
typedef uint8_t Bytes __attribute__((vector_size(kLanes)));

struct bf16 { uint16_t bits; };

template <class V> inline V at(const void* p) {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

// 32 weights in 4 bits: 16 bytes hold them plus 8, the first 16 in the low halves.
struct Group { Lanes low, high; };

inline Bits every(uint32_t v) { return Bits{} + v; }

inline Lanes lanes(const float* p) { return at<Lanes>(p); }

#ifdef __AVX512F__  // GCC 12 makes five instructions of these conversions where there is one

inline Lanes lanes(const bf16* p) {
    return (Lanes)_mm512_slli_epi32(_mm512_cvtepu16_epi32(at<__m256i>(p)), 16);
}
inline Lanes lanes(const int8_t* p) {
    return (Lanes)_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(at<__m128i>(p)));
}
inline Group unpacked(const uint8_t* p) {  // looked up in a table by the low four bits
    const Lanes table = {-8, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7};
    const __m512i v = _mm512_cvtepu8_epi32(at<__m128i>(p));
    return {(Lanes)_mm512_permutexvar_ps(v, (__m512)table),
            (Lanes)_mm512_permutexvar_ps(_mm512_srli_epi32(v, 4), (__m512)table)};
}

#else

inline Lanes lanes(const bf16* p) {
    return (Lanes)(__builtin_convertvector(at<Halves>(p), Bits) << 16);
}
inline Lanes lanes(Bytes v) {
    return __builtin_convertvector(__builtin_convertvector(v, Ints), Lanes);
}
inline Lanes lanes(const int8_t* p) {  // as unsigned: GCC 12 takes signed bytes one by one
    return lanes(at<Bytes>(p) ^ 128) - 128.0f;
}
inline Group unpacked(const uint8_t* p) {
    const Bytes v = at<Bytes>(p);
    return {lanes(v & 15) - 8.0f, lanes(v >> 4) - 8.0f};
}

#endif

inline float one(const float* p) { return *p; }
inline float one(const int8_t* p) { return *p; }
inline float one(const bf16* p) {
    const uint32_t bits = uint32_t(p->bits) << 16;
    return at<float>(&bits);
}

inline Lanes product(Group w, const float* x) {
    return w.low * lanes(x) + w.high * lanes(x + kLanes);
}

inline float sum(Lanes v) {
    float total = 0;
    for (long i = 0; i < kLanes; ++i) total += v[i];
    return total;
}

// A weight matrix, its columns as stored.
struct Matrix {
    const void* weights;
    const void* scales;
    long cols;
};

// R rows times N vectors x[k] of `cols` values, into y[r * N + k].
template <class T, int N, int R>
inline void times(const T* w, const float* const* x, long cols, float* y) {
    constexpr int kParts = N * R >= 8 ? 1 : N == 1 ? 4 : 2;  // sums that wait for no other
    Lanes acc[R][N][kParts] = {};
    long c = 0;
    for (; c + kParts * kLanes <= cols; c += kParts * kLanes)
        for (int part = 0; part < kParts; ++part) {
            const long here = c + part * kLanes;
            Lanes v[R];
            for (int r = 0; r < R; ++r) {
                __builtin_prefetch((const char*)(w + r * cols + here) + kAhead);
                v[r] = lanes(w + r * cols + here);
            }
            for (int k = 0; k < N; ++k) {
                const Lanes u = lanes(x[k] + here);
                for (int r = 0; r < R; ++r) acc[r][k][part] += v[r] * u;
            }
        }
    for (int r = 0; r < R; ++r)
        for (int k = 0; k < N; ++k) {
            Lanes all = acc[r][k][0];
            for (int part = 1; part < kParts; ++part) all += acc[r][k][part];
            float total = sum(all);
            for (long rest = c; rest < cols; ++rest) total += one(w + r * cols + rest) * x[k][rest];
            y[r * N + k] = total;
        }
}

// int4: one bf16 scale for each group of 32 weights.
template <int N, int R>
inline void int4_times(const uint8_t* w, const bf16* s, const float* const* x, long cols,
                       float* y) {
    constexpr int kParts = N * R >= 4 ? 1 : 2;
    const long groups = cols / kGroup;
    Lanes acc[R][N][kParts] = {};
    for (long g = 0; g < groups; g += 2) {
        const bool both = g + 1 < groups;
        for (int r = 0; r < R; ++r) {
            const uint8_t* here = w + (r * groups + g) * kGroup / 2;
            const bf16* scale = s + r * groups + g;
            __builtin_prefetch(here + kAhead);
            // Two scales are loaded as one number; the last of an odd row alone.
            const Bits pair = every(both ? at<uint32_t>(scale) : scale->bits);
            const Group first = unpacked(here);
            for (int k = 0; k < N; ++k)
                acc[r][k][0] += (Lanes)(pair << 16) * product(first, x[k] + g * kGroup);
            if (!both) continue;
            const Group second = unpacked(here + kGroup / 2);
            for (int k = 0; k < N; ++k)
                acc[r][k][kParts - 1] +=
                    (Lanes)(pair & 0xffff0000u) * product(second, x[k] + (g + 1) * kGroup);
        }
    }
    for (int r = 0; r < R; ++r)
        for (int k = 0; k < N; ++k)
            y[r * N + k] = sum(kParts == 1 ? acc[r][k][0] : acc[r][k][0] + acc[r][k][kParts - 1]);
}

enum Kind { kFloat, kBf16, kInt8, kInt4 };

// Rows r .. r + R - 1 times N vectors.
template <Kind kind, int N, int R>
inline void rows_times(const Matrix& m, long r, const float* const* x, float* y) {
    if (kind == kFloat) times<float, N, R>((const float*)m.weights + r * m.cols, x, m.cols, y);
    if (kind == kBf16) times<bf16, N, R>((const bf16*)m.weights + r * m.cols, x, m.cols, y);
    if (kind == kInt8) {
        times<int8_t, N, R>((const int8_t*)m.weights + r * m.cols, x, m.cols, y);
        for (int i = 0; i < R * N; ++i) y[i] *= ((const float*)m.scales)[r + i / N];
    }
    if (kind == kInt4)
        int4_times<N, R>((const uint8_t*)m.weights + r * m.cols / 2,
                         (const bf16*)m.scales + r * m.cols / kGroup, x, m.cols, y);
}

constexpr int kMaxVectors = 64;
constexpr int kRows = 4;  // rows that share one pass over the vectors

// A block of `n_rows` <= kRows rows times N vectors, into y[row * stride + vector].
template <Kind kind, int N>
inline void block(const Matrix& m, long r, int n_rows, const float* const* x, float* y,
                  long stride) {
    constexpr int R = N == 1 ? 1 : kind == kInt4 ? 2 : kRows;
    float out[kRows * N];
    int done = 0;
    for (; done + R <= n_rows; done += R) rows_times<kind, N, R>(m, r + done, x, out + done * N);
    for (; done < n_rows; ++done) rows_times<kind, N, 1>(m, r + done, x, out + done * N);
    for (int i = 0; i < n_rows * N; ++i) y[i / N * stride + i % N] = out[i];
}

// The same times n <= kMaxVectors vectors, into y[row * kMaxVectors + vector].
template <Kind kind>
inline void rows_of(const Matrix& m, long r, int n_rows, const float* const* x, int n, float* y) {
    for (; n >= kAtOnce; n -= kAtOnce, x += kAtOnce, y += kAtOnce)
        block<kind, kAtOnce>(m, r, n_rows, x, y, kMaxVectors);
    if (n == 3) block<kind, 3>(m, r, n_rows, x, y, kMaxVectors);
    if (n == 2) block<kind, 2>(m, r, n_rows, x, y, kMaxVectors);
    if (n == 1) block<kind, 1>(m, r, n_rows, x, y, kMaxVectors);
}

inline long blocks_of(long rows) { return (rows + kRows - 1) / kRows; }
inline int rows_from(long r, long rows) { return rows - r < kRows ? int(rows - r) : kRows; }

inline float gated(float gate, float up) { return gate / (1 + std::exp(-gate)) * up; }

}  // namespace
