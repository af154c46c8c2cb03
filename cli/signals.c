/* signals.c - handlers of SIGINT, SIGTERM, SIGHUP, SIGXCPU (CPU time is up) and SIGUSR1 (a scheduler's warning)
 *
 * A command that has something to save installs its own handler; otherwise the program ends at once. A signal
 * that was ignored when the program began stays ignored in the second case, SIGHUP (nohup) in both.
 */
#include "cli.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t silent; /* another rank speaks */

/* Nothing of ours is half-written: files get their names when they are whole. */
static void end_at_once(int number)
{
    static const char said[] = "innerloop: interrupted\n";
    (void)number;
    if (silent) _exit(IL_EINTERRUPT);
    if (write(STDERR_FILENO, said, sizeof said - 1) < 0) _exit(IL_EINTERRUPT);
    _exit(IL_EINTERRUPT);
}

void cli_at_signal(void (*handler)(int number))
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGUSR1 };
    silent = !il_ranks_about().speaks;
    for (int i = 0; i < CLI_COUNT(numbers); i++) {
        static int asked[CLI_COUNT(numbers)],
            ignored[CLI_COUNT(numbers)]; /* as a shell has it for what runs behind it */
        struct sigaction action;
        if (!asked[i]++ && !sigaction(numbers[i], NULL, &action))
            ignored[i] = action.sa_handler == SIG_IGN;
        action = (struct sigaction){ .sa_handler = handler ? handler : end_at_once };
        int nohup =
            numbers[i] == SIGHUP; /* what is to outlive its terminal is not ended by it */
        if (ignored[i] && (!handler || nohup)) action.sa_handler = SIG_IGN;
        sigaction(numbers[i], &action, NULL); /* waits end, and are not taken up again */
    }
}
