// Matrix times few vectors, and the experts of a mixture over few vectors, in threads.
//
// A plain C interface: models/layers/native.py compiles this file and few_rows.py calls it.

#include "one_vector.h"

namespace {

constexpr int kBlocksAtOnce = 16;  // small shares: a core with other work to do takes fewer

template <Kind kind>
void linear(const Matrix& m, const float* x, int n, long rows, float* y, int threads) {
#pragma omp parallel for schedule(dynamic, kBlocksAtOnce) num_threads(threads)
    for (long r = 0; r < rows; r += kRows) {
        const float* in[kMaxVectors];
        float out[kRows * kMaxVectors];
        const int n_rows = rows_from(r, rows);
        for (int k = 0; k < n; ++k) in[k] = x + k * m.cols;
        rows_of<kind>(m, r, n_rows, in, n, out);
        for (int k = 0; k < n; ++k)
            for (int i = 0; i < n_rows; ++i) y[k * rows + r + i] = out[i * kMaxVectors + k];
    }
}

void linear_alone(long kind, const Matrix& m, const float* x, long rows, float* y, int threads) {
    thread_local std::vector<Rounded> room;
    room.resize(runs_of(m.cols));
    const Vector v = vector_for(kind, x, m.cols, room.data());
#pragma omp parallel for schedule(dynamic, kBlocksAtOnce) num_threads(threads)
    for (long r = 0; r < rows; r += kRows)
        rows_times(kind, m, r, r + rows_from(r, rows), v, y + r);
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
    const long inner_blocks = blocks_of(e.hidden), outer_blocks = blocks_of(e.dim);
#pragma omp parallel num_threads(threads)
    {
#pragma omp for schedule(dynamic, kBlocksAtOnce)
        for (long job = 0; job < e.n_used * inner_blocks; ++job) {
            const long u = job / inner_blocks, r = job % inner_blocks * kRows;
            const int start = e.first[u], n = e.first[u + 1] - start, n_rows = rows_from(r, e.hidden);
            const float* in[kMaxVectors];
            float gate[kRows * kMaxVectors], up[kRows * kMaxVectors];
            for (int k = 0; k < n; ++k) in[k] = x + e.of[start + k] * x_stride;
            rows_of<kind>(e.matrices[3 * u], r, n_rows, in, n, gate);
            rows_of<kind>(e.matrices[3 * u + 1], r, n_rows, in, n, up);
            for (int k = 0; k < n; ++k)
                for (int i = 0; i < n_rows; ++i) {
                    const long at = i * kMaxVectors + k;
                    inner[(start + k) * inner_stride + r + i] = gated(gate[at], up[at]);
                }
        }
#pragma omp for schedule(dynamic, kBlocksAtOnce)
        for (long job = 0; job < e.n_used * outer_blocks; ++job) {
            const long u = job / outer_blocks, r = job % outer_blocks * kRows;
            const int start = e.first[u], n = e.first[u + 1] - start, n_rows = rows_from(r, e.dim);
            const float* in[kMaxVectors];
            float out[kRows * kMaxVectors];
            for (int k = 0; k < n; ++k) in[k] = inner + (start + k) * inner_stride;
            rows_of<kind>(e.matrices[3 * u + 2], r, n_rows, in, n, out);
            for (int k = 0; k < n; ++k)
                for (int i = 0; i < n_rows; ++i)
                    y[(start + k) * e.dim + r + i] = out[i * kMaxVectors + k];
        }
    }
}

}  // namespace

extern "C" {

// y [n, rows] = x [n, cols] times the matrix, transposed.
void few_rows_linear(int kind, const void* weights, const void* scales, long rows, long cols,
                     const float* x, int n, float* y, int threads) {
    const Matrix m{weights, scales, cols};
    if (n == 1) return linear_alone(kind, m, x, rows, y, threads);
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
