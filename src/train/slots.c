/* slots.c - the gradients of a step, slot by slot, summed in order on one process or on many ranks
 *
 * Rank r of R computes the slots floor(r S / R) .. floor((r+1) S / R) - 1 of S. The sum of a gradient is
 * ((g_0 + g_1) + ...) over all slots, wherever they are, so its bits do not depend on R: each rank gets all slots
 * of its part of the weights, sums them, and gives the sums to the others.
 */
#include "base/ranks.h"
#include "train/train.h"

enum {
    PIECE = 1 << 14, /* elements that a thread sums at once */
    LINE = 16        /* elements of a cache line: where parts begin */
};

static int slot_of(const il_slots *s, int r)
{
    return (int)il_rank_share((size_t)s->slots, r, s->ranks);
}

/* Where rank r's part of the weights begins; a part may be empty. */
static size_t part_of(const il_slots *s, int r)
{
    size_t lines = (s->weights + LINE - 1) / LINE,
           at = il_rank_share(lines, r, s->ranks) * LINE;
    return at < s->weights ? at : s->weights;
}

static size_t part_size(const il_slots *s, int r)
{
    return part_of(s, r + 1) - part_of(s, r);
}

il_slots il_slots_of(int slots, size_t weights, int rank, int ranks)
{
    il_slots s = { .slots = slots, .rank = rank, .ranks = ranks, .weights = weights };
    s.first = slot_of(&s, rank);
    s.n = slot_of(&s, rank + 1) - s.first;
    return s;
}

static int most_parcels(const il_slots *s)
{
    int by_slot = il_max(s->n * (s->ranks - 1), s->slots - s->n);
    return s->ranks == 1 ? 0 : il_max(by_slot, 2 * (s->ranks - 1));
}

void il_slots_layout(il_slots *s, il_arena *arena)
{
    s->grads = il_take(arena, il_real, il_product(s->weights, (size_t)s->n));
    s->others = il_take(arena, il_real,
                        il_product(part_size(s, s->rank), (size_t)(s->slots - s->n)));
    s->losses = il_take(arena, double, s->slots);
    s->out = il_take(arena, il_parcel, most_parcels(s));
    s->in = il_take(arena, il_parcel, most_parcels(s));
}

double il_slots_sent(const il_slots *s)
{
    double own = (double)part_size(s, s->rank), others = s->ranks - 1;
    return sizeof(il_real) * (s->n * ((double)s->weights - own) + others * own) +
           sizeof(double) * s->n * others;
}

/* ---- the sum ----------------------------------------------------------------------------------- */

/* Slot `slot` of this rank's part, from element `at` of the weights on */
static il_real *source(const il_slots *s, int slot, size_t at)
{
    int mine = slot - s->first;
    if (mine >= 0 && mine < s->n) return s->grads + s->weights * (size_t)mine + at;
    size_t row = (size_t)(mine < 0 ? slot : slot - s->n);
    return s->others + part_size(s, s->rank) * row + (at - part_of(s, s->rank));
}

static void sum_piece(void *context, int i, int worker)
{
    (void)worker;
    const il_slots *s = context;
    size_t from = part_of(s, s->rank) + (size_t)i * PIECE, end = part_of(s, s->rank + 1),
           n = end - from < PIECE ? end - from : PIECE;
    il_real *sum = source(s, 0, from);
    for (int slot = 1; slot < s->slots; slot++)
        il_kernel()->add(sum, sum, source(s, slot, from), n);
    if (sum != s->grads + from) memcpy(s->grads + from, sum, n * sizeof *sum);
}

/* Every slot of the others' parts to them; of this rank's part from them */
static il_status trade_slots(il_slots *s, il_error *err)
{
    int out = 0, in = 0;
    size_t mine = part_size(s, s->rank) * sizeof *s->grads;
    for (int r = 0; r < s->ranks; r++) {
        if (r == s->rank) continue;
        for (int slot = s->first; slot < s->first + s->n; slot++)
            s->out[out++] = (il_parcel){ .data = s->grads + part_of(s, r) +
                                                 s->weights * (size_t)(slot - s->first),
                                         .bytes = part_size(s, r) * sizeof *s->grads,
                                         .rank = r };
        for (int slot = slot_of(s, r); slot < slot_of(s, r + 1); slot++)
            s->in[in++] = (il_parcel){ .data = source(s, slot, part_of(s, s->rank)),
                                       .bytes = mine,
                                       .rank = r };
    }
    return il_ranks_exchange(s->out, out, s->in, in, err);
}

static il_parcel sums_of(const il_slots *s, int part, int rank)
{
    return (il_parcel){ .data = s->grads + part_of(s, part),
                        .bytes = part_size(s, part) * sizeof *s->grads,
                        .rank = rank };
}

static il_parcel losses_of(const il_slots *s, int from, int rank)
{
    return (il_parcel){ .data = s->losses + slot_of(s, from),
                        .bytes = (size_t)(slot_of(s, from + 1) - slot_of(s, from)) *
                                 sizeof *s->losses,
                        .rank = rank };
}

/* The sums of every part, and every slot's loss, to all */
static il_status trade_sums(il_slots *s, il_error *err)
{
    int n = 0;
    for (int r = 0; r < s->ranks; r++) {
        if (r == s->rank) continue;
        s->out[n] = sums_of(s, s->rank, r);
        s->in[n++] = sums_of(s, r, r);
        s->out[n] = losses_of(s, s->rank, r);
        s->in[n++] = losses_of(s, r, r);
    }
    return il_ranks_exchange(s->out, n, s->in, n, err);
}

il_status il_slots_sum(il_slots *s, il_error *err)
{
    size_t pieces = (part_size(s, s->rank) + PIECE - 1) / PIECE;
    IL_TRY(trade_slots(s, err));
    il_parallel((int)pieces, sum_piece, s);
    return trade_sums(s, err);
}
