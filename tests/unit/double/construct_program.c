/* construct_program.c - texts of a program that say nothing, and units by themselves */
#include "built.h"

typedef void instruct(il_program *p, const char *format, ...);

enum { d = 2 };

/* A program of registers x (token), u and one with this instruction, or the sentence that refuses it */
static il_model *build(instruct *write, const char *text, il_error *refused)
{
    il_program *p;
    il_model *m = NULL;
    CHECK_OK(il_program_new(&p, &err));
    il_token(p, "x", d, "an input");
    il_register(p, "u", d, "a result");
    il_register(p, "one", 1, "1");
    il_start(p, "one <- 1");
    write(p, "%s", text);
    il_answer(p, "u");
    if (il_assemble(&m, p, NULL, refused)) m = NULL;
    il_program_free(p);
    return m;
}

static const struct {
    instruct *write;
    const char *text, *says;
} wrong[] = {
    { il_map, "v <- x", "no register 'v'" },
    { il_map, "u <- 2 w + x", "no register 'w'" },
    { il_map, "u[0:3] <- x", "register 'u' has no such columns" },
    { il_map, "u <- x[0.5]", "register 'x' has no such columns" },
    { il_map, "u <- x[2]", "'x' has no such columns" },
    { il_map, "u <- A*x", "no matrix 'A' of 2 columns" },
    { il_map, "u x", "'<-' was expected" },
    { il_map, "u <- x ; x", "nothing more was expected" },
    { il_map, "one <- x", "not as wide" },
    { il_attend, "u <- x ; x", "';' was expected" },
    { il_attend, "u <- x ; x ; one", "not equally wide" },
    { il_attend, "u <- x ; x | 1 ; x | one", "no constants" },
    { il_also, "u <- x ; x ; x", "no head before it" },
    { il_relu, "u <- x", "'relu' was expected" },
    { il_relu, "u <- relu x", "'(' was expected" },
    { il_relu, "u <- gelu(x)", "'relu' was expected" },
    { il_gelu, "u <- relu(x)", "'gelu' was expected" },
    { il_relu, "u <- relu(x", "')' was expected" },
    { il_relu, "one <- relu(x)", "not as wide" },
};

static void a_mistake_is_what_building_says(void **state)
{
    (void)state;
    for (int i = 0; i < IL_COUNT(wrong); i++) {
        il_error refused = { 0 };
        il_model *m = build(wrong[i].write, wrong[i].text, &refused);
        CHECK(!m, "\"%s\" is taken", wrong[i].text);
        CHECK(strstr(refused.text, wrong[i].says), "\"%s\" says: %s", wrong[i].text,
              refused.text);
        il_model_free(m);
    }
}

/* c unit(FORM) of one token, by the model */
static void units_alone(void **state)
{
    (void)state;
    static const struct {
        instruct *write;
        const char *text;
        double want[d];
    } units[] = {
        { il_relu, "u <- 2 relu(x - 0.5 one)", { 0.5, 0 } },
        { il_relu, "u <- relu(x), u <- -relu(-x)", { 0.75, -1.5 } },
        { il_gelu, "u <- -2 gelu(x)", { -2 * 0.75 * 0.7733907917, 2 * 1.5 * 0.06704167 } },
        { il_map, "u <- 3 x[1] - sum(x)", { -3.75, -3.75 } },
        { il_map, "u <- x + x[0] + 2", { 3.5, 1.25 } },
    };
    const double token[d] = { 0.75, -1.5 };
    for (int i = 0; i < IL_COUNT(units); i++) {
        il_error refused = { 0 };
        double got[d];
        il_model *m = build(units[i].write, units[i].text, &refused);
        CHECK(m, "%s", refused.text);
        il_check c = { .model = m, .size = ROOM, .room = calloc(ROOM, sizeof(double)) };
        il_check_run(&c, 1, token, NULL, 1, NULL, got);
        for (int j = 0; j < d; j++)
            CHECK_NEAR(got[j], units[i].want[j], 1e-3, units[i].text);
        finish(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mistake_is_what_building_says),
        cmocka_unit_test(units_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
