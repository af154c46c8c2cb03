/* progress.c - training on a terminal: one line, rewritten in place; elsewhere a line now and then
 *
 *   step 1,240 of 5,000  loss 0.312 (1.4 x least squares)  82 steps/s  46s left  █▇▅▃▂▁
 */
#include "cli.h"

#include <sys/ioctl.h>
#include <unistd.h>

enum { BINS = 20 };               /* of the sparkline, over all steps of the run */
static const double redraw = 0.1; /* seconds between lines on a terminal */
static const double repeat = 10;  /* and elsewhere */

struct cli_progress {
    int terminal, utf8, shown; /* shown: a line is on the terminal, without its end */
    double last;               /* when a line was written, seconds */
    int64_t bin_steps[BINS];
    double bin_loss[BINS]; /* sums */
    il_progress now;
};

/* Can a line be rewritten, and may it? no-color.org and `dumb` ask for text alone. */
static int is_screen(void)
{
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") &&
           !(no_color && *no_color);
}

cli_progress *cli_progress_new(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    cli_progress *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->terminal = is_screen();
    for (int i = 0; i < CLI_COUNT(names); i++) {
        const char *value = getenv(names[i]);
        if (!value || !*value) continue;
        p->utf8 = strstr(value, "UTF-8") || strstr(value, "utf8") || strstr(value, "UTF8");
        break;
    }
    p->last = -repeat;
    return p;
}

/* "1m02s left" and the like; "" if nobody can tell. */
static const char *time_left(char text[32], double left)
{
    long s = left >= 0 && left < 3e7 ? (long)(left + 0.5) : -1;
    text[0] = 0;
    if (s >= 3600) {
        snprintf(text, 32, "  %ldh%02ldm left", s / 3600, s / 60 % 60);
    } else if (s >= 60) {
        snprintf(text, 32, "  %ldm%02lds left", s / 60, s % 60);
    } else if (s >= 0) {
        snprintf(text, 32, "  %lds left", s);
    }
    return text;
}

/* The words of a line, in ASCII. */
static void compose(char line[256], const il_progress *p)
{
    char a[32], b[32], left[32], floor[48] = "", error[32] = "", rate[64] = "";
    int64_t done = p->step + 1;
    if (p->floor > 1e-9)
        snprintf(floor, sizeof floor, " (%.3g x least squares)", p->loss / p->floor);
    if (p->per_second > 0)
        snprintf(rate, sizeof rate, "  %.3g steps/s%s", p->per_second,
                 time_left(left, (double)(p->steps - done) / p->per_second));
    if (!isnan(p->error)) snprintf(error, sizeof error, "  error %.3g", p->error);
    snprintf(line, 256, "step %s of %s  loss %.4g%s%s%s", cli_grouped(a, done),
             cli_grouped(b, p->steps), p->loss, floor, error, rate);
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

static int columns(void)
{
    struct winsize size;
    return !ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col ? size.ws_col : 80;
}

/* A line that wraps could not be rewritten, so on a terminal it ends where the window does. */
static void print_line(cli_progress *p)
{
    char line[256];
    compose(line, &p->now);
    int room = p->terminal ? columns() - 1 : 255, size = (int)strlen(line);
    fprintf(stderr, "%s%.*s", p->terminal ? "\r" : "", room, line);
    if (p->utf8 && p->terminal && size + 2 + BINS <= room) print_sparkline(p);
    fputs(p->terminal ? "\x1b[K" : "\n", stderr);
    fflush(stderr);
    p->shown = p->terminal;
}

void cli_progress_show(cli_progress *p, const il_progress *now)
{
    if (!p) return;
    int64_t bin = now->steps > 0 ? now->step * BINS / now->steps : 0;
    double t = cli_seconds();
    if (bin >= 0 && bin < BINS && isfinite(now->loss)) {
        p->bin_steps[bin]++;
        p->bin_loss[bin] += now->loss;
    }
    p->now = *now;
    if (t - p->last < (p->terminal ? redraw : repeat) && now->step + 1 < now->steps) return;
    p->last = t;
    print_line(p);
}

void cli_progress_end(cli_progress *p)
{
    if (p && p->shown) fputc('\n', stderr);
    if (p) p->shown = 0;
}

void cli_progress_free(cli_progress *p)
{
    cli_progress_end(p);
    free(p);
}
