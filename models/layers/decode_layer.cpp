// One transformer layer for one new position of one conversation, in one call:
//
//     x -> norm -> q, k, v -> rotation -> cache -> attention -> out -> + x = middle
//     middle -> norm -> router, experts, those that always run -> + middle = y
//
// Activations stay in fp32 between the stored matrices. The threads share out each stage in
// small pieces and wait for its end. models/layers/native.py compiles this file; Numbers, Stored,
// Networks, Layer and Position are known to decode_layer.py, field by field.

#include "one_vector.h"

namespace {

constexpr long kPiece = 1 << 16;  // bytes of a matrix that a thread takes at once
constexpr long kPast = 256;       // positions of the past that a thread takes at once
constexpr long kDown = 16;        // rows of the last matrices that a thread takes at once
constexpr long kTogether = 8;     // positions whose values are added up in one pass

struct Numbers { const void* values; long kind; };  // fp32 or bf16; null where there are none

struct Stored { Matrix matrix; long kind, rows; };

// Gated feed-forward networks: gate, up and down of each, one after the other.
struct Networks { const Matrix* matrices; long kind, n, hidden; };

struct Layer {
    long dim, n_heads, n_kv_heads, head_dim, top_k;
    double attention_eps, network_eps;
    Numbers attention_norm, network_norm, qkv_bias;
    Stored qkv, out, router;  // router: a row for each expert, modality by modality
    Networks experts, always;
};

// One call. Keys and values are [n_kv_heads, capacity, head_dim], `length` positions are filled.
struct Position {
    const void* x;
    void* y;
    void* keys;
    void* values;
    const float* cos;
    const float* sin;
    long kind, capacity, length, modality, threads;
};

// What the threads share; [..] is a size. A head gathers from each piece of the past its highest
// score, the sum of its weights, and its values.
struct Desk {
    float* x;             // [dim]
    float* qkv;           // [rows of qkv]
    float* gathered;      // [n_heads, pieces, 2 + head_dim]
    float* attended;      // [n_heads * head_dim]
    float* middle;        // [dim]
    float* scores;        // [experts]
    float* inner;         // [top_k, hidden]
    float* inner_always;  // [always, hidden]
};

// What each thread has for itself, as large as any stage wants it.
struct Own {
    float* x;
    float* weights;    // [heads that share keys, kPast]
    Rounded* rounded;
};

// Vectors are followed by zeros up to here: a matrix may be stored with columns to fill it up.
inline long roomy(long n) { return (n + 2 * kGroup - 1) / (2 * kGroup) * (2 * kGroup); }

inline long pieces_of_past(const Position& p) { return p.length / kPast + 1; }

void widen(const void* from, long kind, long n, float* to) {
    if (kind == kFloat) std::copy_n((const float*)from, n, to);
    if (kind == kBf16)
        for (long i = 0; i < n; ++i) to[i] = one((const bf16*)from + i);
}

inline void store(float v, float* to) { *to = v; }
inline void store(float v, bf16* to) {  // to the nearest, ties to even
    const uint32_t bits = at<uint32_t>(&v);
    to->bits = uint16_t(v != v ? 0x7fc0 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

inline long rows_a_piece(const Matrix& m, long kind) {
    const long bytes = kind == kFloat ? 4 * m.cols : kind == kBf16 ? 2 * m.cols : m.cols;
    return std::max(1L, kPiece / std::max(1L, bytes));
}

// run(first, end) over all rows, by whichever thread is free. All wait for the end.
template <class Run> void share_out(long rows, long at_once, Run run) {
#pragma omp for schedule(dynamic)
    for (long first = 0; first < rows; first += at_once)
        run(first, std::min(rows, first + at_once));
}

void norm(const float* x, Numbers weight, double eps, long dim, float* y) {
    float squares;
    times<float, 1, 1>(x, &x, dim, &squares);
    const auto scale = float(1 / std::sqrt(squares / dim + eps));
    widen(weight.values, weight.kind, dim, y);
    for (long i = 0; i < dim; ++i) y[i] *= x[i] * scale;
}

// (a, b) -> (a cos - b sin, b cos + a sin): the first half of `sin` is negative, see rotary.py.
inline float rotated(const Layer& m, const Position& p, const float* head, long i) {
    const long half = m.head_dim / 2, other = i < half ? i + half : i - half;
    return head[i] * p.cos[i] + head[other] * p.sin[i];
}

template <class T> void keep(const Layer& m, const Position& p, const Desk& d, long kv_head) {
    const long place = (kv_head * p.capacity + p.length) * m.head_dim;
    const float* k = d.qkv + (m.n_heads + kv_head) * m.head_dim;
    const float* v = k + m.n_kv_heads * m.head_dim;
    for (long i = 0; i < m.head_dim; ++i) {
        store(rotated(m, p, k, i), (T*)p.keys + place + i);
        store(v[i], (T*)p.values + place + i);
    }
}

// The weights [group, kPast], e to the scores less the highest, of positions first .. end - 1.
template <class T, Kind kind>
void weigh(const Layer& m, const Position& p, const Desk& d, long kv_head, long first, long end,
           const Own& own) {
    const long group = m.n_heads / m.n_kv_heads, n = m.head_dim, n_pieces = pieces_of_past(p);
    const float* in[kMaxVectors];
    float out[kRows * kMaxVectors];
    for (long g = 0; g < group; ++g) {
        const float* q = d.qkv + (kv_head * group + g) * n;
        for (long i = 0; i < n; ++i)
            own.x[g * n + i] = rotated(m, p, q, i) / std::sqrt(float(n));
        in[g] = own.x + g * n;
    }
    const Matrix keys{(const T*)p.keys + kv_head * p.capacity * n, nullptr, n};
    for (long r = first; r < end; r += kRows) {
        const int n_rows = rows_from(r, end);
        rows_of<kind>(keys, r, n_rows, in, int(group), out);
        for (long g = 0; g < group; ++g)
            for (int i = 0; i < n_rows; ++i)
                own.weights[g * kPast + r - first + i] = out[i * kMaxVectors + g];
    }
    for (long g = 0; g < group; ++g) {
        float* w = own.weights + g * kPast;
        float* head = d.gathered + ((kv_head * group + g) * n_pieces + first / kPast) * (n + 2);
        const float highest = *std::max_element(w, w + end - first);
        float total = 0;
        for (long i = 0; i < end - first; ++i) total += w[i] = std::exp(w[i] - highest);
        head[0] = highest;
        head[1] = total;
    }
}

// to[i] += the sum of n weights times values[.., i], where values follow each other by `width`.
template <class T>
void add_values(const float* weights, const T* values, long n, long width, float* to) {
    long i = 0;
    for (; i + kLanes <= width; i += kLanes) {
        Lanes sum = lanes(to + i);
        for (long k = 0; k < n; ++k) sum += weights[k] * lanes(values + k * width + i);
        std::memcpy(to + i, &sum, sizeof sum);
    }
    for (; i < width; ++i)
        for (long k = 0; k < n; ++k) to[i] += weights[k] * one(values + k * width + i);
}

// All heads that share keys and values look at a piece of the past.
template <class T, Kind kind>
void look(const Layer& m, const Position& p, const Desk& d, long kv_head, long piece,
          const Own& own) {
    const long group = m.n_heads / m.n_kv_heads, n = m.head_dim, n_pieces = pieces_of_past(p);
    const long first = piece * kPast, end = std::min(p.length + 1, first + kPast);
    if (piece == n_pieces - 1) keep<T>(m, p, d, kv_head);
    weigh<T, kind>(m, p, d, kv_head, first, end, own);
    float* heads = d.gathered + (kv_head * group * n_pieces + piece) * (n + 2) + 2;
    for (long g = 0; g < group; ++g) std::fill_n(heads + g * n_pieces * (n + 2), n, 0.0f);
    for (long r = first; r < end; r += kTogether) {
        const T* values = (const T*)p.values + (kv_head * p.capacity + r) * n;
        for (long g = 0; g < group; ++g)
            add_values(own.weights + g * kPast + r - first, values, std::min(kTogether, end - r), n,
                       heads + g * n_pieces * (n + 2));
    }
}

// What a head gathered from all pieces, as if it had been one.
void gather(const Layer& m, const Position& p, const Desk& d, long head) {
    const long n_pieces = pieces_of_past(p), stride = m.head_dim + 2;
    const float* pieces = d.gathered + head * n_pieces * stride;
    float highest = pieces[0], total = 0;
    for (long i = 1; i < n_pieces; ++i) highest = std::max(highest, pieces[i * stride]);
    float* y = d.attended + head * m.head_dim;
    std::fill_n(y, m.head_dim, 0.0f);
    for (long i = 0; i < n_pieces; ++i) {
        const float* piece = pieces + i * stride;
        const float weight = std::exp(piece[0] - highest);
        total += weight * piece[1];
        for (long k = 0; k < m.head_dim; ++k) y[k] += weight * piece[2 + k];
    }
    for (long k = 0; k < m.head_dim; ++k) y[k] /= total;
}

template <class T, Kind kind>
void attention(const Layer& m, const Position& p, const Desk& d, const Own& own) {
    norm(d.x, m.attention_norm, m.attention_eps, m.dim, own.x);
    const Vector x = vector_for(m.qkv.kind, own.x, m.qkv.matrix.cols, own.rounded);
    share_out(m.qkv.rows, rows_a_piece(m.qkv.matrix, m.qkv.kind), [&](long first, long end) {
        rows_times(m.qkv.kind, m.qkv.matrix, first, end, x, d.qkv + first);
        if (m.qkv_bias.values == nullptr) return;
        for (long r = first; r < end; ++r)
            d.qkv[r] += m.qkv_bias.kind == kFloat ? one((const float*)m.qkv_bias.values + r)
                                                  : one((const bf16*)m.qkv_bias.values + r);
    });
    const long n_pieces = pieces_of_past(p);
    share_out(m.n_kv_heads * n_pieces, 1, [&](long job, long) {
        look<T, kind>(m, p, d, job / n_pieces, job % n_pieces, own);
    });
    share_out(m.n_heads, 1, [&](long head, long) { gather(m, p, d, head); });
    const Vector y = vector_for(m.out.kind, d.attended, m.out.matrix.cols, own.rounded);
    share_out(m.dim, rows_a_piece(m.out.matrix, m.out.kind), [&](long first, long end) {
        rows_times(m.out.kind, m.out.matrix, first, end, y, d.middle + first);
        for (long r = first; r < end; ++r) d.middle[r] += d.x[r];
    });
}

// Rows first .. end - 1 of a network's hidden layer.
void hidden_rows(const Networks& all, long which, long first, long end, Vector x, float* y) {
    const Matrix* m = all.matrices + 3 * which;
    float gate[kRows], up[kRows];
    for (long r = first; r < end; r += kRows) {
        const int n = rows_from(r, end);
        rows_times(all.kind, m[0], r, r + n, x, gate);
        rows_times(all.kind, m[1], r, r + n, x, up);
        for (int i = 0; i < n; ++i) y[r + i] = gated(gate[i], up[i]);
    }
}

// Networks chosen[..] of all over x, as far as their hidden layers [n, hidden].
void hidden_layers(const Networks& all, const long* chosen, long n, const Own& own, float* inner) {
    if (n == 0) return;
    const Vector x = vector_for(all.kind, own.x, all.matrices[0].cols, own.rounded);
    const long at_once = rows_a_piece(all.matrices[0], all.kind);
    const long pieces = (all.hidden + at_once - 1) / at_once, stride = roomy(all.hidden);
    share_out(n * pieces, 1, [&](long job, long) {
        const long k = job / pieces, first = job % pieces * at_once;
        hidden_rows(all, chosen[k], first, std::min(all.hidden, first + at_once), x,
                    inner + k * stride);
    });
}

// The hidden layer of the i-th network chosen, as its last matrix wants it.
Vector hidden_vector(const Networks& all, const float* inner, long i, Rounded* room) {
    return vector_for(all.kind, inner + i * roomy(all.hidden), all.matrices[2].cols, room);
}

// y[0] and on += rows first .. end - 1 of network `which`, weighed.
void add_rows(const Networks& all, long which, float weight, long first, long end,
              Vector inner, float* y) {
    float out[kDown];
    rows_times(all.kind, all.matrices[3 * which + 2], first, end, inner, out);
    for (long r = 0; r < end - first; ++r) y[r] += weight * out[r];
}

// The k best of n, and their shares of e to the score.
void choose(const float* scores, long n, long k, long* chosen, float* shares) {
    float total = 0;
    for (long i = 0; i < k; ++i) {
        long best = -1;
        for (long e = 0; e < n; ++e)
            if (std::find(chosen, chosen + i, e) == chosen + i)
                if (best < 0 || scores[e] > scores[best]) best = e;
        chosen[i] = best;
        total += shares[i] = std::exp(scores[best] - scores[chosen[0]]);
    }
    for (long i = 0; i < k; ++i) shares[i] /= total;
}

void networks(const Layer& m, const Position& p, const Desk& d, const Own& own) {
    const long k = m.experts.n == 0 ? 0 : m.top_k;
    std::vector<long> chosen(std::max(k, m.always.n));
    std::vector<float> shares(k);
    std::vector<Vector> inner, inner_always;
    norm(d.middle, m.network_norm, m.network_eps, m.dim, own.x);
    share_out(m.experts.n, kRows, [&](long first, long end) {
        const long skipped = p.modality * m.experts.n;
        rows_times(m.router.kind, m.router.matrix, skipped + first, skipped + end,
                   Vector{own.x, nullptr}, d.scores + first);
    });
    for (long i = 0; i < m.always.n; ++i) chosen[i] = i;
    hidden_layers(m.always, chosen.data(), m.always.n, own, d.inner_always);
    choose(d.scores, m.experts.n, k, chosen.data(), shares.data());
    hidden_layers(m.experts, chosen.data(), k, own, d.inner);
    Rounded* room = own.rounded;
    for (long i = 0; i < k; ++i, room += runs_of(roomy(m.experts.hidden)))
        inner.push_back(hidden_vector(m.experts, d.inner, i, room));
    for (long i = 0; i < m.always.n; ++i, room += runs_of(roomy(m.always.hidden)))
        inner_always.push_back(hidden_vector(m.always, d.inner_always, i, room));
    share_out(m.dim, kDown, [&](long first, long end) {
        float* y = d.middle + first;
        for (long i = 0; i < m.always.n; ++i)
            add_rows(m.always, i, 1, first, end, inner_always[i], y);
        for (long i = 0; i < k; ++i)
            add_rows(m.experts, chosen[i], shares[i], first, end, inner[i], y);
        for (long r = first; r < end; ++r)
            p.kind == kFloat ? store(d.middle[r], (float*)p.y + r)
                             : store(d.middle[r], (bf16*)p.y + r);
    });
}

// Room for what the threads share, all zeros; kept by the calling thread for the next call.
Desk desk(const Layer& m, const Position& p) {
    const long sizes[] = {m.dim, m.qkv.rows, m.n_heads * pieces_of_past(p) * (m.head_dim + 2),
                          m.n_heads * m.head_dim, m.dim, m.experts.n,
                          m.top_k * roomy(m.experts.hidden), m.always.n * roomy(m.always.hidden)};
    thread_local std::vector<float> room;
    long total = 0;
    for (const long size : sizes) total += roomy(size);
    room.assign(total, 0.0f);
    float* part[8];
    float* next = room.data();
    for (int i = 0; i < 8; next += roomy(sizes[i++])) part[i] = next;
    return {part[0], part[1], part[2], part[3], part[4], part[5], part[6], part[7]};
}

// Room for what a thread has for itself, kept for its next call.
Own own_room(const Layer& m) {
    thread_local std::vector<float> numbers;
    thread_local std::vector<Rounded> rounded;
    const long group = m.n_heads / m.n_kv_heads, width = roomy(std::max(m.dim, group * m.head_dim));
    const long all_inner = m.top_k * runs_of(roomy(m.experts.hidden)) +
                           m.always.n * runs_of(roomy(m.always.hidden));
    numbers.assign(width + group * kPast, 0.0f);
    rounded.resize(std::max(runs_of(roomy(std::max(m.dim, m.n_heads * m.head_dim))), all_inner));
    return {numbers.data(), numbers.data() + width, rounded.data()};
}

}  // namespace

extern "C" void decode_layer(const Layer* layer, const Position* position) {
    const Layer& m = *layer;
    const Position& p = *position;
    const Desk d = desk(m, p);
    widen(p.x, p.kind, m.dim, d.x);
#pragma omp parallel num_threads(int(p.threads))
    {
        const Own own = own_room(m);
        if (p.kind == kFloat) attention<float, kFloat>(m, p, d, own);
        if (p.kind == kBf16) attention<bf16, kBf16>(m, p, d, own);
        std::fill(own.x, own.weights, 0.0f);
        networks(m, p, d, own);
    }
}
