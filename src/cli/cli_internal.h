/* What the subcommands share. */
#ifndef CLI_CLI_INTERNAL_H
#define CLI_CLI_INTERNAL_H

#include "base/error.h"

#include <getopt.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Each gets argv from its own name on, and returns the exit code. */
int serve_main(int argc, char **argv);
int station_main(int argc, char **argv);
int connector_main(int argc, char **argv);
int action_main(int argc, char **argv);
int user_main(int argc, char **argv);
int acl_main(int argc, char **argv);
int ban_main(int argc, char **argv);
int key_main(int argc, char **argv);
int rule_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int log_main(int argc, char **argv);
int apply_main(int argc, char **argv);
int bench_main(int argc, char **argv);

/* Prints "varve NAME: text" and the hint to standard error. Returns EXIT_FAILED. */
int cli_fail(const char *command, const struct error *err);
/* Prints "varve NAME: …" and where help is. Returns EXIT_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* getopt_long() of argv, whose first word is the subcommand's name; `letters` are at most 14 characters. An option that does not
 * exist, lacks its value or takes none is told in the form of cli_usage(); then it returns '?'. For the main thread. */
int cli_option(int argc, char **argv, const char *letters, const struct option *options);
/* "there is no "x": say …", or, where `given` is NULL or empty, "say what to do: …". Returns EXIT_USAGE. */
int cli_which_verb(const char *command, const char *given, const char *verbs);

#define CLI_DATA_DEFAULT "./data"

#endif
