/* varve.yaml, the environment and --set as one tree, read by those who need its values.
 *
 * A reader asks for a key with its default and bounds; the first thing that is wrong is kept with file, line, key
 * and what was expected. config_finish() then reports it, or the first key that nobody asked for:
 *
 *     struct config *config = config_load("varve.yaml", sets, set_count, environ, err);
 *     const struct config_node *limits = config_section(config, config_root(config), "limits");
 *     options.max = config_int(config, limits, "max_connections", 0, 0, 1000000, "connections at once; 0: no limit");
 *     if (!config_finish(config, err)) …
 *
 * Precedence: --set over environment (VARVE_LISTENERS__TCP__DEFAULT__BIND is listeners.tcp.default.bind) over file
 * over default. Mappings are merged key by key, lists are replaced whole. A --set or environment value that opens
 * with [ { " or ' is YAML, so `--set 'a.b=[1, 2]'` works; any other is taken as it is, so a password with # or :
 * needs no quotes. Empty, ~ and null are no value, here and in the file: the default counts. Every variable that
 * begins with VARVE_ is an option, but for VARVE_API_KEY, VARVE_URL and those that a secret names as env:NAME.
 * Thread: one at a time. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "base/buf.h"
#include "base/str.h"

struct config;
struct config_node;

/* path NULL: no file. sets: "key=value" texts. environment: like environ, or NULL; borrowed until config_free().
 * Returns owned; strings that the getters return live as long as it. Limits: 1 MiB a file, depth 32, 100,000
 * values; no YAML anchors, aliases or tags, no key twice.
 * Errors: ERR_NOT_FOUND, ERR_INVALID with file:line. */
struct config *config_load(const char *path, const char *const *sets, size_t set_count,
                           char *const *environment, struct error *err);
/* The same from text, under the name `name` in messages: for tests and fuzzing. */
struct config *config_parse(struct str text, const char *name, struct error *err);
void config_free(struct config *config); /* takes; NULL is fine */

/* Reports the first bad value, or the first key never asked for ("unknown key", with the nearest known name).
 * Errors: ERR_INVALID: "varve.yaml:12: listeners.tcp.default.bnd: unknown key", hint "did you mean bind?". */
bool config_finish(struct config *config, struct error *err);

/* A reader reports a value that only it can judge. The first complaint counts. */
void config_complain(struct config *config, const struct config_node *at, const char *key, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));

const struct config_node *config_root(const struct config *config);

/* The mapping under key; a missing one gives an empty section that answers every question with its default.
 * Never NULL. */
const struct config_node *config_section(struct config *config, const struct config_node *at,
                                         const char *key);
bool config_present(const struct config_node *section); /* whether it is written anywhere, even if empty */

/* The entries of a mapping in their order (name is the key), or the items of a list (name is NULL). A scalar item
 * is read with an empty key. Returns how many; entry i is given by config_entry. A reader that wants a list hands
 * over NULL for name: entries that have names are then a complaint. */
size_t config_count(struct config *config, const struct config_node *section);
const struct config_node *config_entry(struct config *config, const struct config_node *section, size_t index,
                                       const char **name);

/* Whether what is written there is a scalar: for items that may be that or a mapping. */
bool config_is_text(const struct config_node *at);

/* Values. `doc` says in a few words what the key is for: it is what docs and `--help` show. */
const char *config_text(struct config *config, const struct config_node *at, const char *key,
                        const char *fallback, const char *doc);
/* As config_text, or NULL; `file:///path` gives the file's first line, `env:NAME` the variable. Not shown in
 * messages, and wiped by config_free(). */
const char *config_secret(struct config *config, const struct config_node *at, const char *key,
                          const char *doc);
int64_t config_int(struct config *config, const struct config_node *at, const char *key, int64_t fallback,
                   int64_t min, int64_t max, const char *doc);
bool config_bool(struct config *config, const struct config_node *at, const char *key, bool fallback,
                 const char *doc);
int64_t config_duration_ms(struct config *config, const struct config_node *at, const char *key,
                           const char *fallback, const char *doc); /* "10s", "5m", … */
uint64_t config_bytes(struct config *config, const struct config_node *at, const char *key,
                      const char *fallback, const char *doc); /* "64KB", "1MiB", … */
/* The index of the value in `choices` (NULL-terminated); fallback is an index. */
int config_choice(struct config *config, const struct config_node *at, const char *key,
                  const char *const *choices, int fallback, const char *doc);

/* Every key that was asked for, with default and doc, as a Markdown table: for docs/configuration.md. */
void config_describe(const struct config *config, struct buf *out);

#endif
