/* fetch.inc.h - software prefetch of the next tokens' rows, for passes over a carried matrix
 *
 * A carried matrix stays in cache while rows of keys, queries and values come from memory and
 * results go there. A pass over its rows asks for one line of those at each, so that requests
 * never queue up before what is needed now. These lines are fetched into the second cache: the
 * first is the matrix's.
 */

enum { FETCHES = 64, LINE = 64 / sizeof(il_real) };

/* An array: where its row 0 is, how far apart rows are, numbers of a row that are used. `at` NULL:
 * none */
typedef struct {
    const il_real *at;
    ptrdiff_t ld;
    int width;
} stream;

/* Line j of this pass is at line[j] + moved. It may be beyond the end of an array: asking cannot
 * fail. */
typedef struct {
    uintptr_t line[FETCHES], moved, step;
} fetch;

INLINE uintptr_t place_in(const stream *s, int row, int column)
{
    return (uintptr_t)s->at + (uintptr_t)(row * s->ld + column) * sizeof(il_real);
}

/* For passes that take `tokens` rows of each of n streams, and are to ask first for row `first`.
 * Streams whose rows are farthest apart count: those are arrays in memory, others scratch. */
INLINE fetch fetch_of(const stream *s, int n, int tokens, int first)
{
    const stream *widest = s;
    for (int i = 1; i < n; i++)
        if (s[i].at && s[i].ld * s[i].ld > widest->ld * widest->ld) widest = s + i;
    fetch f = { .step = (uintptr_t)(tokens * widest->ld) * sizeof(il_real) };
    for (int j = 0; j < FETCHES; j++) f.line[j] = place_in(widest, first, 0);
    for (int i = 0; i < n; i++) {
        int lines = il_min((s[i].width + LINE - 1) / LINE, FETCHES / (tokens * n));
        for (int l = 0; l < lines && s[i].at && s[i].ld == widest->ld; l++)
            for (int m = 0; m < tokens; m++)
                f.line[(l * tokens + m) * n + i] = place_in(s + i, first + m, l * LINE);
    }
    return f;
}

INLINE void fetch_line(const fetch *f, int j)
{
    __builtin_prefetch((const void *)(f->line[j % FETCHES] + f->moved), 0, 2);
}

/* A whole row of n numbers, into the first cache: there is no matrix */
INLINE void fetch_row(uintptr_t at, int n)
{
    for (int c = 0; c < n; c += LINE)
        __builtin_prefetch((const void *)(at + (uintptr_t)c * sizeof(il_real)), 0, 3);
}

/* On to the next pass */
INLINE void fetch_advance(fetch *f) { f->moved += f->step; }
