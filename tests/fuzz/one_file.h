/* one_file.h - a file of its own for a fuzzer that writes one for every input */
#include <stdlib.h>
#include <unistd.h>

/* In memory, where there is such a folder: a file that is emptied and written again waits for a disk. */
static char on_disk[] = "/tmp/innerloop-fuzz-XXXXXX",
            in_memory[] = "/dev/shm/innerloop-fuzz-XXXXXX", *path = in_memory;

static void make_file(void)
{
    int fd = mkstemp(path);
    if (fd < 0) fd = mkstemp(path = on_disk);
    if (fd < 0) abort();
    close(fd);
}
