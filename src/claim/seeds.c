/* seeds.c - the training seeds and the hash of a claim
 *
 * One training is an anecdote, so a claim that trains states at least three seeds, or says why it
 * has one (`one_seed`). The seeds reach only training: measures keep prompts of their own.
 *
 * The hash of a claim is FNV-1a of what its numbers and verdicts come from: recipes, seeds, measures
 * and rows, without titles and other text that changes no number. Numbers noted under another hash are stale.
 */
#include "claim/claim.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>

static il_status add_seed(il_claim *c, const char *word, il_error *err)
{
    double value;
    if (!il_number_parse(word, &value) || value != floor(value) || value < 0 ||
        value > INT_MAX)
        return il_claim_fail(c->seeds_leaf, err,
                             "seeds: '%s' is not a whole number from 0 to %d",
                             il_show(word).text, INT_MAX);
    for (int i = 0; i < c->seeds; i++)
        if (c->seed[i] == (int)value)
            return il_claim_fail(c->seeds_leaf, err, "seeds: %d is given twice; keep one",
                                 (int)value);
    if (c->seeds == IL_CLAIM_SEEDS)
        return il_claim_fail(c->seeds_leaf, err, "a claim has at most %d seeds",
                             IL_CLAIM_SEEDS);
    c->seed[c->seeds++] = (int)value;
    return IL_OK;
}

static il_status add_seeds(il_claim *c, il_error *err)
{
    const char *list = c->head.seeds;
    char word[IL_TEXT];
    while (il_item_next(word, &list, " ,")) IL_TRY(add_seed(c, word, err));
    if (c->seeds >= IL_CLAIM_FEWEST) return IL_OK;
    return il_claim_fail(c->seeds_leaf, err,
                         "seeds: a claim is trained from at least %d seeds, here are %d; "
                         "where that costs too much, `one_seed` says why",
                         IL_CLAIM_FEWEST, c->seeds);
}

static il_status check_one(const il_claim *c, il_error *err)
{
    if (c->seeds_leaf)
        return il_claim_fail(c->one_leaf, err,
                             "both seeds and one_seed are given; keep one");
    if (!c->head.one_seed[0] || !strpbrk(c->head.one_seed, "0123456789"))
        return il_claim_fail(
            c->one_leaf, err,
            "one_seed needs a sentence that says why, with the minutes of a training");
    return IL_OK;
}

il_status il_claim_read_seeds(il_claim *c, il_error *err)
{
    const il_leaf *said = c->seeds_leaf ? c->seeds_leaf : c->one_leaf;
    int trained = 0;
    for (int i = 0; i < c->models; i++) {
        trained += c->model[i].trained;
        if (c->model[i].seed_leaf && c->seeds_leaf)
            return il_claim_fail(
                c->model[i].seed_leaf, err,
                "models.%s has a seed of its own beside the claim's seeds; "
                "keep one",
                c->model[i].name);
    }
    if (c->one_leaf) IL_TRY(check_one(c, err));
    if (said && !trained)
        return il_claim_fail(said, err, "nothing is trained here; leave %s out",
                             said->path);
    if (c->seeds_leaf) return add_seeds(c, err);
    if (said || !trained) return IL_OK;
    return il_fail(err, IL_ECONFIG,
                   "%s trains models and states no seeds; write `seeds: [1, 2, 3]`, or "
                   "`one_seed` with the reason and the minutes",
                   c->name);
}

/* ---- the hash ------------------------------------------------------------------------------------ */

/* "claim" of "rows.NAME.claim" */
static const char *key_of(const il_leaf *leaf)
{
    const char *dot = strrchr(leaf->path, '.');
    return dot ? dot + 1 : leaf->path;
}

/* Text that changes no number, and the keys of models: their recipes are hashed */
static int is_words(const il_leaf *leaf)
{
    static const char *const keys[] = { "title",   "paper",    "reduced", "minutes",
                                        "claim",   "one_seed", "draw",    "log_x",
                                        "log_y",   "x_label",  "y_label", "marker",
                                        "marker_x" };
    for (int i = 0; i < IL_COUNT(keys); i++)
        if (!strcmp(keys[i], key_of(leaf))) return 1;
    return !strncmp(leaf->path, "models.", strlen("models."));
}

uint64_t il_claim_hash(const il_claim *c)
{
    uint64_t hash = IL_HASH_START;
    for (int i = 0; i < il_yaml_count(c->yaml); i++) {
        const il_leaf *leaf = il_yaml_at(c->yaml, i);
        const char *value = leaf->value ? leaf->value : "";
        if (is_words(leaf)) continue;
        if (!strcmp(key_of(leaf), "short")) value = ""; /* whether, not why */
        hash = il_hash(hash, leaf->path, strlen(leaf->path) + 1);
        hash = il_hash(hash, value, strlen(value) + 1);
    }
    for (int i = 0; i < c->models; i++) {
        char recipe[2 * IL_TEXT];
        int size = snprintf(recipe, sizeof recipe, "%s %016" PRIx64, c->model[i].name,
                            il_config_hash(&c->model[i].config));
        hash = il_hash(hash, recipe, (size_t)size + 1);
    }
    return hash;
}
