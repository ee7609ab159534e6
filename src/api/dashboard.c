/* The dashboard: the files of web/, which the build has compressed and put into the binary, at the HTTP listener.
 *
 *     GET /                        index.html, to be asked for again each time
 *     GET /assets/index-B3kx.js    a file whose name changes with its content: kept by browsers for a year
 *     GET /stations/plant          index.html as well, for a browser that wants a page: what it shows is the page's own affair
 *
 * Whatever is a route of the API is answered by that; what is below /api/ never is a page. Files go out as gzip, and uncompressed to
 * the rare client that does not take that.
 *
 * A page may do little: scripts and styles of its own files alone, requests to its own origin, and WebSockets, for the MQTT client
 * of "Try it", which speaks to another port. Without the files (a build by cmake alone, without npm) `/` says how to get them. */
#include "api/api_internal.h"
#include "api/dashboard_internal.h"

#include <stdio.h>
#include <zlib.h>

#define GZIP_WINDOW (15 + 16) /* zlib: with gzip's header */

static const char page_policy[] =
    "default-src 'self'; img-src 'self' data:; connect-src 'self' ws: wss:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

static const char not_built[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Varve</title>"
    "<h1>The dashboard is not part of this binary</h1>"
    "<p>The broker runs, and its <a href=\"/api/v5/openapi.json\">HTTP API</a> answers. The dashboard is "
    "built by npm: "
    "<code>make build</code> installs what that needs and builds both; <code>scripts/web.sh</code> builds "
    "the dashboard "
    "alone, and the next build of the broker takes it in.</p></html>\n";

/* ---- Which file ------------------------------------------------------------------------------------------ */

static const struct dashboard_file *find_file(struct str path)
{
    for (size_t i = 0; i < dashboard_file_count; i++) {
        if (str_equal(path, str_of(dashboard_files[i].path)))
            return &dashboard_files[i];
    }
    return NULL;
}

static bool starts_with(struct str path, struct str start)
{
    return path.len >= start.len && memcmp(path.data, start.data, start.len) == 0;
}

/* A browser that opens a page says that it wants HTML; scripts and programs do not. */
static bool wants_page(const struct api_request *request)
{
    const char *accept = api_header(request, "Accept");
    return accept != NULL && strstr(accept, "text/html") != NULL &&
           !starts_with(request->path, STR("/api/")) && !starts_with(request->path, STR("/assets/"));
}

/* ---- Answering ------------------------------------------------------------------------------------------- */

static const char *type_of(const char *path)
{
    static const struct api_value types[] = {
        {.name = ".html", .value = "text/html; charset=utf-8"},
        {.name = ".js", .value = "text/javascript; charset=utf-8"},
        {.name = ".css", .value = "text/css; charset=utf-8"},
        {.name = ".svg", .value = "image/svg+xml"},
        {.name = ".json", .value = "application/json"},
        {.name = ".png", .value = "image/png"},
        {.name = ".txt", .value = "text/plain; charset=utf-8"},
        {.name = ".webmanifest", .value = "application/manifest+json"},
    };
    const char *end = strrchr(path, '.');
    for (size_t i = 0; i < LENGTH(types) && end != NULL; i++) {
        if (strcmp(end, types[i].name) == 0)
            return types[i].value;
    }
    return "application/octet-stream";
}

/* "gzip;q=0" is a no (RFC 9110, 12.5.3). */
static bool takes_gzip(const char *header)
{
    struct str rest = str_of(header), one, coding;
    while (header != NULL && str_next(&rest, ',', &one)) {
        str_next(&one, ';', &coding);
        if (!str_equal_nocase(str_trim(coding), STR("gzip")) && !str_is(str_trim(coding), "*"))
            continue;
        struct str weight = one.data != NULL ? str_trim(one) : STR("");
        return !str_is(weight, "q=0") && !starts_with(weight, STR("q=0.0"));
    }
    return false;
}

/* Uncompressed. False: the file does not decompress to what it was, which the build rules out. */
static bool inflate_file(const struct dashboard_file *file, struct buf *out)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)file->gzip, .avail_in = (uInt)file->gzip_bytes};
    if (inflateInit2(&stream, GZIP_WINDOW) != Z_OK)
        return false;
    buf_reserve(out, file->bytes + 1);
    stream.next_out = out->data;
    stream.avail_out = (uInt)file->bytes + 1;
    bool ok = inflate(&stream, Z_FINISH) == Z_STREAM_END && stream.total_out == file->bytes;
    out->len = ok ? file->bytes : 0;
    inflateEnd(&stream);
    return ok;
}

static void reply_file(struct api_request *request, const struct dashboard_file *file)
{
    const char *known = api_header(request, "If-None-Match");
    bool hashed = starts_with(str_of(file->path), STR("/assets/"));
    api_reply_header(request, "Content-Security-Policy", page_policy);
    api_reply_header(request, "Cache-Control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
    api_reply_header(request, "Vary", "Accept-Encoding");
    api_reply_header(request, "ETag", file->etag);
    if (known != NULL && strstr(known, file->etag) != NULL) {
        reply_static(request, 304, type_of(file->path), "", 0);
        return;
    }
    if (takes_gzip(api_header(request, "Accept-Encoding"))) {
        api_reply_header(request, "Content-Encoding", "gzip");
        reply_static(request, 200, type_of(file->path), file->gzip, file->gzip_bytes);
        return;
    }
    struct buf plain = {0};
    if (inflate_file(file, &plain)) {
        api_reply_bytes(request, 200, type_of(file->path), &plain);
        return;
    }
    buf_free(&plain);
    api_reply_error(request, 500, "INTERNAL_ERROR", "the dashboard's file %s is damaged", file->path);
}

static void serve(struct api_request *request)
{
    const struct dashboard_file *file = find_file(request->path);
    if (file == NULL)
        file = find_file(STR("/index.html"));
    if (file != NULL)
        reply_file(request, file);
    else
        reply_static(request, 200, "text/html; charset=utf-8", not_built, sizeof(not_built) - 1);
}

const struct api_entry *dashboard_entry(const struct api_request *request)
{
    static const struct api_route route = {.method = API_GET,
                                           .path = "/",
                                           .handle = serve,
                                           .access = API_PUBLIC,
                                           .summary = "The dashboard",
                                           .open_query = true};
    static const struct api_table table = {.tag = "Dashboard", .description = "The dashboard"};
    static const struct api_entry entry = {.route = &route, .table = &table};
    bool ours = request->match.allowed == 0 && request->method == API_GET &&
                (str_is(request->path, "/") || find_file(request->path) != NULL || wants_page(request));
    return ours ? &entry : NULL;
}
