/* plan_text.c - plans as text: every family comes back the same, and a hostile text is refused */
#include "check.h"
#include "construct/construct.h"
#include "folder.h"

#include <stdlib.h>

static char *text_of(const il_plan *p)
{
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    il_plan_write(p, f);
    fclose(f);
    return text;
}

static void check_same(const il_plan *a, const il_plan *b, const char *what)
{
    CHECK(a->n_ops == b->n_ops && a->n_slots == b->n_slots && a->n_params == b->n_params &&
              a->n_weights == b->n_weights && a->n_packed == b->n_packed,
          "%s: sizes differ", what);
    CHECK(a->tokens == b->tokens && a->target == b->target && a->weight == b->weight &&
              a->mask == b->mask && a->answer == b->answer && a->carry == b->carry &&
              a->carry_slot == b->carry_slot && a->carry_in == b->carry_in &&
              a->carry_out == b->carry_out && a->loops == b->loops &&
              a->loss_loops == b->loss_loops && !memcmp(a->end, b->end, sizeof a->end),
          "%s: parts differ", what);
    for (int i = 0; i < a->n_ops; i++) {
        const il_op *x = &a->ops[i], *y = &b->ops[i];
        CHECK(x->kind == y->kind && !strcmp(x->name, y->name) && x->section == y->section &&
                  x->n_in == y->n_in && x->out == y->out && x->reads == y->reads &&
                  !memcmp(x->in, y->in, sizeof x->in) &&
                  !memcmp(x->save, y->save, sizeof x->save) &&
                  !memcmp(x->par, y->par, sizeof x->par) &&
                  !memcmp(x->opts, y->opts, IL_OPTS),
              "%s: op %s differs", what, x->name);
    }
    for (int i = 0; i < a->n_slots; i++)
        CHECK(!strcmp(a->slots[i].name, b->slots[i].name) &&
                  a->slots[i].width == b->slots[i].width &&
                  a->slots[i].at == b->slots[i].at && a->slots[i].dat == b->slots[i].dat &&
                  a->slots[i].kept == b->slots[i].kept,
              "%s: slot %s differs", what, a->slots[i].name);
    CHECK(
        a->n_backward == b->n_backward &&
            !memcmp(a->backward, b->backward, sizeof *a->backward * (size_t)a->n_backward),
        "%s: the backward schedule differs", what);
}

static void check_round_trip(const il_plan *p, const char *what)
{
    il_plan again;
    char *text = text_of(p);
    CHECK_OK(il_plan_read(&again, text, p->recompute, &err));
    check_same(p, &again, what);
    char *twice = text_of(&again);
    CHECK(!strcmp(text, twice), "%s: the text changes:\n%s\n%s", what, text, twice);
    il_plan_free(&again);
    free(text);
    free(twice);
}

static void families_round_trip(void **state)
{
    (void)state;
    static const char *const variants[] = {
        "model.family=gpt2",
        "model.family=gpt2 training.task_name=linear_classification",
        "model.family=gpt2_loop training.curriculum.loops.end=7",
        "model.family=gpt2_loop model.loop_func=z=f(x*z)",
        "model.family=gpt2_loop model.loop_func=z=f(z)",
        "model.family=gpt2_loop model.n_layer=2 model.loop_func=layer-wise",
        "model.family=gpt2_tying",
        "model.family=gpt2 training.recompute=0",
        "model.family=gpt2 training.recompute=2",
        "model.family=stack",
    };
    for (int i = 0; i < IL_COUNT(variants); i++) {
        il_config c;
        il_plan p;
        char text[256];
        il_config_init(&c);
        CHECK_OK(il_config_set(&c, "model.n_layer=2", &err));
        CHECK_OK(il_config_set(&c, "model.n_embd=16", &err));
        snprintf(text, sizeof text, "%s", variants[i]);
        for (char *item = strtok(text, " "); item; item = strtok(NULL, " "))
            CHECK_OK(il_config_set(&c, item, &err));
        CHECK_OK(il_model_plan(&p, &c, &err));
        check_round_trip(&p, variants[i]);
        il_plan_free(&p);
    }
}

static void constructions_round_trip(void **state)
{
    (void)state;
    const il_construct *row;
    for (int i = 0; (row = il_construct_at(i)); i++) {
        il_model *m;
        char text[256];
        snprintf(text, sizeof text, "%s %s", row->name, row->cases[0]);
        CHECK_OK(il_build(&m, text, &err));
        check_round_trip(&m->plan, text);
        il_model *again;
        CHECK_OK(il_model_save(m, in_folder("m.safetensors"), &err));
        CHECK_OK(il_model_load(&again, in_folder("m.safetensors"), &err));
        CHECK(il_model_hash(m) == il_model_hash(again), "%s: weights change", text);
        CHECK(!strcmp(il_model_program(m), il_model_program(again)), "%s: program", text);
        check_same(&m->plan, &again->plan, text);
        il_model_free(again);
        il_model_free(m);
    }
}

/* The smallest loop there is */
static const char *const good = "input tokens 3\n"
                                "input target 1\n"
                                "input weight 1\n"
                                "pre linear read_in out=4 : tokens\n"
                                "carry zeros 4\n"
                                "body add sum : carry read_in\n"
                                "post linear read_out out=1 bias=0 : sum\n"
                                "post mse loss : read_out target weight\n"
                                "loops 3 1\n"
                                "tokens tokens\n"
                                "target target\n"
                                "weight weight\n"
                                "stream sum\n"
                                "answer read_out\n";

/* Replaces a text by another in the good plan; the sentence must hold `said`. */
static void check_refused(const char *from, const char *to, const char *said)
{
    char text[4096];
    const char *at = strstr(good, from);
    CHECK(at, "'%s' is not in the plan", from);
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, to, at + strlen(from));
    il_plan p;
    il_error err = { 0 };
    CHECK(il_plan_read(&p, text, 1, &err) == IL_ECONFIG, "accepted: %s -> %s", from, to);
    CHECK(strstr(err.text, said), "'%s' -> '%s' says: %s", from, to, err.text);
}

static void hostile_texts(void **state)
{
    (void)state;
    il_plan p;
    CHECK_OK(il_plan_read(&p, good, 1, &err));
    il_plan_free(&p);
    check_refused("input tokens 3", "input tokens 0", "line 1: this is no width");
    check_refused("input tokens 3", "input tokens 3000000", "line 1: this is no width");
    check_refused("input target 1", "input tokens 1", "two slots 'tokens'");
    check_refused("input target 1", "input tar/get 1", "no name");
    check_refused("input weight 1", "input carry 1", "two slots");
    check_refused("pre linear read_in", "pre linear tokens", "two slots 'tokens'");
    check_refused("pre linear", "pre linnear", "there is no op 'linnear'");
    check_refused("out=4", "out=4 wings=2", "no option 'wings'");
    check_refused("out=4 : tokens", "out=4 : tokenz", "no slot 'tokenz'");
    check_refused("out=4 : tokens", "out=4 :", "no inputs of");
    check_refused("out=4 : tokens", "out=5 : tokens", "inputs are 4 and 5 wide");
    check_refused("loops 3 1", "loops 10001 1",
                  "line 9: loops '10001' are not a whole number");
    check_refused("loops 3 1", "loops 3 4", "not how many have a loss: '4'");
    check_refused("carry zeros 4", "carry ones 5", "inputs are 5 and 4 wide");
    check_refused("carry zeros 4", "carry twos 4", "zeros, ones or slot");
    check_refused("carry zeros 4", "carry slot nothing", "no slot 'nothing'");
    check_refused("carry zeros 4\n", "carry zeros 4\ncarry zeros 4\n", "once");
    check_refused("body add", "pre add", "pre comes before");
    check_refused("post linear read_out out=1 bias=0 : sum",
                  "post linear read_out out=1 bias=0 : carry", "a slot of the body");
    check_refused("post mse loss : read_out target weight",
                  "post mse loss : read_out target", "takes 3 to 3 inputs");
    check_refused("body add sum : carry read_in",
                  "body linear a out=20000 : carry\nbody linear_attention b : a a a\n"
                  "body add sum : carry read_in",
                  "slots are too wide for 'b'");
    check_refused("loops 3 1", "loops 0 1", "loops '0' are not a whole number");
    check_refused("loops 3 1", "loops 3", "not the words");
    check_refused("tokens tokens", "tokens sum", "tokens are no input");
    check_refused("target target", "target tokens", "the target is no input");
    check_refused("weight weight\n", "", "the weight is no input");
    check_refused("stream sum", "stream read_in", "not made in the body");
    check_refused("stream sum", "stream carry", "not made in the body");
    check_refused("answer read_out", "answer sum", "not made in post");
    check_refused("answer read_out", "answer", "not the words");
    check_refused("answer read_out\n", "answer read_out\nmask tokens\n", "mask");
    check_refused("answer read_out\n", "answer read_out\nwhatever\n", "does not begin");
    check_refused("answer read_out\n", "answer read_out\n\n", "it is empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_round_trip),
        cmocka_unit_test(constructions_round_trip),
        cmocka_unit_test(hostile_texts),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
