/* A template is cut into pieces once: text, and placeholders with their names. Rendering walks the pieces. */
#include "sql/template.h"

#include "sql/payload_internal.h"

#include "base/mem.h"

struct piece {
    struct str text; /* of a placeholder: what is between ${ and }, without the first point */
    bool placeholder;
    size_t name_count; /* 0: the whole */
    struct str *names;
};

struct sql_template {
    struct arena arena;
    struct str text;
    struct piece *pieces;
    size_t count;
};

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

/* How many bytes the placeholder at `at` has, 0 if there is none; *inside is what is between its braces. */
static size_t placeholder_at(struct str text, size_t at, struct str *inside)
{
    size_t i = at + 2;
    if (text.len - at < 3 || text.data[at] != '$' || text.data[at + 1] != '{')
        return 0;
    if (text.len - at >= 4 && text.data[i] == '$' && text.data[i + 1] == '}') {
        *inside = STR("$");
        return 4;
    }
    while (i < text.len && is_name_byte(text.data[i]))
        i++;
    if (i == text.len || text.data[i] != '}')
        return 0;
    *inside = str_make(text.data + at + 2, i - at - 2);
    return i + 1 - at;
}

static void add_piece(struct buf *pieces, struct piece piece)
{
    if (piece.placeholder || piece.text.len != 0)
        buf_append(pieces, &piece, sizeof piece);
}

static struct piece placeholder(struct arena *arena, struct str inside)
{
    struct piece piece = {.placeholder = true, .text = inside};
    if (inside.len != 0 && inside.data[0] == '.')
        piece.text = str_make(inside.data + 1, inside.len - 1);
    if (piece.text.len == 0)
        return piece;
    struct str rest = piece.text;
    struct str name;
    while (str_next(&rest, '.', &name))
        piece.name_count++;
    piece.names = arena_alloc(arena, piece.name_count * sizeof *piece.names);
    rest = piece.text;
    for (size_t i = 0; str_next(&rest, '.', &name); i++)
        piece.names[i] = name;
    return piece;
}

static void cut(struct sql_template *t, struct buf *pieces)
{
    struct str text = t->text;
    size_t start = 0;
    for (size_t at = 0; at < text.len;) {
        struct str inside;
        size_t bytes = placeholder_at(text, at, &inside);
        if (bytes == 0) {
            at++;
            continue;
        }
        add_piece(pieces, (struct piece){.text = str_make(text.data + start, at - start)});
        if (str_is(inside, "$"))
            add_piece(pieces, (struct piece){.text = STR("$")});
        else
            add_piece(pieces, placeholder(&t->arena, inside));
        at += bytes;
        start = at;
    }
    add_piece(pieces, (struct piece){.text = str_make(text.data + start, text.len - start)});
}

struct sql_template *sql_template_new(struct str text, struct error *err)
{
    if (text.len > SQL_TEMPLATE_BYTES_MAX) {
        error_set(err, ERR_TOO_LARGE, "a template of %zu bytes is longer than %zu", text.len,
                  SQL_TEMPLATE_BYTES_MAX);
        return NULL;
    }
    struct sql_template *t = mem_zalloc(sizeof *t);
    struct buf pieces = {0};
    t->text = arena_str(&t->arena, text);
    cut(t, &pieces);
    t->count = pieces.len / sizeof(struct piece);
    t->pieces = arena_alloc(&t->arena, pieces.len);
    if (pieces.len != 0)
        memcpy(t->pieces, pieces.data, pieces.len);
    buf_free(&pieces);
    return t;
}

void sql_template_free(struct sql_template *t)
{
    if (t == NULL)
        return;
    arena_free(&t->arena);
    mem_free(t);
}

struct str sql_template_text(const struct sql_template *t)
{
    return t->text;
}

size_t sql_template_placeholder_count(const struct sql_template *t)
{
    size_t count = 0;
    for (size_t i = 0; i < t->count; i++)
        count += t->pieces[i].placeholder;
    return count;
}

struct str sql_template_placeholder(const struct sql_template *t, size_t i)
{
    for (size_t at = 0; at < t->count; at++) {
        if (t->pieces[at].placeholder && i-- == 0)
            return t->pieces[at].text;
    }
    return STR_NONE;
}

/* --- Rendering --- */

static bool look_up(const struct piece *piece, const struct sql_columns *columns, struct sql_scope *scope,
                    struct sql_payload *last, struct sql_value *out, struct error *err)
{
    *out = sql_undefined();
    if (!sql_spend(scope, piece->name_count, err) ||
        !columns->get(columns->source, piece->names[0], scope, out, err))
        return false;
    for (size_t i = 1; i < piece->name_count && out->type != SQL_UNDEFINED; i++) {
        struct sql_value opened;
        if (!sql_payload_open(last, scope, out, &opened, err))
            return false;
        const struct sql_value *found = opened.type == SQL_MAP ? sql_map_get(&opened, piece->names[i]) : NULL;
        *out = found != NULL ? *found : sql_undefined();
    }
    return true;
}

static bool everything(const struct sql_columns *columns, struct sql_scope *scope, struct sql_value *out,
                       struct error *err)
{
    struct sql_map_builder builder = sql_map_begin(scope);
    if (!columns->all(columns->source, &builder, err))
        return false;
    *out = sql_map_end(&builder);
    return true;
}

bool sql_template_render(const struct sql_template *t, const struct sql_columns *columns,
                         struct sql_scope *scope, enum sql_template_missing missing, struct buf *out,
                         size_t bytes_max, struct error *err)
{
    struct sql_payload last = {.decoded = false};
    size_t before = out->len;
    bool done = true;
    for (size_t i = 0; i < t->count && done; i++) {
        const struct piece *piece = &t->pieces[i];
        struct sql_value value = sql_string(piece->text);
        if (piece->placeholder && piece->name_count == 0)
            done = everything(columns, scope, &value, err);
        else if (piece->placeholder)
            done = look_up(piece, columns, scope, &last, &value, err);
        if (done && value.type == SQL_UNDEFINED && missing == SQL_MISSING_IS_ERROR)
            done = error_set(err, ERR_NOT_FOUND, "${%.*s} is undefined",
                             piece->text.len > 100 ? 100 : (int)piece->text.len, piece->text.data);
        done = done && sql_text_append(out, &value, bytes_max, err);
    }
    if (!done)
        out->len = before;
    return done;
}
