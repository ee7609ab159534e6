/* What the subcommands share. */
#ifndef CLI_CLI_INTERNAL_H
#define CLI_CLI_INTERNAL_H

#include "base/error.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

/* Each gets argv from its own name on, and returns the exit code. */
int serve_main(int argc, char **argv);
int station_main(int argc, char **argv);
int user_main(int argc, char **argv);
int acl_main(int argc, char **argv);
int ban_main(int argc, char **argv);
int key_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int log_main(int argc, char **argv);
int apply_main(int argc, char **argv);
int bench_main(int argc, char **argv);

/* Prints "varve NAME: text" and the hint to standard error. Returns EXIT_FAILED. */
int cli_fail(const char *command, const struct error *err);
/* Prints "varve NAME: …" and where help is. Returns EXIT_USAGE. */
int cli_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define CLI_DATA_DEFAULT "./data"

#endif
