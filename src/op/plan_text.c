/* plan_text.c - a plan as text, one line each, and back
 *
 *   input NAME WIDTH
 *   carry zeros WIDTH | carry ones WIDTH | carry slot NAME     between pre and body
 *   pre|body|post KIND NAME [option=value ...] : INPUT ...     in this order
 *   loops LOOPS LOSS_LOOPS
 *   tokens|target|weight|mask|stream|answer NAME               the parts slots play
 *
 * An input is the name of an op's output, of an input, or "carry". Options at their defaults are
 * not written. The text comes from files, so it is hostile until every line is checked: what a
 * runner relies on (who reads what, which slot lives where) is checked here, widths by the ops.
 */
#include "op/op.h"

#include <limits.h>
#include <stdlib.h>

enum {
    LINE = 1024,
    WORDS = 64,
    OPS = 8192,
    INPUTS = 8,
    COLUMNS = 1 << 24, /* of all slots together */
    MIXED =
        1
        << 14, /* of an input of an op that mixes tokens, whose products must fit an int */
    REMEMBERED = 1 << 28 /* numbers of all ops together, token by token */
};

static const char *const sections[] = { "pre", "body", "post" };

/* ---- writing ------------------------------------------------------------------------------ */

static void write_op(const il_plan *p, const il_op *op, FILE *f)
{
    char defaults[IL_OPTS] = { 0 };
    fprintf(f, "%s %s %s", sections[op->section], op->kind->name, op->name);
    il_opt_init(op->kind->opts, defaults);
    for (const il_opt *o = op->kind->opts; o && o->type != IL_OPT_END; o++) {
        char value[IL_TEXT];
        if (il_opt_equal(o, op->opts, defaults)) continue;
        il_opt_print(o, op->opts, value, sizeof value);
        fprintf(f, " %s=%s", o->name, value);
    }
    fprintf(f, " :");
    for (int i = 0; i < op->n_in; i++) fprintf(f, " %s", p->slots[op->in[i]].name);
    fputc('\n', f);
}

static void write_part(const il_plan *p, const char *part, int slot, FILE *f)
{
    if (slot != IL_NONE) fprintf(f, "%s %s\n", part, p->slots[slot].name);
}

void il_plan_write(const il_plan *p, FILE *f)
{
    for (int i = 0; i < p->n_slots; i++)
        if (p->slots[i].producer == IL_NONE && i != p->carry_in)
            fprintf(f, "input %s %d\n", p->slots[i].name, p->slots[i].width);
    for (int j = 0; j <= p->n_ops; j++) {
        if (j == p->end[IL_PRE] && p->carry == IL_CARRY_SLOT)
            fprintf(f, "carry slot %s\n", p->slots[p->carry_slot].name);
        else if (j == p->end[IL_PRE] && p->carry != IL_CARRY_NONE)
            fprintf(f, "carry %s %d\n", p->carry == IL_CARRY_ONES ? "ones" : "zeros",
                    p->slots[p->carry_in].width);
        if (j < p->n_ops) write_op(p, &p->ops[j], f);
    }
    fprintf(f, "loops %d %d\n", p->loops, p->loss_loops);
    write_part(p, "tokens", p->tokens, f);
    write_part(p, "target", p->target, f);
    write_part(p, "weight", p->weight, f);
    write_part(p, "mask", p->mask, f);
    write_part(p, "stream", p->carry_out, f);
    write_part(p, "answer", p->answer, f);
}

static il_status fill(const void *plan, FILE *f, il_error *err)
{
    (void)err;
    il_plan_write(plan, f);
    return IL_OK;
}

il_status il_plan_text(char **text, const il_plan *p, il_error *err)
{
    return il_text_write(text, fill, p, err);
}

/* ---- reading ------------------------------------------------------------------------------ */

typedef struct {
    il_plan *p;
    int line, carried; /* carried: the line `carry` or an op of the loop was seen */
    int slots;         /* counted so far, */
    int64_t columns;   /* and their columns */
    char *word[WORDS];
    int words;
} reader;

static il_status bad(const reader *r, il_error *err, const char *what, const char *word)
{
    return il_fail(err, IL_ECONFIG, "plan, line %d: %s%s%s%s", r->line, what,
                   word ? " '" : "", word ? il_show(word).text : "", word ? "'" : "");
}

static int is_name(const char *word)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_.";
    size_t n = strlen(word);
    return n > 0 && n < 40 && strspn(word, allowed) == n;
}

/* What an op may read by name: inputs, the carry, outputs. */
static int find_slot(const il_plan *p, const char *name)
{
    for (int i = 0; i < p->n_slots; i++) {
        int producer = p->slots[i].producer;
        if (producer != IL_NONE && p->ops[producer].out != i) continue;
        if (!strcmp(p->slots[i].name, name)) return i;
    }
    return IL_NONE;
}

static int number(const char *word, int least, int most, int *value)
{
    double x;
    if (!il_number_parse(word, &x) || !(x >= least && x <= most) || x != (int)x) return 0;
    *value = (int)x;
    return 1;
}

static il_status want_words(const reader *r, int n, il_error *err)
{
    return r->words == n ? IL_OK : bad(r, err, "it has not the words of a", r->word[0]);
}

static il_status read_slot(const reader *r, int word, int *slot, il_error *err)
{
    *slot = find_slot(r->p, r->word[word]);
    return *slot == IL_NONE ? bad(r, err, "there is no slot", r->word[word]) : IL_OK;
}

static il_status new_name(const reader *r, int word, il_error *err)
{
    if (!is_name(r->word[word])) return bad(r, err, "this is no name:", r->word[word]);
    if (find_slot(r->p, r->word[word]) != IL_NONE)
        return bad(r, err, "there are two slots", r->word[word]);
    return IL_OK;
}

static il_status read_input(reader *r, il_error *err)
{
    int width;
    IL_TRY(want_words(r, 3, err));
    IL_TRY(new_name(r, 1, err));
    if (!number(r->word[2], 1, 1 << 20, &width))
        return bad(r, err, "this is no width:", r->word[2]);
    if (r->p->n_ops || r->carried || r->p->n_slots >= INPUTS)
        return bad(r, err, "inputs come first, and no more than eight", NULL);
    il_plan_input(r->p, r->word[1], width, 0);
    return IL_OK;
}

static il_status read_carry(reader *r, il_error *err)
{
    il_carry carry = IL_CARRY_SLOT;
    int slot = IL_NONE, width = 0;
    IL_TRY(want_words(r, 3, err));
    if (r->carried) return bad(r, err, "the carry comes once, before the body", NULL);
    if (find_slot(r->p, "carry") != IL_NONE)
        return bad(r, err, "there are two slots", "carry");
    if (!strcmp(r->word[1], "slot")) {
        IL_TRY(read_slot(r, 2, &slot, err));
        width = il_width(r->p, slot);
    } else {
        carry = !strcmp(r->word[1], "ones") ? IL_CARRY_ONES : IL_CARRY_ZEROS;
        if ((carry == IL_CARRY_ZEROS && strcmp(r->word[1], "zeros")) ||
            !number(r->word[2], 1, 1 << 20, &width))
            return bad(r, err, "a carry is zeros, ones or slot, not", r->word[1]);
    }
    il_plan_carry(r->p, carry, slot, width);
    r->carried = 1;
    return IL_OK;
}

/* SECTION KIND NAME options : inputs */
static il_status read_op(reader *r, int section, il_error *err)
{
    il_plan *p = r->p;
    char opts[LINE] = "";
    int in[IL_INPUTS], n_in = 0, w = 3;
    if (r->words < 5) return bad(r, err, "it has not the words of an op", NULL);
    IL_TRY(new_name(r, 2, err));
    if (p->n_ops >= OPS || (p->n_ops && (int)p->ops[p->n_ops - 1].section > section) ||
        (r->carried && section == IL_PRE))
        return bad(r, err, "pre comes before the carry, body and post; not so", r->word[2]);
    if (section != IL_PRE) r->carried = 1;
    for (; w < r->words && strcmp(r->word[w], ":"); w++) {
        size_t used = strlen(opts);
        snprintf(opts + used, sizeof opts - used, " %s", r->word[w]);
    }
    for (w++; w < r->words; w++) {
        if (n_in == IL_INPUTS) return bad(r, err, "too many inputs of", r->word[2]);
        IL_TRY(read_slot(r, w, &in[n_in], err));
        n_in++;
    }
    if (!n_in) return bad(r, err, "no inputs of", r->word[2]);
    const il_op_kind *kind = il_op_find(r->word[1]);
    for (int i = 0; kind && kind->mixes && i < n_in; i++)
        if (il_width(p, in[i]) > MIXED)
            return bad(r, err, "slots are too wide for", r->word[2]);
    il_error why = { 0 };
    il_status status = il_plan_add(p, (il_section)section, r->word[1], r->word[2], opts,
                                   n_in, in, NULL, &why);
    if (status != IL_OK)
        return il_fail(err, status, "plan, line %d: %s", r->line, why.text);
    for (; r->slots < p->n_slots; r->slots++) r->columns += p->slots[r->slots].width;
    int small =
        r->columns <= COLUMNS && p->memory <= REMEMBERED && p->recurrent <= REMEMBERED;
    return small ? IL_OK : bad(r, err, "slots are too wide at", r->word[2]);
}

static il_status read_part(reader *r, int *done, il_error *err)
{
    il_plan *p = r->p;
    struct {
        const char *name;
        int *slot;
    } parts[] = {
        { "tokens", &p->tokens }, { "target", &p->target },    { "weight", &p->weight },
        { "mask", &p->mask },     { "stream", &p->carry_out }, { "answer", &p->answer },
    };
    *done = 0;
    for (int i = 0; i < IL_COUNT(parts); i++) {
        if (strcmp(r->word[0], parts[i].name)) continue;
        *done = 1;
        IL_TRY(want_words(r, 2, err));
        IL_TRY(read_slot(r, 1, parts[i].slot, err));
    }
    return IL_OK;
}

static il_status read_line(reader *r, char *line, il_error *err)
{
    int done;
    r->words = 0;
    for (char *rest = line, *word; (word = strtok_r(rest, " ", &rest));) {
        if (r->words == WORDS) return bad(r, err, "too many words after", r->word[0]);
        r->word[r->words++] = word;
    }
    if (!r->words) return bad(r, err, "it is empty", NULL);
    if (!strcmp(r->word[0], "input")) return read_input(r, err);
    if (!strcmp(r->word[0], "carry")) return read_carry(r, err);
    for (int s = 0; s < IL_COUNT(sections); s++)
        if (!strcmp(r->word[0], sections[s])) return read_op(r, s, err);
    if (!strcmp(r->word[0], "loops")) {
        IL_TRY(want_words(r, 3, err));
        if (!number(r->word[1], 1, IL_MOST_LOOPS, &r->p->loops))
            return il_fail(err, IL_ECONFIG,
                           "plan, line %d: loops '%s' are not a whole number from 1 to %d",
                           r->line, il_show(r->word[1]).text, IL_MOST_LOOPS);
        if (!number(r->word[2], 1, r->p->loops, &r->p->loss_loops))
            return bad(r, err,
                       "of all loops, this is not how many have a loss:", r->word[2]);
        return IL_OK;
    }
    IL_TRY(read_part(r, &done, err));
    return done ? IL_OK : bad(r, err, "a line does not begin with", r->word[0]);
}

static int is_input(const il_plan *p, int slot, int width)
{
    return slot != IL_NONE && p->slots[slot].producer == IL_NONE && slot != p->carry_in &&
           (!width || p->slots[slot].width == width);
}

static int made_in(const il_plan *p, int slot, il_section section)
{
    return slot != IL_NONE && p->slots[slot].producer != IL_NONE &&
           p->slots[slot].section == section;
}

/* What il_forward and il_model_answer take for granted */
static il_status check_parts(const il_plan *p, il_error *err)
{
    const char *what = NULL;
    if (!is_input(p, p->tokens, 0))
        what = "tokens are no input";
    else if (!made_in(p, p->carry_out, IL_BODY))
        what = "the stream is not made in the body";
    else if (!made_in(p, p->answer, IL_POST))
        what = "the answer is not made in post";
    else if (!is_input(p, p->target, il_width(p, p->answer)) && !is_input(p, p->target, 1))
        what = "the target is no input as wide as the answer";
    else if (!is_input(p, p->weight, 1))
        what = "the weight is no input of width 1";
    else if (p->mask != IL_NONE && !is_input(p, p->mask, 1))
        what = "the mask is no input of width 1";
    else if (p->carry != IL_CARRY_NONE &&
             il_width(p, p->carry_in) != il_width(p, p->carry_out))
        what = "the stream is not as wide as the carry";
    else if (p->carry == IL_CARRY_NONE && p->loops > 1)
        what = "there are loops without a carry";
    return what ? il_fail(err, IL_ECONFIG, "plan: %s", what) : IL_OK;
}

static il_status read_lines(il_plan *p, const char *text, il_error *err)
{
    reader r = { .p = p };
    while (*text) {
        char line[LINE];
        size_t size = strcspn(text, "\n");
        r.line++;
        if (size >= sizeof line) return bad(&r, err, "it is too long", NULL);
        memcpy(line, text, size);
        line[size] = 0;
        IL_TRY(read_line(&r, line, err));
        if (p->failed) return il_fail(err, IL_EFAIL, "out of memory for the plan");
        text += size + (text[size] == '\n');
    }
    return check_parts(p, err);
}

il_status il_plan_read(il_plan *p, const char *text, int recompute, il_error *err)
{
    il_plan_init(p);
    il_status status = read_lines(p, text, err);
    if (status == IL_OK) status = il_plan_finish(p, recompute, err);
    if (status != IL_OK) il_plan_free(p);
    return status;
}
