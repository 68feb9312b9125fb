// Matrix times few vectors, as decoding does it: every weight is read once and used at once.
//
// Weights stay in their stored type (fp32, bf16, int8 with a scale a row, int4 with a scale for
// 32 weights) and are multiplied in fp32. Plain C interface, no headers but the compiler's own:
// models/layers/native.py compiles this file and calls it.
//
// Letters: n vectors, rows and cols of a weight matrix, groups = cols / 32.

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

// One row times N vectors x[k] of `cols` values, into y[k].
template <class T, int N>
inline void row_times(const T* w, const float* const* x, long cols, float* y) {
    constexpr int kParts = N > 2 ? 2 : 4;  // sums that do not wait for one another
    Lanes acc[N][kParts] = {};
    long c = 0;
    for (; c + kParts * kLanes <= cols; c += kParts * kLanes)
        for (int part = 0; part < kParts; ++part) {
            const T* here = w + c + part * kLanes;
            __builtin_prefetch((const char*)here + kAhead);
            const Lanes v = lanes(here);
            for (int k = 0; k < N; ++k) acc[k][part] += v * lanes(x[k] + c + part * kLanes);
        }
    for (; c + kLanes <= cols; c += kLanes) {
        const Lanes v = lanes(w + c);
        for (int k = 0; k < N; ++k) acc[k][0] += v * lanes(x[k] + c);
    }
    for (int k = 0; k < N; ++k) {
        Lanes all = acc[k][0];
        for (int part = 1; part < kParts; ++part) all += acc[k][part];
        y[k] = sum(all);
        for (long rest = c; rest < cols; ++rest) y[k] += one(w + rest) * x[k][rest];
    }
}

// int4: one bf16 scale for each group of 32 weights.
template <int N>
inline void group_times(Group w, Lanes scale, const float* const* x, long c, Lanes (*acc)[2],
                        int part) {
    for (int k = 0; k < N; ++k) {
        const Lanes both = w.low * lanes(x[k] + c) + w.high * lanes(x[k] + c + kLanes);
        acc[k][part] += scale * both;
    }
}

template <int N>
inline void int4_row_times(const uint8_t* w, const bf16* s, const float* const* x, long cols,
                           float* y) {
    const long groups = cols / kGroup;
    Lanes acc[N][2] = {};
    long g = 0;
    for (; g + 2 <= groups; g += 2) {
        const uint8_t* here = w + g * kGroup / 2;
        __builtin_prefetch(here + kAhead);
        const Bits pair = every(at<uint32_t>(s + g));  // two scales at once
        group_times<N>(unpacked(here), (Lanes)(pair << 16), x, g * kGroup, acc, 0);
        group_times<N>(unpacked(here + kGroup / 2), (Lanes)(pair & 0xffff0000u), x,
                       (g + 1) * kGroup, acc, 1);
    }
    if (g < groups)
        group_times<N>(unpacked(w + g * kGroup / 2), Lanes{} + one(s + g), x, g * kGroup, acc, 0);
    for (int k = 0; k < N; ++k) y[k] = sum(acc[k][0] + acc[k][1]);
}

enum Kind { kFloat, kBf16, kInt8, kInt4 };

template <Kind kind, int N>
inline void row(const Matrix& m, long r, const float* const* x, float* y) {
    if (kind == kFloat) row_times<float, N>((const float*)m.weights + r * m.cols, x, m.cols, y);
    if (kind == kBf16) row_times<bf16, N>((const bf16*)m.weights + r * m.cols, x, m.cols, y);
    if (kind == kInt8) {
        row_times<int8_t, N>((const int8_t*)m.weights + r * m.cols, x, m.cols, y);
        for (int k = 0; k < N; ++k) y[k] *= ((const float*)m.scales)[r];
    }
    if (kind == kInt4)
        int4_row_times<N>((const uint8_t*)m.weights + r * m.cols / 2,
                          (const bf16*)m.scales + r * m.cols / kGroup, x, m.cols, y);
}

// Row r times n vectors.
template <Kind kind>
inline void row_of(const Matrix& m, long r, const float* const* x, int n, float* y) {
    for (; n >= kAtOnce; n -= kAtOnce, x += kAtOnce, y += kAtOnce) row<kind, kAtOnce>(m, r, x, y);
    if (n == 3) row<kind, 3>(m, r, x, y);
    if (n == 2) row<kind, 2>(m, r, x, y);
    if (n == 1) row<kind, 1>(m, r, x, y);
}

constexpr int kMaxVectors = 64;

template <Kind kind>
void linear(const Matrix& m, const float* x, int n, long rows, float* y, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long r = 0; r < rows; ++r) {
        const float* in[kMaxVectors] = {};
        float out[kMaxVectors];
        for (int k = 0; k < n; ++k) in[k] = x + k * m.cols;
        row_of<kind>(m, r, in, n, out);
        for (int k = 0; k < n; ++k) y[k * rows + r] = out[k];
    }
}

// The experts in use. Visits first[u] .. first[u + 1] - 1 are expert u's; visit p is of vector
// of[p]. Expert u's matrices: gate 3 u, up 3 u + 1, down 3 u + 2.
struct Experts {
    int n_used;
    const int32_t* first;
    const int32_t* of;
    const Matrix* matrices;
    long dim, hidden;
};

template <Kind kind>
void experts(const Experts& e, const float* x, float* inner, float* y, int threads) {
    const long x_stride = e.matrices[0].cols, inner_stride = e.matrices[2].cols;
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(static)
        for (long job = 0; job < e.n_used * e.hidden; ++job) {
            const long u = job / e.hidden, r = job % e.hidden;
            const int n = e.first[u + 1] - e.first[u];
            const float* in[kMaxVectors] = {};
            float gate[kMaxVectors], up[kMaxVectors];
            for (int k = 0; k < n; ++k) in[k] = x + e.of[e.first[u] + k] * x_stride;
            row_of<kind>(e.matrices[3 * u], r, in, n, gate);
            row_of<kind>(e.matrices[3 * u + 1], r, in, n, up);
            for (int k = 0; k < n; ++k)
                inner[(e.first[u] + k) * inner_stride + r] = gate[k] / (1 + std::exp(-gate[k])) * up[k];
        }
#pragma omp for schedule(static)
        for (long job = 0; job < e.n_used * e.dim; ++job) {
            const long u = job / e.dim, r = job % e.dim;
            const int n = e.first[u + 1] - e.first[u];
            const float* in[kMaxVectors] = {};
            float out[kMaxVectors];
            for (int k = 0; k < n; ++k) in[k] = inner + (e.first[u] + k) * inner_stride;
            row_of<kind>(e.matrices[3 * u + 2], r, in, n, out);
            for (int k = 0; k < n; ++k) y[(e.first[u] + k) * e.dim + r] = out[k];
        }
    }
}

}  // namespace

extern "C" {

// y [n, rows] = x [n, cols] times the matrix, transposed.
void few_rows_linear(int kind, const void* weights, const void* scales, long rows, long cols,
                     const float* x, int n, float* y, int threads) {
    const Matrix m{weights, scales, cols};
    if (kind == kFloat) linear<kFloat>(m, x, n, rows, y, threads);
    if (kind == kBf16) linear<kBf16>(m, x, n, rows, y, threads);
    if (kind == kInt8) linear<kInt8>(m, x, n, rows, y, threads);
    if (kind == kInt4) linear<kInt4>(m, x, n, rows, y, threads);
}

// y [visits, dim]: what each expert in use makes of each vector that visits it. `inner`
// [visits, hidden_cols] is room to work in, zero beyond `hidden`; x is [vectors, dim_cols].
void few_rows_experts(int kind, int n_used, const int32_t* first, const int32_t* of,
                      const void* const* weights, const void* const* scales, long dim, long hidden,
                      long dim_cols, long hidden_cols, const float* x, float* inner, float* y,
                      int threads) {
    Matrix* matrices = new Matrix[3 * n_used];
    for (int i = 0; i < 3 * n_used; ++i)
        matrices[i] = Matrix{weights[i], scales[i], i % 3 == 2 ? hidden_cols : dim_cols};
    const Experts e{n_used, first, of, matrices, dim, hidden};
    if (kind == kFloat) experts<kFloat>(e, x, inner, y, threads);
    if (kind == kBf16) experts<kBf16>(e, x, inner, y, threads);
    if (kind == kInt8) experts<kInt8>(e, x, inner, y, threads);
    if (kind == kInt4) experts<kInt4>(e, x, inner, y, threads);
    delete[] matrices;
}

}  // extern "C"
