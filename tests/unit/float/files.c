/* files.c - a file is replaced as a whole or stays as it was, whatever goes wrong meanwhile */
#include "base/base.h"

#include "folder.h"

#include <signal.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/mount.h>
#endif

static const char old[] = "the old contents\n";

static il_status fill_small(const void *context, FILE *f, il_error *err)
{
    (void)err;
    fputs(context, f);
    return IL_OK;
}

static il_status fill_large(const void *context, FILE *f, il_error *err)
{
    (void)err;
    char block[4096];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < *(const int *)context; i++) fwrite(block, 1, sizeof block, f);
    return IL_OK;
}

/* Writes a part, then cannot go on. */
static il_status fill_in_vain(const void *context, FILE *f, il_error *err)
{
    fputs(context, f);
    return il_fail(err, IL_EFAIL, "no more");
}

static void holds(const char *path, const char *want)
{
    char *text;
    size_t size;
    CHECK_OK(il_file_read(&text, &size, path, 1 << 20, &err));
    assert_string_equal(text, want);
    assert_int_equal(size, strlen(want));
    free(text);
}

/* Writes 1 MB over `path`, which must fail, name the path and say `why`. */
static void fails(const char *path, const char *why)
{
    il_error err = { 0 };
    CHECK(il_file_write_atomic(path, fill_large, &(int){ 256 }, &err) == IL_EIO,
          "%s was written", path);
    CHECK(strstr(err.text, path) && strstr(err.text, why), "got:  %s\nwant: %s", err.text,
          why);
}

static void what_is_not_whole_replaces_nothing(void **state)
{
    (void)state;
    const char *path = in_folder("whole");
    char *text = NULL;
    CHECK_OK(il_file_write_atomic(path, fill_small, "old", &err));
    il_error why = { 0 };
    assert_int_equal(il_file_write_atomic(path, fill_in_vain, "new", &why), IL_EFAIL);
    assert_string_equal(why.text, "no more");
    holds(path, "old");
    assert_int_equal(count_files(), 1);
    unlink(path);
    assert_int_equal(il_text_write(&text, fill_in_vain, "new", &why), IL_EFAIL);
    assert_null(text);
    CHECK_OK(il_text_write(&text, fill_large, &(int){ 256 }, &err));
    assert_int_equal(strlen(text), 256 * 4096); /* more than is guessed at first */
    free(text);
}

/* A link stays one, also to what is not there yet. */
static void links_are_followed(void **state)
{
    (void)state;
    char link[256], target[256];
    struct stat info;
    snprintf(link, sizeof link, "%s", in_folder("link"));
    snprintf(target, sizeof target, "%s", in_folder("target"));
    assert_int_equal(symlink("target", link), 0);
    for (int i = 0; i < 2; i++) {
        CHECK_OK(il_file_write_atomic(link, fill_small, i ? "two" : "one", &err));
        assert_int_equal(lstat(link, &info), 0);
        assert_true(S_ISLNK(info.st_mode));
        holds(target, i ? "two" : "one");
    }
    unlink(link);
    unlink(target);
}

static void files_are_replaced(void **state)
{
    (void)state;
    const char *path = in_folder("a");
    CHECK_OK(il_file_write_atomic(path, fill_small, old, &err));
    holds(path, old);
    CHECK_OK(il_file_write_atomic(path, fill_small, "", &err));
    holds(path, "");
    CHECK_OK(il_file_write_atomic(path, fill_small, "new", &err));
    holds(path, "new");
    assert_int_equal(count_files(), 1); /* nothing is left beside it */
    struct stat info;
    mode_t mask = umask(0);
    umask(mask);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0666 & ~mask);
    chmod(path, 0600); /* a private file stays private */
    CHECK_OK(il_file_write_atomic(path, fill_small, "newer", &err));
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    unlink(path);
}

static void relative_paths_work(void **state)
{
    (void)state;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder), 0);
    il_status status = il_file_write_atomic("b", fill_small, old, NULL);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(status, IL_OK);
    holds(in_folder("b"), old);
    unlink(in_folder("b"));
}

static void only_files_are_replaced(void **state)
{
    (void)state;
    fails(folder, "it is a folder");
    fails("/dev/null", "it is not a file");
    fails(in_folder("none/a"), "No such file or directory");
    fails("", "");
}

/* A disk quota stops the write half-way (EFBIG): the old file stays, the new one leaves no trace. */
static void half_written_files_vanish(void **state)
{
    (void)state;
    const char *path = put_text("a", old);
    struct rlimit before, small;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    il_error why = { 0 };
    il_status status = il_file_write_atomic(path, fill_large, &(int){ 256 }, &why);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, IL_EIO);
    CHECK(strstr(why.text, "File too large"), "%s", why.text);
    holds(path, old);
    assert_int_equal(count_files(), 1);
    unlink(path);
}

static void full_disks_leave_the_old_file(void **state)
{
    (void)state;
    const char *disk = in_folder("disk");
    char path[512];
    mkdir(disk, 0777);
#ifdef __linux__
    int mounted = !mount("tmpfs", disk, "tmpfs", 0, "size=64k");
#else
    int mounted = 0;
#endif
    if (!mounted) {
        rmdir(disk);
        print_message("no small disk could be mounted\n");
        skip();
    }
    snprintf(path, sizeof path, "%s/a", disk);
    put_text("disk/a", old);
    fails(path, "No space left on device");
    holds(path, old);
    float *data = calloc(1 << 16, sizeof *data);
    il_tensor t = { "w", IL_DTYPE_F32, 1, { 1 << 16 }, data };
    il_error why = { 0 };
    assert_int_equal(il_tensors_write(path, &t, 1, NULL, 0, &why), IL_EIO);
    free(data);
    holds(path, old);
    CHECK_OK(il_file_write_atomic(path, fill_large, &(int){ 4 }, &err));
#ifdef __linux__
    assert_int_equal(umount(disk), 0);
#endif
    rmdir(disk);
}

static void read_only_folders_keep_the_old_file(void **state)
{
    (void)state;
    const char *path = put_text("a", old);
    uid_t me = geteuid();
    chmod(folder, 0555);
    if (!me) assert_int_equal(seteuid(65534), 0); /* root may write everywhere */
    il_error err = { 0 };
    il_status status = il_file_write_atomic(path, fill_small, "new", &err);
    if (!me) assert_int_equal(seteuid(me), 0);
    chmod(folder, 0755);
    assert_int_equal(status, IL_EIO);
    CHECK(strstr(err.text, path) && strstr(err.text, "Permission denied"), "%s", err.text);
    holds(path, old);
    assert_int_equal(count_files(), 1);
    unlink(path);
}

static void large_files_are_refused(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size;
    il_error why = { 0 };
    const char *path = put_text("a", "12345");
    assert_int_equal(il_file_read(&text, &size, path, 4, &why), IL_EIO);
    CHECK(strstr(why.text, "it is larger than"), "%s", why.text);
    CHECK_OK(il_file_read(&text, &size, path, 5, &err));
    assert_string_equal(text, "12345");
    free(text);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_replaced),
        cmocka_unit_test(what_is_not_whole_replaces_nothing),
        cmocka_unit_test(links_are_followed),
        cmocka_unit_test(relative_paths_work),
        cmocka_unit_test(only_files_are_replaced),
        cmocka_unit_test(half_written_files_vanish),
        cmocka_unit_test(full_disks_leave_the_old_file),
        cmocka_unit_test(read_only_folders_keep_the_old_file),
        cmocka_unit_test(large_files_are_refused),
    };
    return cmocka_run_group_tests(tests, folder_make, folder_remove);
}
