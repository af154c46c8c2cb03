/* main.c - innerloop: finds the command, runs it, and turns its outcome into an exit code */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>

#define CMD(name, summary) { #name, summary, &cmd_##name },
const cli_row cli_commands[] = {
#include "commands.def"
    { 0 }
};
#undef CMD

const cli_row *cli_command_find(const char *name, il_error *err)
{
    const char *names[CLI_COUNT(cli_commands)];
    int n = 0;
    for (; cli_commands[n].name; n++) {
        if (!strcmp(cli_commands[n].name, name)) return cli_commands + n;
        names[n] = cli_commands[n].name;
    }
    const char *near = il_nearest(name, names, n);
    il_fail(err, IL_EUSAGE,
            "unknown command '%.64s'%s%s%s; `innerloop help` lists them all", name,
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
}

/* What stdout could not take is an error, however late it shows. */
static il_status finish(il_status status, il_error *err)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    if (status) return status;
    return il_fail(err, IL_EIO, "standard output: cannot be written: %s",
                   errno ? strerror(errno) : "an earlier write failed");
}

/* Is one of the words --help, before a -- that ends the options? */
static int asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
        if (!strcmp(argv[i], "--help")) return 1;
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
    if (asks_for_help(argc, argv)) { /* COMMAND ... --help is help COMMAND */
        argv[1] = argv[0];
        argv[0] = help;
        argc = 2;
    }
    const cli_row *row = cli_command_find(argv[0], &err);
    il_status status = row ? il_kernel_check(&err) : IL_EUSAGE;
    if (!status && computes_in_double(row->command, argv) &&
        sizeof(il_real) < sizeof(double))
        status = cli_become_double(whole, &err);
    if (!status) status = il_threads_check(&err);
    if (!status) status = row->command->run(argc, argv, &err);
    status = finish(status, &err);
    if (status) {
        show_plain(err.text);
        fprintf(stderr, "innerloop: %s\n", err.text);
        if (status == IL_EUSAGE)
            fprintf(stderr, "usage: innerloop %s %s\n", row ? row->name : "COMMAND",
                    row ? row->command->usage : "[ARGUMENTS]");
    }
    return (int)status;
}
