/* bytes.c - windows of a file, byte after byte: a language model's task
 *
 * A prompt is N + 1 bytes from a place that is uniform over its part of the file: x_n is byte n,
 * y_n is byte n + 1. The last `held_out` of the file is kept from training: prompts of every other
 * stream come from there alone.
 */
#include "task/task.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    double held_out;
    char path[IL_TEXT];
} options;
static const il_opt opts[] = {
    { "path", IL_OPT_TEXT, offsetof(options, path), 0, 0, 0, "the file, of any bytes", "" },
    { "held_out", IL_OPT_REAL, offsetof(options, held_out), 0.05, 0.001, 0.9,
      "its last share, which training does not see" },
    { 0 },
};

static int classes(const void *opt)
{
    (void)opt;
    return 256;
}

static il_status failed(const char *path, il_error *err)
{
    return il_fail_io(err, "training.path: cannot read %s", path);
}

static il_status open_file(const char *path, int *file, int64_t *size, il_error *err)
{
    struct stat info;
    if (!*path)
        return il_fail(err, IL_ECONFIG,
                       "training.path names no file: the task bytes reads one "
                       "(tools/corpus.sh writes a text)");
    *file = open(path, O_RDONLY);
    if (*file < 0) return failed(path, err);
    if (!fstat(*file, &info) && S_ISREG(info.st_mode)) {
        *size = (int64_t)info.st_size;
        return IL_OK;
    }
    close(*file);
    return il_fail(err, IL_EIO, "training.path: %s is not an ordinary file", path);
}

/* A file that is cut while we read it is a failure, not a shorter prompt. */
static il_status read_at(int file, const char *path, unsigned char *to, size_t n,
                         int64_t at, il_error *err)
{
    while (n) {
        ssize_t got = pread(file, to, n, (off_t)at);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed(path, err);
        if (!got) return il_fail(err, IL_EIO, "training.path: %s became shorter", path);
        to += got, at += got, n -= (size_t)got;
    }
    return IL_OK;
}

static il_status fill(int file, int64_t size, const options *o, il_batch *batch, il_draw at,
                      unsigned char *window, il_error *err)
{
    int N = batch->points;
    int64_t cut = (int64_t)((double)size * (1 - o->held_out));
    int64_t from = at.stream == IL_STREAM_TRAIN ? 0 : cut,
            places = (at.stream == IL_STREAM_TRAIN ? cut : size) - from - N;
    if (places < 1)
        return il_fail(err, IL_ECONFIG,
                       "training.path: %s has %lld bytes, of which %lld %s: a prompt of %d "
                       "points needs %d",
                       o->path, (long long)size, (long long)(places + N),
                       from ? "are held out" : "are for training", N, N + 1);
    for (int b = 0; b < batch->prompts; b++) {
        il_rng rng = il_rng_at(at.seed, at.stream, at.step, at.first + (uint32_t)b);
        int64_t place = from + (int64_t)(il_uniform(&rng) * (double)places);
        IL_TRY(read_at(file, o->path, window, (size_t)N + 1, place, err));
        il_real *x = batch->x + (size_t)b * (size_t)N,
                *y = batch->y + (size_t)b * (size_t)N;
        for (int n = 0; n < N; n++) {
            x[n] = window[n];
            y[n] = window[n + 1];
        }
    }
    return IL_OK;
}

static il_status ids(const void *opt, il_batch *batch, il_draw at, il_error *err)
{
    const options *o = opt;
    int file = -1;
    int64_t size = 0;
    IL_TRY(open_file(o->path, &file, &size, err));
    unsigned char *window = malloc((size_t)batch->points + 1);
    il_status status = window ? fill(file, size, o, batch, at, window, err)
                              : il_fail(err, IL_EFAIL, "out of memory for a window");
    free(window);
    close(file);
    return status;
}

const il_task il_task_bytes = {
    .name = "bytes",
    .summary = "windows of a file, byte after byte",
    .opts = opts,
    .size = sizeof(options),
    .loss = "softmax_cross_entropy",
    .classes = classes,
    .ids = ids,
};
