/* The XML that S3 stores answer with, read by expat.
 *
 * All of these documents are trees of a few levels whose leaves are texts. The reader keeps the path of names ("ListBucketResult/
 * Contents/Key") and hands each element to the document's own function when it ends: with its text if it is a leaf. Namespaces are declared by
 * default and so do not show in the names. */
#include "object/s3_xml.h"

#include "base/clock.h"
#include "base/mem.h"
#include "object/object_internal.h"
#include "object/s3_sign.h"

#include <expat.h>
#include <stdlib.h>

#define DEPTH_MAX      16
#define PATH_BYTES     512
#define TEXT_BYTES_MAX 65536

struct reader;
/* path: of the element that ends. text: trimmed by nobody. False: what it says is wrong. */
typedef bool element_fn(struct reader *reader, struct str path, struct str text);

struct reader {
    XML_Parser parser;
    element_fn *element;
    void *document;
    char path[PATH_BYTES];
    size_t path_len;
    unsigned depth;
    struct buf text;
    bool bad;
};

static void stop(struct reader *reader)
{
    reader->bad = true;
    XML_StopParser(reader->parser, XML_FALSE);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    struct reader *reader = arg;
    const char *colon = strrchr(name, ':');
    if (colon != NULL)
        name = colon + 1;
    size_t len = strlen(name);
    if (reader->depth == DEPTH_MAX || reader->path_len + len + 1 > sizeof reader->path) {
        stop(reader);
        return;
    }
    if (reader->depth > 0)
        reader->path[reader->path_len++] = '/';
    memcpy(reader->path + reader->path_len, name, len);
    reader->path_len += len;
    reader->depth++;
    buf_reset(&reader->text);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
    (void)name;
    struct reader *reader = arg;
    if (!reader->element(reader, str_make(reader->path, reader->path_len), buf_str(&reader->text))) {
        stop(reader);
        return;
    }
    while (reader->path_len > 0 && reader->path[reader->path_len - 1] != '/')
        reader->path_len--;
    if (reader->path_len > 0)
        reader->path_len--;
    reader->depth--;
    buf_reset(&reader->text);
}

static void XMLCALL on_text(void *arg, const XML_Char *text, int len)
{
    struct reader *reader = arg;
    if (reader->text.len + (size_t)len > TEXT_BYTES_MAX) {
        stop(reader);
        return;
    }
    buf_append(&reader->text, text, (size_t)len);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int internal)
{
    (void)name;
    (void)system;
    (void)public;
    (void)internal;
    stop(arg);
}

/* Whether the whole body was read well. */
static bool read_xml(struct str body, element_fn *element, void *document)
{
    struct reader reader = {.parser = XML_ParserCreate("UTF-8"), .element = element, .document = document};
    if (reader.parser == NULL)
        abort();
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader.parser, on_doctype);
    bool ok = body.len <= INT32_MAX &&
              XML_Parse(reader.parser, body.data, (int)body.len, XML_TRUE) == XML_STATUS_OK && !reader.bad;
    XML_ParserFree(reader.parser);
    buf_free(&reader.text);
    return ok;
}

static bool is_wrong(struct error *err, const char *what)
{
    return error_set(err, ERR_CORRUPT, "the store's answer is not the %s that it should be", what);
}

/* ---- Errors ---------------------------------------------------------------------------------------------- */

/* One line: what is not visible becomes a blank. */
static void copy_line(char *out, size_t size, struct str text)
{
    text = str_trim(text);
    size_t len = text.len < size - 1 ? text.len : size - 1;
    while (len > 0 && len < text.len && ((unsigned char)text.data[len] & 0xc0) == 0x80)
        len--;
    for (size_t i = 0; i < len; i++)
        out[i] = (unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f ? ' ' : text.data[i];
    out[len] = '\0';
}

struct error_document {
    struct s3_error *out;
    bool is_error;
};

static bool error_element(struct reader *reader, struct str path, struct str text)
{
    struct error_document *document = reader->document;
    struct s3_error *out = document->out;
    if (str_starts(path, STR("Error")) && (path.len == 5 || path.data[5] == '/'))
        document->is_error = true;
    if (str_is(path, "Error/Code")) {
        copy_line(out->code, sizeof out->code, text);
    } else if (str_is(path, "Error/Message")) {
        copy_line(out->message, sizeof out->message, text);
    } else if (str_is(path, "Error/Region")) {
        copy_line(out->region, sizeof out->region, text);
    }
    return document->is_error || memchr(path.data, '/', path.len) == NULL;
}

bool s3_xml_error(struct str body, struct s3_error *out)
{
    struct error_document document = {.out = out};
    *out = (struct s3_error){0};
    (void)read_xml(body, error_element, &document);
    return document.is_error;
}

static bool root_element(struct reader *reader, struct str path, struct str text)
{
    (void)text;
    const char *name = *(const char **)reader->document;
    struct str root;
    (void)str_next(&path, '/', &root);
    if (str_is(root, name))
        *(const char **)reader->document = NULL;
    return false;
}

bool s3_xml_root_is(struct str body, const char *name)
{
    (void)read_xml(body, root_element, &name);
    return name == NULL;
}

/* ---- Listings -------------------------------------------------------------------------------------------- */

struct list_document {
    struct object_request *request;
    struct str start_after;
    bool encoded; /* keys are as in a URL */
    bool more;
    bool whole;
    struct buf *token;
    struct {
        struct buf key;
        struct buf etag;
        uint64_t size;
        int64_t modified_ms;
    } item;
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Stores write a blank as '+' or %20, and a plus as %2B. */
static bool decode_url(struct str text, struct buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '+') {
            buf_append_byte(out, ' ');
        } else if (text.data[i] != '%') {
            buf_append_byte(out, (uint8_t)text.data[i]);
        } else {
            int high = i + 2 < text.len ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            buf_append_byte(out, (uint8_t)(high << 4 | low));
            i += 2;
        }
    }
    return true;
}

static void begin_item(struct list_document *document)
{
    buf_reset(&document->item.key);
    buf_reset(&document->item.etag);
    document->item.size = 0;
    document->item.modified_ms = 0;
}

/* EncodingType comes before or behind the keys: they are kept as they came, and decoded at the end. */
static bool end_item(struct list_document *document)
{
    list_append_info(document->request, buf_str(&document->item.key), document->item.size,
                     document->item.modified_ms, buf_str(&document->item.etag));
    begin_item(document);
    return true;
}

static bool list_element(struct reader *reader, struct str path, struct str text)
{
    struct list_document *document = reader->document;
    static const char contents[] = "ListBucketResult/Contents";
    if (str_starts(path, STR("ListBucketResult/Contents/"))) {
        struct str field = str_make(path.data + sizeof contents, path.len - sizeof contents);
        if (str_is(field, "Key")) {
            buf_append_str(&document->item.key, text);
        } else if (str_is(field, "ETag")) {
            buf_append_str(&document->item.etag, str_trim(text));
        } else if (str_is(field, "Size")) {
            return str_to_u64(str_trim(text), &document->item.size, NULL);
        } else if (str_is(field, "LastModified")) {
            (void)clock_parse(str_trim(text), &document->item.modified_ms, NULL);
        }
        return true;
    }
    if (str_is(path, contents))
        return end_item(document);
    if (str_is(path, "ListBucketResult/CommonPrefixes/Prefix")) {
        begin_item(document);
        buf_append_str(&document->item.key, text);
        return end_item(document);
    }
    if (str_is(path, "ListBucketResult/IsTruncated"))
        return str_to_bool(str_trim(text), &document->more, NULL);
    if (str_is(path, "ListBucketResult/NextContinuationToken")) {
        buf_append_str(document->token, text);
    } else if (str_is(path, "ListBucketResult/EncodingType")) {
        document->encoded = str_is(str_trim(text), "url");
    } else if (str_is(path, "ListBucketResult")) {
        document->whole = true;
    }
    return true;
}

static int compare_infos(const void *a, const void *b)
{
    return str_compare(((const struct object_info *)a)->key, ((const struct object_info *)b)->key);
}

static void free_info(struct object_info *info)
{
    mem_free((void *)(uintptr_t)info->key.data);
    mem_free((void *)(uintptr_t)info->etag.data);
}

static bool decode_keys(struct object_request *request, size_t from)
{
    bool ok = true;
    for (size_t i = from; i < request->list_count; i++) {
        struct buf key = {0};
        ok = decode_url(request->list[i].key, &key) && ok;
        mem_free((void *)(uintptr_t)request->list[i].key.data);
        request->list[i].key = (struct str){str_dup(buf_str(&key)), key.len};
        buf_free(&key);
    }
    return ok;
}

/* Those of the answer, from `from` on: in one order, none at or before the start, none twice. */
static void put_in_order(struct object_request *request, size_t from)
{
    struct object_info *list = request->list;
    if (request->list_count > from)
        qsort(list + from, request->list_count - from, sizeof *list, compare_infos);
    size_t kept = from;
    for (size_t i = from; i < request->list_count; i++) {
        if (str_compare(list[i].key, request->start_after) <= 0 ||
            (kept > 0 && str_equal(list[i].key, list[kept - 1].key))) {
            free_info(&list[i]);
        } else {
            list[kept++] = list[i];
        }
    }
    request->list_count = kept;
}

/* Keys that could not have been asked for are not handed on. */
static bool keys_are_right(const struct object_request *request, size_t from)
{
    for (size_t i = from; i < request->list_count; i++) {
        struct str key = request->list[i].key;
        if (!str_starts(key, request->key) || !key_check(key, NULL))
            return false;
    }
    return true;
}

bool s3_xml_list(struct str body, struct object_request *request, bool *more, struct buf *token,
                 struct error *err)
{
    struct list_document document = {.request = request, .token = token};
    size_t from = request->list_count;
    bool ok = read_xml(body, list_element, &document) && document.whole;
    if (ok && document.encoded)
        ok = decode_keys(request, from);
    ok = ok && keys_are_right(request, from);
    buf_free(&document.item.key);
    buf_free(&document.item.etag);
    if (!ok) {
        for (size_t i = from; i < request->list_count; i++)
            free_info(&request->list[i]);
        request->list_count = from;
        return is_wrong(err, "listing");
    }
    put_in_order(request, from);
    *more = document.more;
    return true;
}

/* ---- Uploads in parts ------------------------------------------------------------------------------------ */

struct leaf_document {
    const char *path;
    struct buf *out;
    bool found;
};

static bool leaf_element(struct reader *reader, struct str path, struct str text)
{
    struct leaf_document *document = reader->document;
    if (!str_is(path, document->path))
        return true;
    text = str_trim(text);
    document->found = text.len > 0 && !document->found;
    buf_append_str(document->out, text);
    return document->found;
}

static bool read_leaf(struct str body, const char *path, struct buf *out, const char *what, struct error *err)
{
    struct leaf_document document = {.path = path, .out = out};
    size_t before = out->len;
    if (read_xml(body, leaf_element, &document) && document.found)
        return true;
    out->len = before;
    return is_wrong(err, what);
}

bool s3_xml_upload_id(struct str body, struct buf *id, struct error *err)
{
    return read_leaf(body, "InitiateMultipartUploadResult/UploadId", id, "id of an upload", err);
}

bool s3_xml_completed(struct str body, struct buf *etag, struct error *err)
{
    return read_leaf(body, "CompleteMultipartUploadResult/ETag", etag, "end of an upload", err);
}

static void set_text(char **out, struct str text)
{
    mem_free(*out);
    *out = str_dup(text);
}

struct uploads_document {
    struct s3_uploads *out;
    struct s3_upload item; /* the one that is read */
    bool whole;
};

static void free_upload(struct s3_upload *upload)
{
    mem_free(upload->key);
    mem_free(upload->id);
    *upload = (struct s3_upload){0};
}

/* Takes the item. */
static bool end_upload(struct uploads_document *document)
{
    struct s3_uploads *out = document->out;
    if (document->item.key == NULL || document->item.id == NULL)
        return false;
    if ((out->count & (out->count - 1)) == 0)
        out->items = mem_realloc(out->items, (out->count > 0 ? 2 * out->count : 1) * sizeof *out->items);
    out->items[out->count++] = document->item;
    document->item = (struct s3_upload){0};
    return true;
}

static bool uploads_element(struct reader *reader, struct str path, struct str text)
{
    struct uploads_document *document = reader->document;
    static const char root[] = "ListMultipartUploadsResult/";
    if (str_is(path, "ListMultipartUploadsResult"))
        document->whole = true;
    if (!str_starts(path, str_of(root)))
        return true;
    struct str field = str_make(path.data + strlen(root), path.len - strlen(root));
    if (str_is(field, "Upload"))
        return end_upload(document);
    if (str_is(field, "IsTruncated"))
        return str_to_bool(str_trim(text), &document->out->more, NULL);
    if (str_is(field, "NextKeyMarker")) {
        set_text(&document->out->next_key, text);
    } else if (str_is(field, "NextUploadIdMarker")) {
        set_text(&document->out->next_id, text);
    } else if (str_is(field, "Upload/Key")) {
        set_text(&document->item.key, text);
    } else if (str_is(field, "Upload/UploadId")) {
        set_text(&document->item.id, str_trim(text));
    } else if (str_is(field, "Upload/Initiated")) {
        (void)clock_parse(str_trim(text), &document->item.initiated_ms, NULL);
    }
    return true;
}

bool s3_xml_uploads(struct str body, struct s3_uploads *out, struct error *err)
{
    struct uploads_document document = {.out = out};
    *out = (struct s3_uploads){0};
    bool ok = read_xml(body, uploads_element, &document) && document.whole;
    free_upload(&document.item);
    if (ok)
        return true;
    s3_uploads_free(out);
    return is_wrong(err, "list of uploads");
}

void s3_uploads_free(struct s3_uploads *uploads)
{
    for (size_t i = 0; i < uploads->count; i++)
        free_upload(&uploads->items[i]);
    mem_free(uploads->items);
    mem_free(uploads->next_key);
    mem_free(uploads->next_id);
    *uploads = (struct s3_uploads){0};
}

/* ---- Roles ----------------------------------------------------------------------------------------------- */

static bool role_element(struct reader *reader, struct str path, struct str text)
{
    struct s3_identity *identity = reader->document;
    struct str rest = path, name = STR_NONE;
    if (!str_starts(path, STR("AssumeRoleWithWebIdentityResponse")))
        return false;
    while (str_next(&rest, '/', &name))
        ;
    text = str_trim(text);
    char **to = str_is(name, "AccessKeyId")       ? &identity->access_key_id
                : str_is(name, "SecretAccessKey") ? &identity->secret_access_key
                : str_is(name, "SessionToken")    ? &identity->session_token
                                                  : NULL;
    if (to != NULL) {
        secret_free(*to);
        *to = str_dup(text);
    }
    return !str_is(name, "Expiration") || clock_parse(text, &identity->expires_ms, NULL);
}

bool s3_xml_role(struct str body, struct s3_identity *out, struct error *err)
{
    *out = (struct s3_identity){0};
    bool ok = read_xml(body, role_element, out) && out->access_key_id != NULL &&
              out->access_key_id[0] != '\0' && out->secret_access_key != NULL &&
              out->secret_access_key[0] != '\0';
    if (ok)
        return true;
    s3_identity_free(out);
    return error_set(err, ERR_PROTOCOL, "the answer of STS has no AccessKeyId with SecretAccessKey");
}

static bool role_error_element(struct reader *reader, struct str path, struct str text)
{
    struct error_document *document = reader->document;
    document->is_error = document->is_error || str_starts(path, STR("ErrorResponse/"));
    if (str_is(path, "ErrorResponse/Error/Code"))
        copy_line(document->out->code, sizeof document->out->code, text);
    else if (str_is(path, "ErrorResponse/Error/Message"))
        copy_line(document->out->message, sizeof document->out->message, text);
    return true;
}

bool s3_xml_role_error(struct str body, struct s3_error *out)
{
    struct error_document document = {.out = out};
    *out = (struct s3_error){0};
    (void)read_xml(body, role_error_element, &document);
    return document.is_error;
}

/* ---- Deletions ------------------------------------------------------------------------------------------- */

struct deleted_document {
    s3_failed_fn *failed;
    void *arg;
    struct buf key;
    struct s3_error why;
    bool whole;
};

static bool deleted_element(struct reader *reader, struct str path, struct str text)
{
    struct deleted_document *document = reader->document;
    if (str_is(path, "DeleteResult")) {
        document->whole = true;
    } else if (str_is(path, "DeleteResult/Error/Key")) {
        buf_reset(&document->key);
        buf_append_str(&document->key, text);
    } else if (str_is(path, "DeleteResult/Error/Code")) {
        copy_line(document->why.code, sizeof document->why.code, text);
    } else if (str_is(path, "DeleteResult/Error/Message")) {
        copy_line(document->why.message, sizeof document->why.message, text);
    } else if (str_is(path, "DeleteResult/Error")) {
        document->failed(buf_str(&document->key), &document->why, document->arg);
        document->why = (struct s3_error){0};
        buf_reset(&document->key);
    }
    return true;
}

bool s3_xml_deleted(struct str body, s3_failed_fn *failed, void *arg, struct error *err)
{
    struct deleted_document document = {.failed = failed, .arg = arg};
    bool ok = read_xml(body, deleted_element, &document) && document.whole;
    buf_free(&document.key);
    return ok || is_wrong(err, "list of deletions");
}

/* U+FFFE and U+FFFF. */
static bool is_no_character(struct str text, size_t at)
{
    return text.len - at >= 3 && memcmp(text.data + at, "\xef\xbf", 2) == 0 &&
           (unsigned char)text.data[at + 2] >= 0xbe;
}

bool s3_xml_escape(struct str text, struct buf *out)
{
    size_t before = out->len;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        switch (c) {
        case '&': buf_append_str(out, STR("&amp;")); break;
        case '<': buf_append_str(out, STR("&lt;")); break;
        case '>': buf_append_str(out, STR("&gt;")); break;
        case '\t':
        case '\n':
        case '\r': buf_printf(out, "&#%u;", c); break;
        default:
            if (c < 0x20 || is_no_character(text, i)) {
                out->len = before;
                return false;
            }
            buf_append_byte(out, c);
        }
    }
    return true;
}
