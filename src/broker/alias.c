/* Topic aliases (MQTT 5, 3.3.2.3.4): numbers that stand for topics during one connection.
 *
 * In: the client defines them, up to the maximum that CONNACK announced. Out: the first topics sent to the client
 * get the numbers that it allows, and keep them. */
#include "broker/broker_internal.h"

#include "base/hash.h"
#include "base/mem.h"

static struct alias_table *table_new(uint16_t max, uint16_t slots)
{
    struct alias_table *table = mem_zalloc(sizeof(*table));
    table->max = max;
    table->topics = mem_zalloc(slots * sizeof(*table->topics));
    return table;
}

void alias_table_free(struct alias_table *table)
{
    if (table == NULL)
        return;
    for (uint16_t i = 0; i < table->max; i++)
        mem_free((char *)(uintptr_t)table->topics[i].data);
    map_free(&table->by_topic);
    mem_free(table->topics);
    mem_free(table);
}

uint8_t alias_in_resolve(struct connection *connection, uint16_t alias, struct str *topic)
{
    struct alias_table **table = &connection_extras(connection)->aliases_in;
    uint16_t max = connection->alias_max_in;
    if (alias == 0 || alias > max)
        return MQTT_BAD_TOPIC_ALIAS; /* [MQTT-3.3.2-8, 3.3.2-9] */
    if (topic->len > 0) {
        if (*table == NULL)
            *table = table_new(max, max);
        struct str *slot = &(*table)->topics[alias - 1];
        if (!str_equal(*slot, *topic)) {
            mem_free((char *)(uintptr_t)slot->data);
            *slot = str_make(mem_dup(topic->data, topic->len), topic->len);
        }
        return MQTT_SUCCESS;
    }
    if (*table == NULL || (*table)->topics[alias - 1].len == 0)
        return MQTT_PROTOCOL_ERROR; /* 3.3.2.3.4: an alias that was never given */
    *topic = (*table)->topics[alias - 1];
    return MQTT_SUCCESS;
}

static bool topic_is(const void *item, const void *key)
{
    return str_equal(*(const struct str *)item, *(const struct str *)key);
}

uint16_t alias_out_get(struct connection *connection, struct str topic, bool *known)
{
    struct connection_extras *extras = connection_extras(connection);
    if (extras->aliases_out == NULL)
        extras->aliases_out = table_new(connection->alias_max_out, connection->alias_max_out);
    struct alias_table *table = extras->aliases_out;
    uint64_t hash = hash_bytes(topic.data, topic.len);
    const struct str *slot = map_find(&table->by_topic, hash, topic_is, &topic);
    *known = slot != NULL;
    if (slot != NULL)
        return (uint16_t)(slot - table->topics + 1);
    if (table->count == table->max)
        return 0;
    struct str *fresh = &table->topics[table->count++];
    *fresh = str_make(mem_dup(topic.data, topic.len), topic.len);
    map_insert(&table->by_topic, hash, fresh);
    return table->count;
}

void alias_out_take_back(struct connection *connection)
{
    struct alias_table *table = connection->extras->aliases_out;
    assert(table->count > 0);
    struct str *last = &table->topics[--table->count];
    map_remove_item(&table->by_topic, hash_bytes(last->data, last->len), last);
    mem_free((char *)(uintptr_t)last->data);
    *last = STR_NONE;
}
