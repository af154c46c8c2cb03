/* fuzz_forecast.c - any rows of numbers: forecasts stay in bounds, and a saved one goes on the same
 *
 * The first eight bytes choose options, the others are rows of float64. Row 20 is preceded by saving
 * and loading.
 */
#include "innerloop_lab.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "one_file.h"

enum { COLUMNS = 2, HORIZON = 3, ROWS = 120 };

/* The settings that eight bytes stand for; returns the horizon. */
enum { SETTINGS = 7, ROOM = 64 };
static int settings_of(char text[SETTINGS][ROOM], const uint8_t *d)
{
    static const char *const forget[] = { "0.5", "0.95", "0.99", "1" };
    static const char *const ridge[] = { "", "1e-6", "1", "1e6" };
    int n = 0, horizon = 1 + d[2] % HORIZON;
    snprintf(text[n++], ROOM, "lags=%d", 1 + d[0] % 8);
    snprintf(text[n++], ROOM, "others=%d", d[1] % 3);
    snprintf(text[n++], ROOM, "horizon=%d", horizon);
    snprintf(text[n++], ROOM, "forget=%s", forget[d[3] % 4]);
    if (d[4] % 4) snprintf(text[n++], ROOM, "ridge=%s", ridge[d[4] % 4]);
    if (d[5] && d[6])
        snprintf(text[n++], ROOM, "period=%d,%d", 2 + d[5] % 20, 2 + d[6] % 40);
    else if (d[5])
        snprintf(text[n++], ROOM, "period=%d", 2 + d[5] % 20);
    snprintf(text[n], ROOM, "against=%s",
             d[7] % 2 ? "persistence,seasonal,ar,nlms,naive" : "");
    return horizon;
}

/* Within one span of what was seen so far, or NaN before anything was */
static void check(const il_forecast_value *v, int n, double low, double high)
{
    for (int i = 0; i < n; i++) {
        if (low > high
                ? !isnan(v[i].value)
                : !(v[i].value >= low - (high - low) && v[i].value <= high + (high - low)))
            abort();
        if (v[i].low_95 > v[i].low_80 || v[i].high_95 < v[i].high_80) abort();
    }
}

static il_forecast *again(il_forecast *f)
{
    il_forecast *loaded;
    if (il_forecast_save(f, path, NULL) || il_forecast_load(&loaded, path, NULL, NULL))
        abort();
    return loaded;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int made;
    il_forecast *f, *twin = NULL;
    il_forecast_value out[COLUMNS * HORIZON], other[COLUMNS * HORIZON];
    double y[COLUMNS], low[COLUMNS], high[COLUMNS];
    if (!made++) make_file();
    if (size < 8) return 0;
    char text[SETTINGS][ROOM] = { "" };
    const char *setting[SETTINGS];
    int n = 0, horizon = settings_of(text, data);
    while (n < SETTINGS && *text[n]) setting[n] = text[n], n++;
    if (il_forecast_new(&f, COLUMNS, NULL, NULL, setting, n, NULL)) abort();
    for (int c = 0; c < COLUMNS; c++) {
        low[c] = INFINITY;
        high[c] = -INFINITY;
    }
    data += 8;
    size -= 8;
    for (int t = 0; t < ROWS && size >= sizeof y; t++) {
        memcpy(y, data, sizeof y);
        data += sizeof y;
        size -= sizeof y;
        if (t == 20) twin = again(f);
        il_status status = il_forecast_step(f, y, out, NULL);
        if (twin && il_forecast_step(twin, y, other, NULL) != status) abort();
        if (status) continue;
        size_t bytes = sizeof *out * COLUMNS * (size_t)horizon;
        if (twin && memcmp(out, other, bytes)) abort();
        for (int c = 0; c < COLUMNS; c++) {
            low[c] = fmin(low[c], y[c]);
            high[c] = fmax(high[c], y[c]);
            check(out + c * horizon, horizon, low[c], high[c]);
        }
    }
    il_forecast_free(f);
    il_forecast_free(twin);
    return 0;
}
