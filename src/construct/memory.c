/* memory.c - what a program owns: its memory, its texts, and its first error */
#include "construct/program.h"

#include <stdlib.h>

void il_mistake(il_program *p, il_status status, const char *format, ...)
{
    if (p->failed) return;
    p->failed = 1;
    va_list args;
    va_start(args, format);
    vsnprintf(p->error.text, sizeof p->error.text, format, args);
    va_end(args);
    p->error.status = status;
}

enum { CHUNK = 64 };

void *il_program_grow(il_program *p, void *list, int n, size_t size)
{
    if (n % CHUNK) return list;
    void *more = realloc(list, (size_t)(n + CHUNK) * size);
    if (!more) il_mistake(p, IL_EFAIL, "out of memory for a program");
    return more;
}

void *il_own(il_program *p, size_t bytes)
{
    void **owned = il_program_grow(p, p->owned, p->n_owned, sizeof *owned);
    if (!owned) return NULL;
    p->owned = owned;
    void *made = calloc(1, bytes ? bytes : 1);
    if (!made) il_mistake(p, IL_EFAIL, "out of memory for a program");
    return p->owned[p->n_owned++] = made;
}

il_status il_program_new(il_program **out, il_error *err)
{
    il_program *p = calloc(1, sizeof *p);
    if (!p) return il_fail(err, IL_EFAIL, "out of memory for a program");
    p->loops = 1;
    p->section = IL_BODY;
    *out = p;
    return IL_OK;
}

void il_program_free(il_program *p)
{
    if (!p) return;
    for (int i = 0; i < p->n_list; i++) free(p->list[i].items);
    for (int i = 0; i < p->n_owned; i++) free(p->owned[i]);
    free(p->owned);
    free(p->list);
    free(p->starts);
    free(p);
}

typedef struct {
    const char *format;
    va_list args;
} words;

/* One conversion of a format at a time; %g becomes all digits that are needed. */
static il_status write_words(const void *context, FILE *f, il_error *err)
{
    (void)err;
    va_list args;
    va_copy(args, ((words *)(uintptr_t)context)->args);
    for (const char *at = ((const words *)context)->format; *at; at++) {
        if (*at != '%') {
            fputc(*at, f);
            continue;
        }
        switch (*++at) {
        case 'g':
            fputs(il_digits(va_arg(args, double)).text, f);
            break;
        case 'd':
            fprintf(f, "%d", va_arg(args, int));
            break;
        case 's':
            fputs(va_arg(args, const char *), f);
            break;
        default:
            fputc('%', f);
        }
    }
    va_end(args);
    return IL_OK;
}

char *il_words(il_program *p, const char *format, va_list args)
{
    char *text = NULL;
    words w = { .format = format };
    va_copy(w.args, args);
    il_status status = il_text_write(&text, write_words, &w, NULL);
    va_end(w.args);
    if (status) {
        il_mistake(p, IL_EFAIL, "out of memory for a program");
        return NULL;
    }
    size_t size = strlen(text) + 1;
    char *kept = il_own(p, size);
    if (kept) memcpy(kept, text, size);
    free(text);
    return kept;
}

void il_program_title(il_program *p, const char *format, ...)
{
    IL_WORDS(text, format)
    snprintf(p->title, sizeof p->title, "%s", text);
}
