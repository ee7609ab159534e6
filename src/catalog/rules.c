/* Authorization rules: an ordered list, read whole. Written and read at once. */
#include "catalog/catalog_internal.h"

#include "base/mem.h"

void catalog_rule_free(struct catalog_rule *rule)
{
    mem_free(rule->username);
    mem_free(rule->client_id);
    mem_free(rule->address);
    mem_free(rule->topic);
    *rule = (struct catalog_rule){0};
}

static void bind_rule(struct db_query *query, const struct catalog_rule *rule)
{
    db_bind_int(query, rule->position);
    db_bind_int(query, rule->allow);
    db_bind_int(query, rule->publish);
    db_bind_int(query, rule->subscribe);
    db_bind_text(query, rule->username);
    db_bind_text(query, rule->client_id);
    db_bind_text(query, rule->address);
    db_bind_text(query, rule->topic);
}

static bool insert_rule(struct db *db, struct catalog_rule *rule, struct error *err)
{
    struct db_query query = db_prepare(
        db, DB_RULE_INSERT,
        "INSERT INTO rules (position, allow, publish, subscribe, username, client_id, address, topic)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        "add a rule");
    bind_rule(&query, rule);
    if (!db_run(&query, err))
        return false;
    rule->id = (uint64_t)sqlite3_last_insert_rowid(db->handle);
    return true;
}

static bool update_rule(struct db *db, const struct catalog_rule *rule, struct error *err)
{
    struct db_query query =
        db_prepare(db, DB_RULE_UPDATE,
                   "UPDATE rules SET position = ?1, allow = ?2, publish = ?3, subscribe = ?4, username = ?5,"
                   " client_id = ?6, address = ?7, topic = ?8 WHERE id = ?9",
                   "change a rule");
    bind_rule(&query, rule);
    db_bind_int(&query, (int64_t)rule->id);
    if (!db_run(&query, err))
        return false;
    if (sqlite3_changes(db->handle) == 0)
        return error_set(err, ERR_NOT_FOUND, "no rule %llu", (unsigned long long)rule->id);
    return true;
}

bool catalog_rule_put(struct catalog *catalog, struct catalog_rule *rule, struct error *err)
{
    if (rule->topic == NULL)
        return error_set(err, ERR_INVALID, "a rule needs a topic");
    catalog_turn_take(catalog);
    bool ok =
        rule->id == 0 ? insert_rule(&catalog->writer, rule, err) : update_rule(&catalog->writer, rule, err);
    catalog_turn_pass(catalog);
    return ok;
}

bool catalog_rule_delete(struct catalog *catalog, uint64_t id, struct error *err)
{
    catalog_turn_take(catalog);
    struct db_query query =
        db_prepare(&catalog->writer, DB_RULE_DELETE, "DELETE FROM rules WHERE id = ?1", "delete a rule");
    db_bind_int(&query, (int64_t)id);
    bool ok = db_run(&query, err);
    int deleted = sqlite3_changes(catalog->writer.handle);
    catalog_turn_pass(catalog);
    if (ok && deleted == 0)
        return error_set(err, ERR_NOT_FOUND, "no rule %llu", (unsigned long long)id);
    return ok;
}

/* Inside a transaction. */
static bool replace_rules(struct db *db, const char *username, const char *client_id,
                          struct catalog_rule *rules, size_t count, int64_t position, size_t *removed,
                          struct error *err)
{
    struct db_query query = db_prepare(
        db, DB_RULE_DELETE_OF,
        "DELETE FROM rules WHERE username IS ?1 AND client_id IS ?2 AND address IS NULL", "replace rules");
    db_bind_text(&query, username);
    db_bind_text(&query, client_id);
    bool ok = db_run(&query, err);
    *removed = ok ? (size_t)sqlite3_changes(db->handle) : 0;
    for (size_t i = 0; ok && i < count; i++) {
        rules[i].position = position + (int64_t)i;
        rules[i].username = (char *)username;
        rules[i].client_id = (char *)client_id;
        rules[i].address = NULL;
        ok = insert_rule(db, &rules[i], err);
    }
    return ok;
}

bool catalog_rules_replace(struct catalog *catalog, const char *username, const char *client_id,
                           struct catalog_rule *rules, size_t count, int64_t position, size_t *removed,
                           struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (rules[i].topic == NULL)
            return error_set(err, ERR_INVALID, "a rule needs a topic");
    }
    catalog_turn_take(catalog);
    struct db *db = &catalog->writer;
    bool ok = db_exec(db, "BEGIN IMMEDIATE", "replace rules", err);
    if (ok) {
        ok = replace_rules(db, username, client_id, rules, count, position, removed, err) &&
             db_exec(db, "COMMIT", "replace rules", err);
        if (!ok)
            db_exec(db, "ROLLBACK", "roll back", NULL);
    }
    catalog_turn_pass(catalog);
    return ok;
}

static void read_rule(const struct db_query *query, struct catalog_rule *out)
{
    *out = (struct catalog_rule){
        .id = (uint64_t)db_int(query, 0),
        .position = db_int(query, 1),
        .allow = db_int(query, 2) != 0,
        .publish = db_int(query, 3) != 0,
        .subscribe = db_int(query, 4) != 0,
        .username = db_text(query, 5),
        .client_id = db_text(query, 6),
        .address = db_text(query, 7),
        .topic = db_text(query, 8),
    };
}

bool catalog_rule_each(struct catalog *catalog, bool (*each)(const struct catalog_rule *rule, void *arg),
                       void *arg, struct error *err)
{
    struct db db;
    if (!db_open(&db, catalog->path, err))
        return false;
    struct db_query query = db_prepare(&db, DB_OTHER,
                                       "SELECT id, position, allow, publish, subscribe, username, client_id,"
                                       " address, topic FROM rules ORDER BY position, id",
                                       "list the rules");
    enum db_step step;
    bool more = true;
    while (more && (step = db_step(&query, err)) == DB_ROW) {
        struct catalog_rule rule;
        read_rule(&query, &rule);
        more = each(&rule, arg);
        catalog_rule_free(&rule);
    }
    db_finish(&query);
    db_close(&db);
    return !more || step == DB_END;
}
