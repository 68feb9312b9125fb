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

namespace {

constexpr long kLanes = 16;
constexpr long kGroup = 32;
constexpr int kAtOnce = 4;  // vectors that share one pass over a weight row

typedef float Lanes __attribute__((vector_size(4 * kLanes)));
typedef uint32_t Bits __attribute__((vector_size(4 * kLanes)));
typedef int32_t Ints __attribute__((vector_size(4 * kLanes)));
typedef uint16_t Halves __attribute__((vector_size(2 * kLanes)));
typedef int8_t Bytes __attribute__((vector_size(kLanes)));
typedef uint8_t Nibbles __attribute__((vector_size(kLanes)));

struct bf16 { uint16_t bits; };

template <class V> inline V at(const void* p) {
    V v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

inline Lanes lanes(const float* p) { return at<Lanes>(p); }
inline Lanes lanes(const bf16* p) {
    return (Lanes)(__builtin_convertvector(at<Halves>(p), Bits) << 16);
}
inline Lanes lanes(const int8_t* p) {
    return __builtin_convertvector(__builtin_convertvector(at<Bytes>(p), Ints), Lanes);
}
inline Lanes lanes(Nibbles v) {
    return __builtin_convertvector(__builtin_convertvector(v, Ints), Lanes);
}

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

// A weight matrix. sums: of the input vectors, one for 32 values each (int4 only).
struct Matrix {
    const void* weights;
    const void* scales;
    long cols;
};

// One row times N vectors x[k] of `cols` values, into y[k].
template <class T, int N>
inline void row_times(const T* w, const float* const* x, long cols, float* y) {
    constexpr int kParts = N == 1 ? 4 : N == 2 ? 2 : 1;
    Lanes acc[N][kParts] = {};
    long c = 0;
    for (; c + kParts * kLanes <= cols; c += kParts * kLanes)
        for (int part = 0; part < kParts; ++part) {
            const Lanes v = lanes(w + c + part * kLanes);
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

// The same for int4: 16 bytes hold 32 weights + 8, the first 16 in the low halves. x[k] is
// followed by its sums, one for each group.
template <int N>
inline void int4_row_times(const uint8_t* w, const bf16* s, const float* const* x, long cols,
                           float* y) {
    const long groups = cols / kGroup;
    Lanes acc[N] = {};
    float offset[N] = {};
    for (long g = 0; g < groups; ++g) {
        const Nibbles pair = at<Nibbles>(w + g * kGroup / 2);
        const float scale = one(s + g);
        const Lanes low = lanes(pair & 15) * scale, high = lanes(pair >> 4) * scale;
        for (int k = 0; k < N; ++k) {
            const float* v = x[k] + g * kGroup;
            acc[k] += low * lanes(v) + high * lanes(v + kLanes);
            offset[k] += scale * x[k][cols + g];
        }
    }
    for (int k = 0; k < N; ++k) y[k] = sum(acc[k]) - 8 * offset[k];
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
void linear(const Matrix& m, const float* x, long stride, int n, long rows, float* y, int threads) {
#pragma omp parallel for schedule(static) num_threads(threads)
    for (long r = 0; r < rows; ++r) {
        const float* in[kMaxVectors] = {};
        float out[kMaxVectors];
        for (int k = 0; k < n; ++k) in[k] = x + k * stride;
        row_of<kind>(m, r, in, n, out);
        for (int k = 0; k < n; ++k) y[k * rows + r] = out[k];
    }
}

inline void group_sums(float* x, long cols) {
    for (long g = 0; g < cols / kGroup; ++g)
        x[cols + g] = sum(lanes(x + g * kGroup) + lanes(x + g * kGroup + kLanes));
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
void experts(const Experts& e, const float* x, long x_stride, float* inner, long inner_stride,
             float* y, int threads) {
    const int n_visits = e.first[e.n_used];
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
        if (kind == kInt4) {
#pragma omp for schedule(static)
            for (int p = 0; p < n_visits; ++p)
                group_sums(inner + p * inner_stride, e.matrices[2].cols);
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

// y [n, rows] = x [n, stride] times the matrix, transposed. x rows hold `cols` values and, for
// int4, room for their group sums.
void few_rows_linear(int kind, const void* weights, const void* scales, long rows, long cols,
                     float* x, long stride, int n, float* y, int threads) {
    const Matrix m{weights, scales, cols};
    if (kind == kInt4)
        for (int k = 0; k < n; ++k) group_sums(x + k * stride, cols);
    if (kind == kFloat) linear<kFloat>(m, x, stride, n, rows, y, threads);
    if (kind == kBf16) linear<kBf16>(m, x, stride, n, rows, y, threads);
    if (kind == kInt8) linear<kInt8>(m, x, stride, n, rows, y, threads);
    if (kind == kInt4) linear<kInt4>(m, x, stride, n, rows, y, threads);
}

// y [visits, dim]: what each expert in use makes of each vector that visits it. `inner`
// [visits, inner_stride] is room to work in, zero beyond `hidden`.
void few_rows_experts(int kind, int n_used, const int32_t* first, const int32_t* of,
                      const void* const* weights, const void* const* scales, long dim, long hidden,
                      long dim_cols, long hidden_cols, float* x, long x_stride, int n, float* inner,
                      long inner_stride, float* y, int threads) {
    Matrix* matrices = new Matrix[3 * n_used];
    for (int i = 0; i < 3 * n_used; ++i)
        matrices[i] = Matrix{weights[i], scales[i], i % 3 == 2 ? hidden_cols : dim_cols};
    if (kind == kInt4)
        for (int k = 0; k < n; ++k) group_sums(x + k * x_stride, dim_cols);
    const Experts e{n_used, first, of, matrices, dim, hidden};
    if (kind == kFloat) experts<kFloat>(e, x, x_stride, inner, inner_stride, y, threads);
    if (kind == kBf16) experts<kBf16>(e, x, x_stride, inner, inner_stride, y, threads);
    if (kind == kInt8) experts<kInt8>(e, x, x_stride, inner, inner_stride, y, threads);
    if (kind == kInt4) experts<kInt4>(e, x, x_stride, inner, inner_stride, y, threads);
    delete[] matrices;
}

}  // extern "C"
