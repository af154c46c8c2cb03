/* main.c - innerloop: finds the command, runs it, and turns its outcome into an exit code */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>

/* What stdout could not take is an error, however late it shows. */
static il_status finish(il_status status, il_error *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    if (status) return status;
    return il_fail(err, IL_EIO, "standard output: cannot be written: %s",
                   errno ? strerror(errno) : "an earlier write failed");
}

/* Is one of the words --help or -h, before a -- that ends the options? */
static int asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) return 1;
    return 0;
}

/* A closed standard stream is opened so that its use fails, as before: no file of ours may take its
 * number and be written over with messages. */
static void fill_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
            return;
}

/* What a terminal would obey in a sentence (names of files are anyone's) becomes `?`. */
static void show_plain(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f) *text = '?';
}

static int computes_in_double(const cli_command *command, char **argv)
{
    int in_double = command->in_double;
    for (int i = 1; argv[i] && command->but; i++)
        if (!strcmp(argv[i], command->but)) in_double = 0;
    return in_double;
}

static il_status run(const cli_row *row, int argc, char **argv, char **whole, il_error *err)
{
    cli_call call = { 0 };
    if (asks_for_help(argc, argv)) { /* COMMAND ... --help is help COMMAND ... */
        cli_help(row, argc - 1, argv + 1);
        return IL_OK;
    }
    CLI_TRY(il_kernel_check(err));
    if (computes_in_double(row->command, argv) && sizeof(il_real) < sizeof(double))
        CLI_TRY(cli_become_double(whole, err));
    CLI_TRY(il_threads_check(err));
    if (row->command->by_ranks) {
        CLI_TRY(il_ranks_join(err));
        cli_at_signal(NULL); /* of several, one says that it was interrupted */
    }
    il_status status = cli_parse(&call, row, argc, argv, err);
    if (!status) status = row->command->run(&call, err);
    cli_call_free(&call);
    return status;
}

static void say(il_status status, const cli_row *row, il_error *err)
{
    show_plain(err->text);
    fprintf(stderr, "innerloop: %s\n", err->text);
    if (status != IL_EUSAGE) return;
    const cli_command *c = row ? row->command : NULL;
    fprintf(stderr, "usage: innerloop %s %s%s\n", row ? row->name : "COMMAND",
            c ? c->words : "[ARGUMENTS]", c && c->options ? " [OPTIONS]" : "");
}

int main(int argc, char **argv)
{
    fill_streams();
    il_error err = { 0 };
    char help[] = "help", version[] = "version", *alone[] = { help, NULL };
    char **whole = argv;
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error we report */
    signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow */
    cli_at_signal(NULL);
    cli_data_beside(argv[0]);
    argc = argc > 1 ? argc - 1 : 1;
    argv = argv[0] && argv[1] ? argv + 1 : alone;
    if (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h")) argv[0] = help;
    if (!strcmp(argv[0], "--version")) argv[0] = version;
    const cli_row *row = cli_command_find(argv[0], &err);
    il_status status = row ? run(row, argc, argv, whole, &err) : IL_EUSAGE;
    status = il_ranks_end(finish(status, &err), &err);
    if (status && il_ranks_about().speaks) say(status, row, &err);
    cli_at_signal(SIG_IGN); /* all is said, and a launcher may be ending the others */
    il_ranks_leave();
    return (int)status;
}
