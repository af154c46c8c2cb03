/* progress.c - training on a terminal: one line, rewritten in place; elsewhere a line now and then
 *
 *   step 1,240 of 5,000  loss 0.312 (1.4 x least squares)  82 steps/s  46s left  ▇▇▅▄▃▂▂▁
 */
#include "cli.h"

#include <time.h>
#include <unistd.h>

enum { BINS = 24 };               /* of the sparkline, over all steps of the run */
static const double redraw = 0.1; /* seconds between lines on a terminal */
static const double repeat = 10;  /* and elsewhere */

struct cli_progress {
    int terminal, utf8, shown; /* shown: a line is on the terminal, without its end */
    double last;               /* when a line was written, seconds */
    int64_t bin_steps[BINS];
    double bin_loss[BINS]; /* sums */
    il_progress now;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

cli_progress *cli_progress_new(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    cli_progress *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->terminal = isatty(STDERR_FILENO);
    for (int i = 0; i < CLI_COUNT(names); i++) {
        const char *value = getenv(names[i]);
        if (!value || !*value) continue;
        p->utf8 = strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "UTF8");
        break;
    }
    p->last = -repeat;
    return p;
}

static void print_left(double left)
{
    long s = (long)(left + 0.5);
    if (!(left >= 0 && left < 3e7)) return;
    if (s >= 3600) {
        fprintf(stderr, "  %ldh%02ldm left", s / 3600, s / 60 % 60);
    } else if (s >= 60) {
        fprintf(stderr, "  %ldm%02lds left", s / 60, s % 60);
    } else {
        fprintf(stderr, "  %lds left", s);
    }
}

/* Eight heights over the logarithm of the loss, lowest to highest seen. */
static void print_sparkline(const cli_progress *p)
{
    static const char *const bars[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    double low = INFINITY, high = -INFINITY, height[BINS];
    for (int i = 0; i < BINS; i++) {
        double mean = p->bin_steps[i] ? p->bin_loss[i] / (double)p->bin_steps[i] : 0;
        height[i] = mean > 0 ? log(mean) : NAN;
        low = fmin(low, height[i]);
        high = fmax(high, height[i]);
    }
    if (!(high > low)) return;
    fputs("  ", stderr);
    for (int i = 0; i < BINS; i++)
        if (!isnan(height[i]))
            fputs(bars[(int)(7 * (height[i] - low) / (high - low) + 0.5)], stderr);
}

static void print_line(cli_progress *p)
{
    char a[32], b[32];
    const il_progress *n = &p->now;
    int64_t done = n->step + 1;
    if (p->terminal) fputc('\r', stderr);
    fprintf(stderr, "step %s of %s  loss %.4g", cli_grouped(a, done),
            cli_grouped(b, n->steps), n->loss);
    if (n->floor > 1e-9) fprintf(stderr, " (%.3g x least squares)", n->loss / n->floor);
    if (n->per_second > 0) {
        fprintf(stderr, "  %.3g steps/s", n->per_second);
        print_left((double)(n->steps - done) / n->per_second);
    }
    if (p->utf8) print_sparkline(p);
    fputs(p->terminal ? "\x1b[K" : "\n", stderr);
    fflush(stderr);
    p->shown = p->terminal;
}

void cli_progress_show(cli_progress *p, const il_progress *now)
{
    if (!p) return;
    int64_t bin = now->steps > 0 ? now->step * BINS / now->steps : 0;
    double t = seconds();
    if (bin >= 0 && bin < BINS && isfinite(now->loss)) {
        p->bin_steps[bin]++;
        p->bin_loss[bin] += now->loss;
    }
    p->now = *now;
    if (t - p->last < (p->terminal ? redraw : repeat) && now->step + 1 < now->steps) return;
    p->last = t;
    print_line(p);
}

void cli_progress_free(cli_progress *p)
{
    if (p && p->shown) fputc('\n', stderr);
    free(p);
}
