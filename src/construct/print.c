/* print.c - a program as text: what it is, its registers, and its layers with their instructions */
#include "construct/program.h"

static void print_register(const reg *r, FILE *f)
{
    char columns[24];
    if (r->width == 1)
        snprintf(columns, sizeof columns, "%d", r->at);
    else
        snprintf(columns, sizeof columns, "%d-%d", r->at, r->at + r->width - 1);
    fprintf(f, "  %-6s %9s  %s%s\n", r->name, columns, r->what,
            r->token >= 0 && r->rows ? " (token, position)"
            : r->token >= 0          ? " (token)"
            : r->rows                ? " (position)"
                                     : "");
}

static void print_section(const il_program *p, int section, FILE *f)
{
    static const char *const kinds[] = { "attend", "softmax", "map",
                                         "relu",   "gelu",    "divide" };
    static const char *const prefix[] = { "set", "h", "out" };
    for (int time = 0; time < 2 * p->layers.layers[section]; time++)
        for (int i = 0; i < p->n_list; i++) {
            const instruction *in = &p->list[i];
            if ((int)in->section != section || in->time != time) continue;
            char name[16];
            snprintf(name, sizeof name, "%s.%d", prefix[section], time / 2);
            fprintf(f, "  %-7s %-7s %s\n", name, in->also ? "also" : kinds[in->kind],
                    in->text);
        }
}

void il_program_print(const il_program *p, FILE *f)
{
    const il_program_layers *l = &p->layers;
    fprintf(f, "%s\n\nregisters (columns of the residual stream)\n", p->title);
    for (int i = 0; i < p->n_regs; i++) print_register(&p->regs[i], f);
    if (p->n_starts) fprintf(f, "starts\n");
    for (int i = 0; i < p->n_starts_text; i++) fprintf(f, "  %s\n", p->starts_text[i]);
    fprintf(f, "layers (attend: values ; keys ; queries)\n");
    print_section(p, IL_PRE, f);
    print_section(p, IL_BODY, f);
    if (p->looped) fprintf(f, "  h       runs    %d times\n", p->loops);
    print_section(p, IL_POST, f);
    fprintf(f, "  answer          %s\n", p->answer_text);
    int depth = l->layers[0] + l->layers[1] * p->loops + l->layers[2];
    fprintf(f,
            "depth %d: set %d, h %d x %d, out %d; width %d; most in a layer: %d heads with "
            "keys of %d, %d units; %s%s\n",
            depth, l->layers[0], l->layers[1], p->loops, l->layers[2], l->width, l->heads,
            l->key, l->units, p->causal ? "causal" : "all tokens are seen",
            p->masked ? ", queries are no keys" : "");
}
