/* Which rules have led to a message.
 *
 * Among reactors the chain goes with what is being published, and with the message to the events about it. A station keeps messages, and a rule may read them years
 * later: so what rules over stations publish, and what rules append to stations, carries its chain as a user property, and who
 * reads a station finds it there. A chain of rules that only goes through topics is not seen by anybody. */
#include "rule/rule_internal.h"

#define DIGITS 16

bool chain_goes_on(const struct origin_chain *chain, struct error *err)
{
    return !chain->full ||
           error_set(err, ERR_LIMIT, "%d rules have published for each other: the loop ends here",
                     RULE_DEPTH_MAX);
}

bool chain_add(struct origin_chain *chain, const struct rule *rule, struct error *err)
{
    chain->full = chain->depth == RULE_DEPTH_MAX;
    if (!chain->full)
        chain->marks[chain->depth++] = rule->mark;
    return chain_goes_on(chain, err);
}

bool delivery_chain_add(struct delivery *delivery, struct origin_chain *out, struct error *err)
{
    *out = *delivery->chain;
    if (chain_add(out, delivery->rule, err))
        return true;
    RULE_COUNT(delivery, loops);
    return false;
}

/* 16 digits, or false. */
static bool read_mark(struct str text, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        char c = text.data[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f'))
            return false;
        *out = *out << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static void read_marks(struct origin_chain *chain, struct str text)
{
    uint64_t mark;
    while (chain->depth < RULE_DEPTH_MAX && text.len >= DIGITS && read_mark(text, &mark)) {
        chain->marks[chain->depth++] = mark;
        text = str_make(text.data + DIGITS, text.len - DIGITS);
    }
}

void chain_read(struct origin_chain *chain, struct str props)
{
    struct str name, value;
    size_t position = 0;
    while (mqtt_user_property_next(props, &position, &name, &value)) {
        if (str_is(name, CHAIN_PROPERTY))
            read_marks(chain, value);
    }
}

void chain_append(const struct origin_chain *chain, struct buf *props)
{
    char text[RULE_DEPTH_MAX * DIGITS + 1];
    for (unsigned i = 0; i < chain->depth; i++)
        snprintf(text + (size_t)i * DIGITS, DIGITS + 1, "%016llx", (unsigned long long)chain->marks[i]);
    mqtt_user_property_append(props, STR(CHAIN_PROPERTY), str_make(text, (size_t)chain->depth * DIGITS));
}

size_t chain_pack(const struct origin_chain *chain, uint8_t out[CHAIN_BYTES_MAX])
{
    out[0] = (uint8_t)(chain->carried | chain->full << 1);
    memcpy(out + 1, chain->marks, chain->depth * sizeof(chain->marks[0]));
    return 1 + chain->depth * sizeof(chain->marks[0]);
}

bool chain_unpack(struct origin_chain *chain, struct str bytes, struct error *err)
{
    *chain = (struct origin_chain){0};
    if (bytes.len == 0)
        return true;
    if (bytes.len > CHAIN_BYTES_MAX || (bytes.len - 1) % sizeof(chain->marks[0]) != 0)
        return error_set(err, ERR_CORRUPT, "the chain of rules that led to a message cannot be read");
    chain->carried = (bytes.data[0] & 1) != 0;
    chain->full = (bytes.data[0] & 2) != 0;
    chain->depth = (unsigned)((bytes.len - 1) / sizeof(chain->marks[0]));
    memcpy(chain->marks, bytes.data + 1, bytes.len - 1);
    return true;
}
