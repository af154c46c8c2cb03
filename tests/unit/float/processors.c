/* processors.c - quotas of control groups of both versions, read from folders made for it */
#include "base/base.h"

#include "folder.h"

#include <math.h>

/* Writes a line to a file below the folder, which is made with those above it. */
static void put(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s", name);
    for (char *at = path; (at = strchr(at, '/')); *at++ = '/') {
        *at = 0;
        mkdir(in_folder(path), 0777);
    }
    put_file(name, text, strlen(text));
}

static void quotas_of_both_versions(void **state)
{
    (void)state;
    assert_true(isinf(il_quota(in_folder("none"))));
    put("two/proc/self/cgroup", "0::/a/b\n");
    put("two/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    assert_true(isinf(il_quota(in_folder("two"))));
    put("two/sys/fs/cgroup/a/cpu.max", "150000 100000\n"); /* the group above */
    assert_true(il_quota(in_folder("two")) == 1.5);
    put("two/sys/fs/cgroup/a/b/cpu.max", "25000 50000\n");
    assert_true(il_quota(in_folder("two")) == 0.5);

    put("one/proc/self/cgroup", "8:cpuset:/\n4:cpu,cpuacct:/x\n3:cpuacct:/y\n");
    put("one/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
    put("one/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n");
    assert_true(isinf(il_quota(in_folder("one"))));
    put("one/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "300000\n");
    assert_true(il_quota(in_folder("one")) == 3);

    put("root/proc/self/cgroup", "0::/\n"); /* as in a container of its own */
    put("root/sys/fs/cgroup/cpu.max", "200000 100000\n");
    assert_true(il_quota(in_folder("root")) == 2);
}

static void threads_are_of_the_mask(void **state)
{
    (void)state;
    assert_true(il_processors() >= 1 && il_processors() <= sysconf(_SC_NPROCESSORS_CONF));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quotas_of_both_versions),
        cmocka_unit_test(threads_are_of_the_mask),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
