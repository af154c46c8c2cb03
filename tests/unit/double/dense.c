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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eigenvalues_agree_with_lapack),
        cmocka_unit_test(not_a_number_comes_to_an_end),
        cmocka_unit_test(rows_keep_the_normal_equations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
