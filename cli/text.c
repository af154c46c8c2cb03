/* text.c - how the program writes numbers, notes and tables */
#include "cli.h"

#include <stdarg.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

int cli_width(void)
{
    struct winsize size = { 0 };
    const char *columns = getenv("COLUMNS");
    int width = columns ? atoi(columns) : 0;
    if (width <= 0 && isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
        width = size.ws_col;
    return width <= 0 ? 80 : width < 40 ? 40 : width > 100 ? 100 : width;
}

void cli_wrap(const char *text, int indent)
{
    int width = cli_width(), column = indent;
    while (*text) {
        int size = (int)strcspn(text, " ");
        if (column > indent && column + 1 + size > width) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        column += printf("%s%.*s", column > indent ? " " : "", size, text);
        text += size;
        text += strspn(text, " ");
    }
    putchar('\n');
}

const char *cli_grouped(char text[32], int64_t n)
{
    char digits[24];
    int size = snprintf(digits, sizeof digits, "%" PRId64, n), out = 0;
    for (int i = 0; i < size; i++) {
        if (i && (size - i) % 3 == 0 && digits[i - 1] != '-') text[out++] = ',';
        text[out++] = digits[i];
    }
    text[out] = 0;
    return text;
}

void cli_note(const char *format, ...)
{
    char text[1024];
    il_error line;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    il_fail(&line, IL_OK, "%s", text);
    if (il_ranks_about().rank) return;
    fprintf(stderr, "note: %s\n", line.text);
}

void cli_notes(const char *notes)
{
    while (*notes && !il_ranks_about().rank) {
        int size = (int)strcspn(notes, "\n");
        if (size) fputs("note: ", stderr);
        for (int i = 0; i < size; i++) { /* a terminal obeys no name of a file */
            unsigned char c = (unsigned char)notes[i];
            putc(c < 0x20 || c == 0x7f ? '?' : c, stderr);
        }
        if (size) putc('\n', stderr);
        notes += size + (notes[size] == '\n');
    }
}

void cli_out(void *context, const char *bytes, size_t n)
{
    (void)context;
    fwrite(bytes, 1, n, stdout);
}

ptrdiff_t cli_in(void *file, char *bytes, size_t room)
{
    return read(fileno(file), bytes, room);
}

void cli_write(const il_table *table, cli_form form)
{
    switch (form) {
    case CLI_AS_JSON:
        il_table_write(table, IL_TABLE_JSON, cli_out, NULL);
        putchar('\n');
        break;
    case CLI_AS_CSV:
        il_table_write(table, IL_TABLE_CSV, cli_out, NULL);
        break;
    case CLI_AS_TEXT:
        il_table_write(table, IL_TABLE_TEXT, cli_out, NULL);
    }
}

double cli_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
