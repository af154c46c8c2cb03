/* schedule.c - when each instruction runs
 *
 * An instruction runs as early as it may. It must follow every earlier one that writes what it
 * reads, and may share a layer with one that reads what it writes: a layer reads before it adds. Two
 * that write the same columns add up. A layer is attention and maps, then units; il_layer begins a
 * new one.
 */
#include "construct/emit.h"

static void mark(char *columns, const form *f)
{
    for (int k = 0; k < f->n; k++)
        if (f->part[k].kind != CONSTANT)
            memset(columns + f->part[k].at, 1, (size_t)f->part[k].width);
}

static void mark_instruction(const instruction *in, char *reads, char *writes)
{
    for (int i = 0; i < in->n_items; i++) {
        mark(reads, &in->items[i].form);
        memset(writes + in->items[i].at, 1, (size_t)in->items[i].rows);
    }
    for (int i = 0; i < in->n_keys; i++) mark(reads, &in->keys[i]);
    for (int i = 0; i < in->n_queries; i++) mark(reads, &in->queries[i]);
}

static int meet(const char *a, const char *b, int n)
{
    for (int i = 0; i < n; i++)
        if (a[i] && b[i]) return 1;
    return 0;
}

/* The earliest time of instruction i, given those of the instructions before `group` */
static int earliest(const il_program *p, const char *sets, int i, int group)
{
    int C = p->width, time = 0;
    const instruction *in = &p->list[i];
    const char *reads = sets + 2 * (size_t)C * (size_t)i, *writes = reads + C;
    for (int j = 0; j < group; j++) {
        const instruction *before = &p->list[j];
        const char *its_reads = sets + 2 * (size_t)C * (size_t)j,
                   *its_writes = its_reads + C;
        if (before->section != in->section) continue;
        if (j < in->alone) time = il_max(time, before->time / 2 * 2 + 2);
        if (meet(reads, its_writes, C)) time = il_max(time, before->time + 1);
        if (meet(writes, its_reads, C)) time = il_max(time, before->time);
    }
    return time + (time % 2 != (in->kind >= RELU));
}

void il_schedule(il_program *p)
{
    size_t C = (size_t)p->width;
    char *sets = il_own(p, 2 * C * (size_t)il_max(p->n_list, 1));
    for (int i = 0; sets && i < p->n_list; i++)
        mark_instruction(&p->list[i], sets + 2 * C * (size_t)i,
                         sets + 2 * C * (size_t)i + C);
    for (int i = 0, next; sets && i < p->n_list; i = next) {
        int time = earliest(p, sets, i, i);
        for (next = i + 1; next < p->n_list && p->list[next].also; next++)
            time = il_max(time, earliest(p, sets, next, i));
        for (int j = i; j < next; j++) p->list[j].time = time;
        int *layers = &p->layers.layers[p->list[i].section];
        *layers = il_max(*layers, time / 2 + 1);
    }
}
