/* fetch.inc.h - what a pass over a matrix asks of memory for its tokens to come
 *
 * A carried matrix stays in cache while rows of keys, queries and values come from memory and
 * results go there. A pass over its rows asks for one line of those at each, so that requests
 * never queue up before what is needed now. These lines are fetched into the second cache: the
 * first is the matrix's.
 */

enum { FETCHES = 64, LINE = 64 / sizeof(il_real) };

/* Line j of this pass is at line[j] + moved. It may be beyond the end of an array: asking cannot
 * fail. */
typedef struct {
    uintptr_t line[FETCHES], moved, step;
    ptrdiff_t first, ld;
    int tokens, streams;
} fetch;

/* For passes that take `tokens` rows each of some streams, whose rows are `ld` apart; `first` is the
 * row that is asked for first. A line of no stream starts at `known`, and moves as all do. */
INLINE fetch fetch_of(const il_real *known, int streams, int tokens, int first,
                      ptrdiff_t ld)
{
    fetch f = { .first = first, .ld = ld, .tokens = tokens, .streams = streams };
    f.step = (uintptr_t)(tokens * ld) * sizeof *known;
    for (int j = 0; j < FETCHES; j++) f.line[j] = (uintptr_t)known;
    return f;
}

/* Stream i: an array whose row 0 of `width` numbers is at `at`. Nothing is asked of one whose rows
 * are not as far apart. */
INLINE void fetch_stream(fetch *f, int i, const il_real *at, ptrdiff_t ld, int width)
{
    int lines = il_min((width + LINE - 1) / LINE, FETCHES / (f->tokens * f->streams));
    if (ld != f->ld) return;
    for (int l = 0; l < lines; l++)
        for (int m = 0; m < f->tokens; m++)
            f->line[(l * f->tokens + m) * f->streams + i] =
                (uintptr_t)at + (uintptr_t)((f->first + m) * ld + l * LINE) * sizeof *at;
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
