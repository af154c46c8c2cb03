/* processors.c - how many processors this process may use
 *
 * The affinity mask says which ones there are for us, a control group how much time of them: a quota of
 * 150 ms in every 100 ms is one processor and a half, which two threads use. Quotas of the groups above
 * hold, too. Source: sched_setaffinity(2); the kernel's cgroup-v2.rst (cpu.max) and sched-bwc.rst
 * (cpu.cfs_quota_us).
 */
#include "base/base.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

static long of_mask(void)
{
    for (int room = 1024; room <= 1 << 20;
         room *= 4) { /* the kernel's masks may be wider */
        cpu_set_t *set = CPU_ALLOC(room);
        size_t size = CPU_ALLOC_SIZE(room);
        if (!set) break;
        int failed = sched_getaffinity(0, size, set);
        long n = failed ? 0 : CPU_COUNT_S(size, set);
        CPU_FREE(set);
        if (n > 0) return n;
    }
    return sysconf(_SC_NPROCESSORS_ONLN);
}

/* The first line of a file; 0 if there is none. */
static int first_line(char line[128], const char *path)
{
    FILE *f = fopen(path, "re");
    int got = f && fgets(line, 128, f);
    if (f) fclose(f);
    return got;
}

/* Processors' worth of time that the group in a folder has; INFINITY: all it can get. */
static double of_folder(const char *folder)
{
    char path[4096 + 32], line[128], *end;
    snprintf(path, sizeof path, "%s/cpu.max", folder);
    double quota = -1, period = 100000;
    if (first_line(line, path)) {
        quota = strtod(line, &end); /* "max 100000" has none */
        if (end == line) quota = -1;
        if (end != line) period = strtod(end, NULL);
    } else {
        snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
        if (first_line(line, path)) quota = strtod(line, NULL);
        snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
        if (first_line(line, path)) period = strtod(line, NULL);
    }
    return quota > 0 && period > 0 ? quota / period : INFINITY;
}

/* The least of a group and those above it, up to the folder where groups are mounted. */
static double of_group(const char *mount, const char *group)
{
    char folder[4096];
    double least = INFINITY;
    size_t top = strlen(mount);
    if (snprintf(folder, sizeof folder, "%s%s", mount, group) >= (int)sizeof folder)
        return INFINITY;
    for (;;) {
        least = fmin(least, of_folder(folder));
        char *slash = strrchr(folder + top, '/');
        if (!slash) return least;
        *slash = 0;
    }
}

/* Is `cpu` one of the words between commas, or are there none, as in version 2? */
static int has_cpu(const char *words, size_t size)
{
    if (!size) return 1;
    for (const char *end = words + size, *w = words; w < end; w += strcspn(w, ",:") + 1)
        if (!strncmp(w, "cpu", 3) && (w[3] == ',' || w[3] == ':')) return 1;
    return 0;
}

double il_quota(const char *root)
{
    static const char *const mounts[] = { "", "/unified", "/cpu", "/cpu,cpuacct" };
    char path[512], line[4096];
    double least = INFINITY;
    snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) { /* 4:cpu,cpuacct:/group */
        line[strcspn(line, "\n")] = 0;
        char *words = strchr(line, ':'), *group = words ? strchr(words + 1, ':') : NULL;
        if (!group || !has_cpu(words + 1, (size_t)(group - words - 1))) continue;
        for (int i = 0; i < IL_COUNT(mounts); i++) {
            snprintf(path, sizeof path, "%s/sys/fs/cgroup%s", root, mounts[i]);
            least = fmin(least, of_group(path, strcmp(group + 1, "/") ? group + 1 : ""));
        }
    }
    if (f) fclose(f);
    return least;
}

long il_processors(void)
{
    long n = of_mask();
    double quota = ceil(il_quota(""));
    return quota < (double)n ? (long)quota : n;
}

uint64_t il_processors_bound(void)
{
    char line[4096];
    FILE *f = fopen("/proc/self/status", "re");
    uint64_t hash = 0;
    while (f && !hash && fgets(line, sizeof line, f))
        if (!strncmp(line, "Cpus_allowed_list:", 18))
            hash = il_hash(IL_HASH_START, line, strlen(line));
    if (f) fclose(f);
    return hash;
}
