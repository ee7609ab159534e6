/* The command line: `varve SUBCOMMAND [options]`. One table of subcommands, each in a file of its own. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/* Runs the subcommand that argv[1] names. Returns the exit code: 0, 1 (failed), 2 (usage). */
int cli_main(int argc, char **argv);

#endif
