/* Options of a command line: see args.h. The table becomes getopt_long's two: the long forms, numbered by their rows
 * from LONG on, and the string of letters. getopt_long says which option comes next, its row takes the value. */
#include "args/args.h"

#include "base/str.h"

#include <assert.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>

enum { LONG = 256 }; /* above every letter */

static void *field_of(void *target, const struct args_option *option)
{
    return (char *)target + option->offset;
}

bool args_flag(void *target, const struct args_option *option, const char *text, struct error *err)
{
    (void)text;
    (void)err;
    *(bool *)field_of(target, option) = true;
    return true;
}

bool args_text(void *target, const struct args_option *option, const char *text, struct error *err)
{
    (void)err;
    *(const char **)field_of(target, option) = text;
    return true;
}

bool args_natural(void *target, const struct args_option *option, const char *text, struct error *err)
{
    void *field = field_of(target, option);
    uint64_t value;
    if (!str_to_u64(str_of(text), &value, NULL) || value < option->min || value > option->max) {
        if (option->max == UINT64_MAX)
            return error_set(err, ERR_INVALID, "--%s %s: expected a whole number", option->name, text);
        return error_set(err, ERR_INVALID, "--%s %s: expected a whole number from %llu to %llu", option->name,
                         text, (unsigned long long)option->min, (unsigned long long)option->max);
    }
    switch (option->size) {
    case 1: *(uint8_t *)field = (uint8_t)value; break;
    case 2: *(uint16_t *)field = (uint16_t)value; break;
    case 4: *(uint32_t *)field = (uint32_t)value; break;
    default: *(uint64_t *)field = value; break;
    }
    return true;
}

bool args_seconds(void *target, const struct args_option *option, const char *text, struct error *err)
{
    char *end;
    double ms = strtod(text, &end) * 1000;
    bool fits = ms >= 0 && ms <= (double)option->max; /* false for what is no number as well */
    int64_t whole = fits ? llround(ms) : 0;
    if (whole == 0 && ms > 0)
        whole = 1;
    if (end == text || *end != '\0' || !fits || whole < (int64_t)option->min)
        return error_set(err, ERR_INVALID, "--%s %s: expected seconds, such as 5 or 0.5", option->name, text);
    *(int64_t *)field_of(target, option) = whole;
    return true;
}

static void tables_build(const struct args_option *options, size_t count, struct option *longs, char *shorts)
{
    *shorts++ = '+'; /* the first word that is no option ends the options */
    *shorts++ = ':'; /* a missing value is told from an unknown option */
    for (size_t i = 0; i < count; i++) {
        bool flag = options[i].take == args_flag;
        longs[i] =
            (struct option){options[i].name, flag ? no_argument : required_argument, NULL, LONG + (int)i};
        if (options[i].letter == 0)
            continue;
        *shorts++ = options[i].letter;
        if (!flag)
            *shorts++ = ':';
    }
    longs[count] = (struct option){NULL, 0, NULL, 0};
    *shorts = '\0';
}

static const struct args_option *option_of(const struct args_option *options, size_t count, int found)
{
    if (found >= LONG)
        return &options[found - LONG];
    for (size_t i = 0; i < count; i++) {
        if (options[i].letter == found)
            return &options[i];
    }
    return NULL; /* '?': unknown */
}

int args_parse(const struct args_option *options, size_t count, void *target, int argc, char **argv,
               struct error *err)
{
    struct option longs[ARGS_OPTIONS_MAX + 1];
    char shorts[2 * ARGS_OPTIONS_MAX + 3];
    assert(count <= ARGS_OPTIONS_MAX);
    tables_build(options, count, longs, shorts);
    opterr = 0;
    optind = 0; /* glibc: forget an earlier scan of other arguments */
    for (int found; (found = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        const struct args_option *option = option_of(options, count, found);
        bool fine = false;
        if (found == ':')
            error_set(err, ERR_INVALID, "%s: needs a value", argv[optind - 1]);
        else if (option == NULL)
            error_set(err, ERR_INVALID, "%s: unknown option", argv[optind - 1]);
        else
            fine = option->take(target, option, optarg, err);
        if (!fine)
            return -1;
    }
    return optind;
}
