/* dense.c - the small dense algebra against LAPACK and against its own identities */
#include "la/dense.h"
#include "base/base.h"
#include "check.h"

#include <lapacke.h>
#include <stdlib.h>

enum { MOST = 24 };

/* A = sum of `terms` x x^T over normal x in n dimensions: rank min(n, terms) */
static void gram(double *A, int n, int terms, uint32_t index)
{
    il_rng rng = il_rng_at(17, 0, 0, index);
    memset(A, 0, sizeof *A * (size_t)(n * n));
    for (int t = 0; t < terms; t++) {
        double x[MOST];
        for (int i = 0; i < n; i++) x[i] = il_normal(&rng);
        for (int i = 0; i < n; i++) il_daxpy(A + i * n, x[i], x, n);
    }
}

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Eigenvalues as LAPACK's; V orthonormal; V^T diag(lambda) V = A */
static void check_eigen(const double *A, int n, const char *where)
{
    double copy[MOST * MOST], V[MOST * MOST] = { 0 }, work[3 * MOST], lambda[MOST];
    double lapack[MOST], size = 0, sorted[MOST];
    memcpy(copy, A, sizeof *A * (size_t)(n * n));
    for (int i = 0; i < n; i++) V[i * n + i] = 1;
    il_eigen(lambda, copy, n, V, n, work);
    memcpy(copy, A, sizeof *A * (size_t)(n * n));
    LAPACKE_dsyevd(LAPACK_ROW_MAJOR, 'N', 'U', n, copy, n, lapack);
    for (int i = 0; i < n; i++) size = fmax(size, fabs(lapack[i]));
    memcpy(sorted, lambda, sizeof *lambda * (size_t)n);
    qsort(sorted, (size_t)n, sizeof *sorted, rising);
    double tolerance = 1e-14 * n * size; /* backward errors of order n epsilon |A| */
    for (int i = 0; i < n; i++) CHECK_NEAR(sorted[i], lapack[i], tolerance, where);
    for (int r = 0; r < n; r++)
        for (int c = 0; c < n; c++) {
            double sum = 0;
            for (int i = 0; i < n; i++) sum += lambda[i] * V[i * n + r] * V[i * n + c];
            CHECK_NEAR(il_ddot(V + r * n, V + c * n, n), r == c, 1e-14 * n, where);
            CHECK_NEAR(sum, A[r * n + c], tolerance, where);
        }
}

static void eigenvalues_agree_with_lapack(void **state)
{
    (void)state;
    double A[MOST * MOST];
    for (int n = 1; n <= MOST; n++)
        for (int terms = 0; terms <= 2 * n; terms++) {
            gram(A, n, terms, (uint32_t)(100 * n + terms));
            check_eigen(A, n, "gram");
            for (int i = 0; i < n * n; i++) A[i] *= 1e-9;
            check_eigen(A, n, "small");
        }
    for (int i = 0; i < MOST * MOST; i++) A[i] = i % (MOST + 1) ? 0 : 3; /* 3 I */
    check_eigen(A, MOST, "identity");
    for (int i = 0; i < MOST; i++) A[i * (MOST + 1)] = pow(10, -i);
    check_eigen(A, MOST, "graded");
    for (int i = 0; i < MOST * MOST; i++) A[i] = 1;
    check_eigen(A, MOST, "ones");
    for (int i = 0; i < MOST * MOST; i++)
        A[i] = i / MOST == i % MOST - 1 || i / MOST == i % MOST + 1;
    check_eigen(A, MOST, "a path's");
}

static void not_a_number_comes_to_an_end(void **state)
{
    (void)state;
    double A[16], G[4] = { 1, 1, 1, 1 }, work[12], lambda[4];
    for (int i = 0; i < 16; i++) A[i] = NAN;
    il_eigen(lambda, A, 4, G, 1, work);
    assert_true(isnan(lambda[0]));
}

/* Rows added one by one leave R^T R = A + Z^T Z, R^T t = Z^T y */
static void rows_keep_the_normal_equations(void **state)
{
    (void)state;
    enum { n = 7, ROWS = 15 };
    double R[n * n] = { 0 }, t[n] = { 0 }, A[n * n] = { 0 }, b[n] = { 0 }, s[n];
    il_rng rng = il_rng_at(2, 0, 0, 0);
    for (int r = 0; r < ROWS; r++) {
        double z[n], y = il_normal(&rng);
        for (int i = 0; i < n; i++) z[i] = il_normal(&rng);
        for (int i = 0; i < n; i++) il_daxpy(A + i * n, z[i], z, n);
        il_daxpy(b, y, z, n);
        il_qr_add(R, n, t, n, z, y);
        for (int i = 0; i < n; i++) {
            double rhs = 0;
            for (int k = 0; k < n; k++) rhs += R[k * n + i] * t[k];
            CHECK_NEAR(rhs, b[i], 1e-13 * ROWS, "R^T t");
            for (int j = 0; j < n; j++) {
                double sum = 0;
                for (int k = 0; k < n; k++) sum += R[k * n + i] * R[k * n + j];
                CHECK_NEAR(sum, A[i * n + j], 1e-13 * ROWS, "R^T R");
            }
        }
    }
    il_qr_solve(s, R, n, t, n);
    for (int i = 0; i < n; i++)
        CHECK_NEAR(il_ddot(A + i * n, s, n), b[i], 1e-12, "A s = b");
}

/* ---- singular values ---------------------------------------------------------------------------- */

/* A = U diag(s) V^T, s falling, U orthonormal, and V where s is not 0; s as LAPACK's. All errors are
 * relative to the largest singular value. */
static void check_svd(const double *A, int m, int n, const char *where)
{
    size_t M = (size_t)m, N = (size_t)n;
    double *U = malloc(sizeof *U * M * N), *copy = malloc(sizeof *U * M * N);
    double *V = malloc(sizeof *V * N * N), *work = malloc(sizeof *work * il_svd_work(m, n));
    double *s = malloc(sizeof *s * N), *lapack = malloc(sizeof *s * N);
    double *rest = malloc(sizeof *rest * N);
    memcpy(U, A, sizeof *A * M * N);
    memcpy(copy, A, sizeof *A * M * N);
    il_svd(U, m, n, s, V, work);
    assert_int_equal(LAPACKE_dgesvd(LAPACK_ROW_MAJOR, 'N', 'N', m, n, copy, n, lapack, NULL,
                                    n, NULL, n, rest),
                     0);
    double tolerance = 2e-15 * (n + 8) * lapack[0]; /* order n epsilon |A| */
    for (int j = 0; j < n; j++) {
        CHECK_NEAR(s[j], lapack[j], tolerance, where);
        CHECK(j == 0 || s[j] <= s[j - 1], "%s: value %d rises", where, j);
    }
    for (int i = 0; i < m; i++)
        for (int c = 0; c < n; c++) {
            double sum = 0;
            for (int j = 0; j < n; j++) sum += U[i * n + j] * s[j] * V[j * n + c];
            CHECK_NEAR(sum, A[i * n + c], tolerance, where);
        }
    for (int j = 0; j < n; j++)
        for (int k = 0; k <= j; k++) {
            double dot = 0;
            for (int i = 0; i < m; i++) dot += U[i * n + j] * U[i * n + k];
            CHECK_NEAR(dot, j == k, 1e-15 * (n + 8), where);
            if (s[j] == 0) continue;
            CHECK_NEAR(il_ddot(V + j * n, V + k * n, n), j == k, 1e-15 * (n + 8), where);
        }
    free(U), free(copy), free(V), free(work), free(s), free(lapack), free(rest);
}

/* A (m,n) of normal numbers; columns past `rank` are sums of those before */
static void random_matrix(double *A, int m, int n, int rank, uint32_t index)
{
    il_rng rng = il_rng_at(23, 0, 0, index);
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++)
            A[i * n + j] = j < rank ? il_normal(&rng)
                                    : A[i * n + j % rank] - 2 * A[i * n + (j + 1) % rank];
}

static void singular_values_agree_with_lapack(void **state)
{
    /* around the 64 rows that are taken at once */
    static const int rows[] = { 1, 2, 5, 20, 63, 64, 65, 130, 200 };
    static double A[200 * MOST];
    (void)state;
    for (int r = 0; r < IL_COUNT(rows); r++)
        for (int n = 1; n <= MOST && n <= rows[r]; n += 1 + n / 4)
            for (int rank = 1; rank <= n; rank += 1 + n / 2) {
                int size = rows[r] * n;
                random_matrix(A, rows[r], n, rank, (uint32_t)(1000 * r + 30 * n + rank));
                check_svd(A, rows[r], n, "random");
                for (int i = 0; i < size; i++) A[i] = ldexp(A[i], 1010);
                check_svd(A, rows[r], n, "huge");
                for (int i = 0; i < size; i++) A[i] = ldexp(A[i], -1980);
                check_svd(A, rows[r], n, "tiny");
            }
}

static void singular_values_of_known_matrices(void **state)
{
    enum { N = 12 };
    static double A[N * N];
    double s[N], V[N * N], work[4096];
    (void)state;
    for (int i = 0; i < N * N; i++) A[i] = 1.0 / (i / N + i % N + 1); /* condition 1.7e16 */
    check_svd(A, N, N, "Hilbert's");
    for (int i = 0; i < N; i++) /* Kahan 1966 */
        for (int j = 0; j < N; j++)
            A[i * N + j] = pow(0.6, i) * (j < i ? 0 : j == i ? 1 : -0.8);
    check_svd(A, N, N, "Kahan's");
    for (int i = 0; i < N * N; i++) A[i] = 0;
    check_svd(A, N, N, "zero");
    for (int i = 0; i < N; i++) A[i * N + i] = i % 3 ? pow(2, i) : 0;
    check_svd(A, N, N, "diagonal with zeros");
    for (int i = 0; i < N; i++) A[i * N + i] = 3;
    check_svd(A, N, N, "3 I");
    /* a row of length 5; rows of falling size, whose values have all digits though their squares part by 1e-264 */
    double row[2] = { 3, 4 };
    il_svd(row, 2, 1, s, V, work);
    CHECK_NEAR(s[0], 5, 1e-15, "(3, 4)");
    CHECK_NEAR(row[0] * V[0], 0.6, 2e-16, "(3, 4)");
    for (int i = 0; i < N * N; i++) A[i] = i / N == i % N ? pow(10, -12 * (i / N)) : 0;
    il_svd(A, N, N, s, V, work);
    for (int i = 0; i < N; i++) CHECK_NEAR(s[i] * pow(10, 12 * i), 1, 1e-14, "graded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvalues_agree_with_lapack),
        cmocka_unit_test(not_a_number_comes_to_an_end),
        cmocka_unit_test(rows_keep_the_normal_equations),
        cmocka_unit_test(singular_values_agree_with_lapack),
        cmocka_unit_test(singular_values_of_known_matrices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
