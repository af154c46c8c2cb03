/* construct_counts.c - layers, heads and width of every construction: those of its paper, or fewer
 *
 * A row of each form: layers once, in the block, and after it; times the block runs; heads; width.
 */
#include "built.h"
#include "construct/series.h"

typedef struct {
    const char *text;
    int before, block, after, loops, heads, width;
} counts;

enum { d = 4 }; /* dims of all; n = 6 examples, N = 7 tokens with the query */

static const counts rows[] = {
    /* a step a layer, tokens (x, y): von Oswald et al. 2023, Ahn et al. 2023 */
    { "gd dims=4 loops=9", 0, 1, 0, 9, 1, d + 1 },
    { "gd dims=4 loops=9 momentum=0.5", 0, 1, 0, 9, 1, d + 2 },
    { "gd dims=4 loops=9 precondition=1", 0, 1, 0, 9, 1, d + 1 },
    { "gd dims=4 loops=9 start=2", 0, 1, 0, 9, 1, d + 1 },
    { "gdpp dims=4 loops=9", 0, 1, 0, 9, 1, d + 1 },
    { "gdpp dims=4 loops=9 schedule=second_order", 0, 9, 0, 1, 1, d + 1 },
    { "preconditioned dims=4", 0, 1, 0, 1, 1, d + 1 },
    { "preconditioned dims=4 scales=0.4,0.7,1.7", 0, 3, 0, 1, 1, d + 1 },
    { "rescaling dims=4", 0, 2, 0, 1, 1, d + 1 },
    /* K layers: von Oswald et al. 2023, sections 3.1 (one layer), 3.3 and 3.8 */
    { "mesa_gd dims=4 layers=1", 0, 1, 0, 1, 1, 4 * d },
    { "mesa_gd dims=4 layers=1 start=0.5", 0, 1, 0, 1, 1, 4 * d },
    { "mesa_gd dims=4 layers=6", 0, 6, 0, 1, 1, 4 * d },
    { "mesa_gd dims=4 layers=6 schedule=chebyshev", 0, 6, 0, 1, 1, 4 * d },
    { "chebyshev dims=4 layers=6", 0, 6, 0, 1, 1, 2 * d + 2 },
    { "copy dims=4 points=9", 0, 1, 0, 1, 2, 3 * d + 2 * 9 },
    /* Giannou et al. 2024: lemma 4.1, and what does with less */
    { "inverse dims=4 form=two_layers loops=9", 0, 2, 0, 9, 2, 4 * d },
    { "inverse dims=4 form=one_layer loops=9", 0, 1, 0, 9, 1, 3 * d },
    { "inverse dims=4 form=order order=2 loops=9", 0, 1, 0, 9, 2, 4 * d },
    { "inverse dims=4 form=order order=5 loops=9", 0, 4, 0, 9, 2, 4 * d },
    { "inverse dims=4 form=coupled loops=9", 0, 1, 0, 9, 2, 4 * d },
    /* theorem 4.2: T + 3 layers, two heads with a ridge, 4 d + 3 masked and 5 d + 3 not */
    { "newton_gram dims=4 loops=9", 1, 1, 2, 9, 1, 4 * d + 3 },
    { "newton_gram dims=4 loops=9 ridge=1", 1, 1, 2, 9, 2, 4 * d + 3 },
    { "newton_gram dims=4 loops=9 ridge=1 mask=0", 1, 1, 2, 9, 2, 5 * d + 3 },
    /* the step chosen in context: two layers more */
    { "newton_gram dims=4 loops=9 start=trace", 3, 1, 2, 9, 1, 5 * d + 6 },
    /* T + 2 layers, from alpha I one fewer; order p has p - 1 a step */
    { "newton dims=4 loops=9", 1, 1, 1, 9, 1, 2 * d + 2 },
    { "newton dims=4 loops=9 ridge=1", 1, 1, 1, 9, 1, 2 * d + 2 },
    { "newton dims=4 loops=9 start=I ridge=1", 0, 1, 1, 9, 1, 2 * d + 2 },
    { "newton dims=4 loops=9 order=4", 1, 3, 1, 9, 1, 3 * d + 2 },
    /* theorem 5.2: 11 + 2 k layers a step; and 6 + k, 7 d + 3 N + 8 wide without a mask */
    { "logistic dims=4 examples=6 program=paper inverse=5 loops=2 knots=16", 0, 21, 0, 2, 2,
      6 * d + 4 },
    { "logistic dims=4 examples=6 inverse=5 loops=2 knots=16", 1, 11, 1, 2, 2,
      6 * d + 3 * 7 + 8 },
    { "logistic dims=4 examples=6 inverse=5 loops=2 knots=16 mask=0", 1, 11, 1, 2, 2,
      7 * d + 3 * 7 + 8 },
    /* Akyurek et al. 2023: 7 n + 2 and 11 n + 3 layers; at most 5 d + 4 and 4 d^2 + 6 d + 8 wide,
     * and 2 n + 1 positions. With attention's products 2 n + 2 and 4 n + 3. */
    { "rank_one dims=4 examples=6 products=primitives", 0, 44, 0, 1, 2, 4 * d + 4 + 13 },
    { "rank_one dims=4 examples=6 products=primitives form=ridge", 0, 69, 0, 1, 2,
      3 * (d * d) + 6 * d + 4 + 13 },
    { "rank_one dims=4 examples=6", 0, 14, 0, 1, 2, 3 * d + 6 + 4 },
    { "rank_one dims=4 examples=6 form=ridge", 0, 27, 0, 1, 2, 5 * d + 6 + 5 },
    /* Cheng, Carin & Sra 2024: a layer a step; [B, Lambda, Phi] of 20 edges and k = 3 */
    { "graph layers=8", 0, 1, 0, 8, 1, 20 + 6 },
    { "graph form=resistive layers=8", 0, 8, 0, 1, 1, 20 + 9 },
    { "graph form=heat layers=8", 0, 8, 0, 1, 1, 20 + 9 },
    { "graph form=heat_cubing layers=8", 0, 9, 1, 1, 1, 20 + 6 + 20 },
    { "graph form=root layers=8", 1, 1, 0, 8, 1, 20 + 6 },
    { "graph form=inverse layers=8", 1, 2, 0, 4, 1, 20 + 6 },
    /* one power step and four of Gram-Schmidt, whatever k is; the paper's k layers divide */
    { "eigenvectors vectors=3", 0, 5, 0, 400, 3, 20 + 3 + 1 },
    { "eigenvectors vectors=3 form=basis", 0, 5, 0, 400, 1, 20 + 3 + 1 },
    { "neighbours dims=4 examples=6", 0, 2, 0, 1, 1, d + 3 * 7 + 4 },
    { "polar dims=4 loops=9", 0, 1, 0, 9, 1, d },
    { "square_root dims=4 loops=9", 0, 1, 0, 9, 2, 2 * d },
};

static void as_the_papers_count(void **state)
{
    (void)state;
    for (int i = 0; i < IL_COUNT(rows); i++) {
        const counts *r = &rows[i];
        il_program_layers l;
        il_check c = start(r->text, &l);
        CHECK(l.layers[IL_PRE] == r->before && l.layers[IL_BODY] == r->block &&
                  l.layers[IL_POST] == r->after && c.model->plan.loops == r->loops,
              "%s: %d + %d x %d + %d layers", r->text, l.layers[IL_PRE],
              c.model->plan.loops, l.layers[IL_BODY], l.layers[IL_POST]);
        CHECK(l.heads == r->heads && l.width == r->width, "%s: %d heads, width %d", r->text,
              l.heads, l.width);
        finish(&c);
    }
}

static void no_construction_is_forgotten(void **state)
{
    (void)state;
    const il_construct *row;
    for (int i = 0; (row = il_construct_at(i)); i++) {
        int found = 0;
        for (int k = 0; k < IL_COUNT(rows); k++) found |= is_of(rows[k].text, row);
        CHECK(found, "%s is not counted", row->name);
    }
}

/* Chebyshev's nodes are taken in one order, whatever the interval is: of products that are equal, rounding
 * does not decide. Each is farthest from those before by the product of distances. */
static void nodes_come_in_one_order(void **state)
{
    static const double largest[] = { 200, 135.5, 130, 7.3, 1000, 1e-3 };
    (void)state;
    for (int K = 2; K <= 24; K++) {
        series first = il_series_chebyshev(K, 0, 1, 0);
        for (int i = 0; i < IL_COUNT(largest); i++) {
            series s = il_series_chebyshev(K, 0, largest[i], 0);
            for (int k = 0; k < K; k++) /* a node of 1e-3 at least is a difference of 1 */
                CHECK_NEAR(s.c[k] * largest[i] / first.c[k], 1, 1e-11, "the same node");
        }
        for (int k = 1; k < K; k++) {
            double chosen = 1, most = 0;
            for (int j = k; j < K; j++) {
                double product = 1;
                for (int i = 0; i < k; i++)
                    product *= fabs(1 / first.c[j] - 1 / first.c[i]);
                if (j == k) chosen = product;
                most = fmax(most, product);
            }
            CHECK(chosen >= most * (1 - 1e-8), "node %d of %d: %g of %g", k, K, chosen,
                  most);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_papers_count),
        cmocka_unit_test(no_construction_is_forgotten),
        cmocka_unit_test(nodes_come_in_one_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
