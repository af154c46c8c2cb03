/* mesa.c - the plain mesa-layer as a forecaster, and a mixture of such: ridge regression with forgetting
 *
 *   H = gamma H + k k^T,   g = gamma g + v k,   answer  w.k  with  (H + mu I) w = g
 *
 * The ridge mu is added when the system is solved and does not decay, so nothing can grow without
 * bound, whatever the keys and for every gamma in (0,1]:
 *
 *   - H is a sum of squares, so all eigenvalues of H + mu I are at least mu, and so is every pivot
 *     of its Cholesky factorisation. Taking max(pivot, mu) changes nothing but rounding errors.
 *   - |k| <= r and |v| <= V give trace H <= r^2 N and |w| <= V sqrt(N) / (2 sqrt(mu)), where
 *     N = 1 + gamma + gamma^2 + ... <= min(pairs, 1 / (1 - gamma)).
 *
 * What was learnt while a season was not yet seen, and its inputs were zeros, counts for a tenth
 * from the first key on that has it.
 *
 * The recursion that keeps R = H^-1 instead (naive.c) has no such floor. A solve costs
 * n^3 / 6 products.
 *
 * Asked for no ridge in particular, it mixes the weights w of many experts, all linear in the key:
 *   - for each of four ridges, and for each part of the key that makes sense alone, the solution with that ridge on
 *     that part: one Cholesky factorisation a ridge serves all parts that begin together;
 *   - exponential smoothing with three rates, repeating a season, and both: single entries of the key;
 *   - no change.
 * Shares are loss^(-n/2), where a loss is the sum of n squared errors made before each pair was learnt, forgotten at
 * 0.97 a row, which makes n at most 33. At first "no change" counts as much as all others together, after 32 errors as
 * much as one. A mixture is bounded as its parts are.
 *
 * Source: von Oswald et al. 2023, arXiv:2309.05858; a ridge that stays: von Oswald et al. 2025,
 * arXiv:2506.05233.
 */
#include "forecast/forecast.h"
#include "la/dense.h"

#include <math.h>

enum { LANES = 4 }; /* ridges solved side by side */
enum { SOLVED = IL_PARTS * LANES, READ = IL_GAPS + IL_PERIODS * (1 + IL_GAPS) };
enum { EXPERTS = SOLVED + READ + 1 }; /* the last is "no change" */
static const double ridges[LANES] = { 0.1, 1, 10, 100 };

/* w (n), g (n), H (n,n) lower triangle; losses, and how many errors they are of (EXPERTS + 1); weights
 * (IL_PARTS,n,LANES); era of the newest key */
static size_t size(int n, int past)
{
    (void)past;
    return 2 * (size_t)n + (size_t)n * (size_t)n + EXPERTS + 1 + SOLVED * (size_t)n + 1;
}

typedef struct {
    double *w, *g, *H, *loss, *W, *era;
} parts;

static parts parts_of(double *state, int n)
{
    parts p = { .w = state, .g = state + n, .H = state + 2 * n };
    p.loss = p.H + (size_t)n * n;
    p.W = p.loss + EXPERTS + 1;
    p.era = p.W + SOLVED * (size_t)n;
    return p;
}

/* sum[l] -= sum_i x[i] y[i], a lane for each ridge */
static inline void subtract(double sum[LANES], const double *x, const double *y, int n)
{
    for (int i = 0; i < n; i++, x += LANES, y += LANES)
        for (int l = 0; l < LANES; l++) sum[l] -= x[l] * y[l];
}

/* H + mu_l I = L_l L_l^T and L_l z_l = g; H (n,n) with rows ldh apart, L (n,n,LANES) with 1 / root on its diagonal,
 * z (n,LANES) */
static void factorise(double *L, double *z, const double *H, int ldh, const double *g,
                      const double mu[LANES], int n)
{
    double sum[LANES];
    for (int i = 0; i < n; i++) {
        double *Li = L + (size_t)i * n * LANES, *Lii = Li + (size_t)i * LANES;
        for (int j = 0; j <= i; j++) {
            const double *Lj = L + (size_t)j * n * LANES;
            for (int l = 0; l < LANES; l++)
                sum[l] = H[(size_t)i * ldh + j] + (i == j ? mu[l] : 0);
            subtract(sum, Li, Lj, j);
            for (int l = 0; l < LANES; l++)
                Li[j * LANES + l] = i == j ? 1 / sqrt(sum[l] > mu[l] ? sum[l] : mu[l])
                                           : sum[l] * Lj[j * LANES + l];
        }
        for (int l = 0; l < LANES; l++) sum[l] = g[i];
        subtract(sum, Li, z, i);
        for (int l = 0; l < LANES; l++) z[i * LANES + l] = sum[l] * Lii[l];
    }
}

/* W (m,LANES): the solution for the first m entries of a key; L^T W = z, both cut off there */
static void solve(double *W, const double *L, const double *z, int n, int m)
{
    memcpy(W, z, sizeof *W * LANES * (size_t)m);
    for (int i = m - 1; i >= 0; i--) {
        const double *Li = L + (size_t)i * n * LANES;
        double *Wi = W + (size_t)i * LANES;
        for (int l = 0; l < LANES; l++) Wi[l] *= Li[i * LANES + l];
        for (int j = 0; j < i; j++)
            for (int l = 0; l < LANES; l++) W[j * LANES + l] -= Li[j * LANES + l] * Wi[l];
    }
}

/* (least / loss)^(n / 2), so a share of the mixture: the likelihood of n errors of unknown size. No loss at all is
 * the best one. */
static double share(double least, double loss, double n)
{
    double x = loss > 0 ? least / loss : 1, product = 1;
    for (int power = (int)(n / 2); power; power /= 2, x *= x)
        if (power % 2) product *= x;
    return product;
}

/* The experts that read entries of the key: a gap, a repeat, or one of both; -1: no such entry */
typedef struct {
    int gap, repeat;
} reader;

static int readers(reader *read, const il_forecaster_run *run)
{
    int n = 0;
    if (!run->parts) return 0;
    for (int r = -1; r < run->repeats; r++)
        for (int g = -1; g < IL_GAPS; g++)
            if (g >= 0 || r >= 0)
                read[n++] = (reader){ g < 0 ? g : 1 + g, r < 0 ? r : 1 + IL_GAPS + r };
    return n;
}

static int parts_solved(const il_forecaster_run *run)
{
    return run->parts ? run->parts : 1;
}

static il_key_part part_of(const il_forecaster_run *run, int k, int n)
{
    return run->parts ? run->part[k] : (il_key_part){ 0, n };
}

/* w: the mixture of the experts' weights, by what each has lost */
static void mix(double *w, const il_forecaster_run *run, const double *loss,
                const double *W, int n)
{
    double least = INFINITY, sum = 0, part[EXPERTS] = { 0 };
    reader read[READ];
    int solved = parts_solved(run) * LANES, reads = readers(read, run);
    int experts = solved + reads + 1;
    double first = (experts - 1) * (1 - loss[EXPERTS] / 32); /* of "no change" */
    for (int e = 0; e < experts; e++) least = fmin(least, loss[e]);
    for (int e = 0; e < experts; e++) part[e] = share(least, loss[e], loss[EXPERTS]);
    part[experts - 1] *= fmax(first, 1);
    for (int e = 0; e < experts; e++) sum += part[e];
    for (int i = 0; i < n; i++) w[i] = 0;
    for (int p = 0; p * LANES < solved; p++) {
        il_key_part of = part_of(run, p, n);
        for (int i = 0; i < of.n; i++)
            for (int l = 0; l < LANES; l++)
                w[of.from + i] +=
                    part[p * LANES + l] / sum * W[((size_t)p * n + i) * LANES + l];
    }
    for (int e = 0; e < reads; e++) {
        if (read[e].gap >= 0) w[read[e].gap] += part[solved + e] / sum;
        if (read[e].repeat >= 0) w[read[e].repeat] += part[solved + e] / sum;
    }
}

/* What each expert answered to a key that became v */
static void count(double *loss, const il_forecaster_run *run, const double *W,
                  const double *key, int n, double v)
{
    double error[EXPERTS];
    reader read[READ];
    int solved = parts_solved(run) * LANES, reads = readers(read, run);
    for (int e = 0; e <= solved + reads; e++) error[e] = v;
    for (int p = 0; p * LANES < solved; p++) {
        il_key_part of = part_of(run, p, n);
        for (int i = 0; i < of.n; i++)
            for (int l = 0; l < LANES; l++)
                error[p * LANES + l] -=
                    W[((size_t)p * n + i) * LANES + l] * key[of.from + i];
    }
    for (int e = 0; e < reads; e++) {
        if (read[e].gap >= 0) error[solved + e] -= key[read[e].gap];
        if (read[e].repeat >= 0) error[solved + e] -= key[read[e].repeat];
    }
    for (int e = 0; e <= solved + reads; e++)
        loss[e] = 0.97 * loss[e] + error[e] * error[e];
    loss[EXPERTS] = 0.97 * loss[EXPERTS] + 1;
}

static void learn(const il_forecaster_run *run, double *state, const il_sample *s, double y)
{
    int n = s->n;
    parts p = parts_of(state, n);
    double v = il_sample_target(s, y), mu = run->ridge, one[LANES] = { mu, mu, mu, mu };
    double *z = run->work, *L = z + (size_t)n * LANES;
    if (mu > 0 && !s->whole)
        return; /* a ridge of its own: plain least squares of whole keys */
    count(p.loss, run, p.W, s->key, n, v);
    double keep = s->era > *p.era ? 0.1 : run->forget;
    *p.era = s->era;
    for (int i = 0; i < n; i++) {
        double *Hi = p.H + (size_t)i * n, k = s->key[i];
        p.g[i] = keep * p.g[i] + v * k;
        for (int j = 0; j <= i; j++) Hi[j] = keep * Hi[j] + k * s->key[j];
    }
    if (mu > 0) {
        factorise(L, z, p.H, n, p.g, one, n);
        solve(p.W, L, z, n, n);
        for (int i = 0; i < n; i++) p.w[i] = p.W[i * LANES];
        return;
    }
    for (int k = 0, most = 0, solved = parts_solved(run); k < solved; k++) {
        il_key_part of = part_of(run, k, n);
        if (!k || of.from != run->part[k - 1].from) {
            for (int j = k; j < solved && part_of(run, j, n).from == of.from; j++)
                most = part_of(run, j, n).n;
            factorise(L, z, p.H + (size_t)of.from * (size_t)(n + 1), n, p.g + of.from,
                      ridges, most);
        }
        solve(p.W + (size_t)k * n * LANES, L, z, most, of.n);
    }
    mix(p.w, run, p.loss, p.W, n);
}

static double answer(const il_forecaster_run *run, const double *state, const il_sample *s)
{
    (void)run;
    return s->last + s->scale * (il_ddot(state, s->key, s->n) / s->weight);
}

const il_forecaster_kind il_forecaster_mesa = {
    .name = "mesa",
    .summary = "ridge regression with forgetting on bounded keys: never diverges",
    .size = size,
    .learn = learn,
    .answer = answer,
};
