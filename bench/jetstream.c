/* Loads JetStream, NATS' persistent streams, as `varve bench station` loads Varve's stations: the same messages, the
 * same window, the same counts, so that bench/stations.sh can compare the two.
 *
 *   produce   --pubs connections publish to a stream of file storage. Each message asks for an acknowledgement on a
 *             subject of its own (PUB <subject> <inbox>.<slot> …); a connection has --window of them outstanding. The
 *             answer {"stream":…,"seq":…} frees the slot. JetStream answers once it has written the message to a file;
 *             it syncs files in the background, every two minutes unless it is configured otherwise.
 *   replay    --count messages are published so; then a push consumer delivers the stream from its first message on
 *             to one connection, as the clients' "ordered consumer" is set up: no acknowledgements, kept in memory,
 *             flow control. The server asks now and then (status 100 with a reply subject) and is answered at once.
 *   group     --count messages; then --members connections pull from one durable consumer with explicit
 *             acknowledgements. Each asks for --batch messages and for the next batch while it still has some to come,
 *             and acknowledges every message as it arrives (PUB <ack subject> +ACK).
 *
 * What was published is read again after produce, too: every number of every publisher must come once and in order.
 *
 * One thread, one epoll: reading goes through one large buffer, and each connection's answers leave with one send() a
 * turn. It carries several million messages a second against a server that does nothing, so it is not the limit.
 *
 * The stream is made at the start and removed at the end. Requests to JetStream are JSON to $JS.API.… */
#include "nats.h"

#include "args/args.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "bench/histogram_internal.h"
#include "bench/message_internal.h"
#include "bench/seen_internal.h"
#include "bench/track_internal.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define STREAM        "bench"
#define SUBJECT       "bench.0"
#define CONSUMER      "members"
#define EVENTS        64
#define CONNS_MAX     1024
#define WINDOW_MAX    65535
#define PAYLOAD_MAX   (1024 * 1024)
#define OUT_BYTES_MAX (4u << 20) /* a publisher with so much unsent waits for its socket */
#define TICK_MS       20
#define QUIET_MS      10000 /* nothing has come for so long: what is missing is lost */
#define PULLS         2     /* requests of a member that are outstanding */

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

struct options {
    const char *mode;
    const char *host;
    uint16_t port;
    uint32_t pubs;
    uint32_t members;
    uint32_t payload_bytes;
    uint32_t window;
    uint64_t count; /* produce: 0, by time */
    int64_t duration_ms;
    int64_t warmup_ms;
    uint32_t batch;
    uint32_t ack_pending; /* of the durable consumer; 0: the server's default */
    bool no_verify;
    bool help;
};

#define FIELD(member) ARGS_FIELD(struct options, member)

static const struct args_option rows[] = {
    {"host", 'h', args_text, FIELD(host), 0, 0},
    {"port", 'p', args_natural, FIELD(port), 1, 65535},
    {"pubs", 0, args_natural, FIELD(pubs), 1, CONNS_MAX},
    {"members", 0, args_natural, FIELD(members), 1, CONNS_MAX},
    {"payload", 0, args_natural, FIELD(payload_bytes), MESSAGE_HEAD_BYTES, PAYLOAD_MAX},
    {"window", 0, args_natural, FIELD(window), 1, WINDOW_MAX},
    {"count", 0, args_natural, FIELD(count), 1, UINT64_C(1) << 40},
    {"duration", 0, args_seconds, FIELD(duration_ms), 1, 1000000000},
    {"warmup", 0, args_seconds, FIELD(warmup_ms), 0, 1000000000},
    {"batch", 0, args_natural, FIELD(batch), 1, 65536},
    {"ack-pending", 0, args_natural, FIELD(ack_pending), 1, 10000000},
    {"no-verify", 0, args_flag, FIELD(no_verify), 0, 0},
    {"help", 0, args_flag, FIELD(help), 0, 0},
};

static const char help[] =
    "usage: bench_jetstream produce|replay|group [options]\n"
    "\n"
    "  -h, --host HOST     (default 127.0.0.1)\n"
    "  -p, --port PORT     of a nats-server with JetStream (default 4222)\n"
    "      --pubs N        publishing connections (default 16)\n"
    "      --members N     group: connections that pull (default 4)\n"
    "      --payload BYTES at least 24 (default 200)\n"
    "      --window N      messages of a publisher that are not acknowledged (default 1000)\n"
    "      --count N       messages (replay, group: default 1000000; produce: by time)\n"
    "      --duration S    produce: seconds to measure (default 5), after --warmup S (default 1)\n"
    "      --batch N       group: messages that a member asks for at once (default 500)\n"
    "      --ack-pending N group: messages delivered and not acknowledged (default: the server's)\n"
    "      --no-verify     produce: do not read what was published\n"
    "\n"
    "Prints one JSON object. exit codes: 0 done, 1 failed, 2 usage\n"
    "\n"
    "example: bench_jetstream replay --port 4222 --count 1000000\n";

/* A connection of the run: a publisher, a reader or a member. */
struct peer {
    struct nats nats;
    struct bench *bench;
    uint32_t number;
    bool waits_writable;

    /* A publisher's. */
    struct buf packet; /* the PUB that is patched and sent */
    size_t slot_at;    /* four hexadecimal digits, in the packet */
    size_t payload_at;
    uint64_t sent;
    uint64_t limit;
    int64_t *since_ns;    /* of each slot */
    uint16_t *free_slots; /* a stack */
    uint32_t free_count;

    /* A member's. */
    struct seen_member member;
    uint64_t to_come; /* messages that are asked for */
};

struct bench {
    const struct options *options;
    struct stream_address address;
    struct nats control;
    uint32_t run;
    uint32_t magic;
    int epoll;
    int64_t now_ns; /* read once a turn */
    bool publishing;
    bool recording;

    struct peer *pubs;
    struct peer *readers;
    uint32_t reader_count;
    bool group;
    struct track *tracks; /* by publisher; not in a group */
    struct seen *seen;    /* by publisher, in a group */

    uint64_t published;
    uint64_t acked;
    uint64_t refused;
    uint64_t delivered;
    uint64_t foreign;
    uint64_t statuses; /* that no member should get */
    int64_t last_delivery_ns;
    struct histogram latency;

    double seconds;
    double cpu_seconds;
    uint64_t measured_acked;
    double read_seconds;
    double read_cpu_seconds;
};

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ---- publishing ---- */

static void packet_make(struct peer *peer)
{
    struct bench *bench = peer->bench;
    struct message head = {bench->magic, peer->number, 0, 0};
    uint32_t bytes = bench->options->payload_bytes;
    buf_printf(&peer->packet, "PUB " SUBJECT " _INBOX.%08x.%04x.", bench->run, peer->number);
    peer->slot_at = peer->packet.len;
    buf_printf(&peer->packet, "0000 %u\r\n", bytes);
    peer->payload_at = peer->packet.len;
    buf_append(&peer->packet, &head, sizeof head);
    for (uint32_t i = sizeof head; i < bytes; i++)
        buf_append_byte(&peer->packet, 'v');
    buf_append_str(&peer->packet, STR("\r\n"));
}

static void slot_write(uint8_t *out, uint16_t slot)
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)digits[slot >> (12 - 4 * i) & 15];
}

/* The slot at the end of an inbox; -1 if there is none. */
static int slot_read(struct str subject)
{
    int slot = 0;
    if (subject.len < 5)
        return -1;
    for (size_t i = subject.len - 4; i < subject.len; i++) {
        char c = subject.data[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return -1;
        slot = slot * 16 + digit;
    }
    return slot;
}

static void publisher_pump(struct peer *peer)
{
    struct bench *bench = peer->bench;
    while (bench->publishing && peer->free_count > 0 && peer->sent < peer->limit &&
           peer->nats.out.len < OUT_BYTES_MAX) {
        uint16_t slot = peer->free_slots[--peer->free_count];
        buf_reserve(&peer->nats.out, peer->packet.len);
        uint8_t *out = peer->nats.out.data + peer->nats.out.len;
        memcpy(out, peer->packet.data, peer->packet.len);
        slot_write(out + peer->slot_at, slot);
        message_stamp(out + peer->payload_at, peer->sent, bench->now_ns);
        peer->nats.out.len += peer->packet.len;
        peer->since_ns[slot] = bench->now_ns;
        peer->sent++;
        bench->published++;
    }
}

/* {"stream":"bench","seq":1} or {"error":{…}}; a status 503: nobody stores this subject. */
static bool on_acknowledgement(void *arg, enum nats_op op, const struct nats_message *found,
                               struct error *err)
{
    struct peer *peer = arg;
    struct bench *bench = peer->bench;
    if (op != NATS_MSG)
        return true;
    int slot = slot_read(found->subject);
    if (slot < 0 || (uint32_t)slot >= bench->options->window || peer->since_ns[slot] == 0)
        return error_set(err, ERR_PROTOCOL, "an acknowledgement of nothing: %.*s", STR_ARG(found->subject));
    if (nats_status(found->headers) != 0 ||
        memmem(found->payload.data, found->payload.len, "\"error\"", strlen("\"error\"")) != NULL) {
        bench->refused++;
    } else {
        bench->acked++;
        if (bench->recording)
            histogram_record(&bench->latency, bench->now_ns - peer->since_ns[slot], 1);
    }
    peer->since_ns[slot] = 0;
    peer->free_slots[peer->free_count++] = (uint16_t)slot;
    return true;
}

/* ---- reading ---- */

static void reply_to(struct peer *peer, struct str subject, struct str body)
{
    buf_append_str(&peer->nats.out, STR("PUB "));
    buf_append_str(&peer->nats.out, subject);
    buf_printf(&peer->nats.out, " %zu\r\n", body.len);
    buf_append_str(&peer->nats.out, body);
    buf_append_str(&peer->nats.out, STR("\r\n"));
}

static void message_take(struct peer *peer, const struct nats_message *found)
{
    struct bench *bench = peer->bench;
    struct message message = {0};
    unsigned delivers = 0;
    if (found->payload.len >= MESSAGE_HEAD_BYTES)
        message_read(&message, (const uint8_t *)found->payload.data);
    if (message.magic != bench->magic || message.source >= bench->options->pubs) {
        bench->foreign++;
        return;
    }
    if (!bench->group)
        delivers = track_receive(&bench->tracks[message.source], message.number);
    else if (!seen_receive(&bench->seen[message.source], &peer->member, message.source, message.number,
                           &delivers))
        bench->foreign++;
    bench->delivered += delivers;
    bench->last_delivery_ns = bench->now_ns;
}

/* A push consumer's message, or what its flow control asks. */
static bool on_push(void *arg, enum nats_op op, const struct nats_message *found, struct error *err)
{
    struct peer *peer = arg;
    struct str stalled;
    (void)err;
    if (op != NATS_MSG)
        return true;
    if (nats_status(found->headers) == 0)
        message_take(peer, found);
    else if (found->reply.len > 0)
        reply_to(peer, found->reply, STR(""));
    else if (nats_header(found->headers, STR("Nats-Consumer-Stalled"), &stalled))
        reply_to(peer, stalled, STR(""));
    return true;
}

static void pull(struct peer *peer)
{
    struct bench *bench = peer->bench;
    char body[64];
    int len = snprintf(body, sizeof body, "{\"batch\":%u}", bench->options->batch);
    buf_printf(&peer->nats.out,
               "PUB $JS.API.CONSUMER.MSG.NEXT." STREAM "." CONSUMER " _INBOX.%08x.m%04x %d\r\n%s\r\n",
               bench->run, peer->number, len, body);
    peer->to_come += bench->options->batch;
}

static bool on_pulled(void *arg, enum nats_op op, const struct nats_message *found, struct error *err)
{
    struct peer *peer = arg;
    (void)err;
    if (op != NATS_MSG)
        return true;
    unsigned status = nats_status(found->headers);
    if (status != 0) { /* 100: idle heartbeat; the others end a request */
        peer->bench->statuses += status != 100;
        return true;
    }
    message_take(peer, found);
    reply_to(peer, found->reply, STR("+ACK"));
    peer->to_come -= peer->to_come > 0;
    if (peer->to_come <= (uint64_t)peer->bench->options->batch * (PULLS - 1))
        pull(peer);
    return true;
}

/* ---- the loop ---- */

static bool is_publisher(const struct peer *peer)
{
    return peer->packet.len > 0;
}

static bool watch(struct bench *bench, struct peer *peer, struct error *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = peer};
    return epoll_ctl(bench->epoll, EPOLL_CTL_ADD, peer->nats.fd, &event) == 0 ||
           error_errno(err, errno, "cannot watch a connection");
}

/* Sends what there is; while the socket does not take all of it, epoll says when it does. */
static bool flush(struct peer *peer, struct error *err)
{
    if (!nats_flush(&peer->nats, err))
        return false;
    bool waits = peer->nats.out.len > 0;
    if (waits != peer->waits_writable) {
        struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0), .data.ptr = peer};
        epoll_ctl(peer->bench->epoll, EPOLL_CTL_MOD, peer->nats.fd, &event);
        peer->waits_writable = waits;
    }
    return true;
}

static bool turn(struct bench *bench, struct error *err)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(bench->epoll, events, EVENTS, TICK_MS);
    if (count < 0 && errno != EINTR)
        return error_errno(err, errno, "cannot wait for events");
    bench->now_ns = clock_mono_ns();
    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;
        bool publisher = is_publisher(peer);
        nats_each_fn *each = publisher ? on_acknowledgement : bench->group ? on_pulled : on_push;
        if ((events[i].events & ~(uint32_t)EPOLLOUT) != 0 && !nats_read(&peer->nats, each, peer, err))
            return false;
        if (publisher)
            publisher_pump(peer);
        if (!flush(peer, err))
            return false;
    }
    return true;
}

static bool turns_until(struct bench *bench, int64_t end_ns, struct error *err)
{
    while (clock_mono_ns() < end_ns) {
        if (!turn(bench, err))
            return false;
    }
    return true;
}

/* Until *count has reached `wanted`, or has stood still for QUIET_MS. */
static bool turns_while(struct bench *bench, const uint64_t *count, const uint64_t *more, uint64_t wanted,
                        struct error *err)
{
    uint64_t before = 0;
    int64_t since_ms = clock_mono_ms();
    while (*count + *more < wanted) {
        if (!turn(bench, err))
            return false;
        if (*count + *more != before)
            since_ms = clock_mono_ms();
        else if (clock_mono_ms() - since_ms > QUIET_MS)
            break;
        before = *count + *more;
    }
    return true;
}

/* ---- JetStream's API ---- */

/* A request whose answer has no error in it. Takes the body. */
static bool api(struct bench *bench, const char *subject, json_t *body, struct error *err)
{
    struct buf answer = {0};
    char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : NULL;
    bool fine = nats_request(&bench->control, subject, text != NULL ? text : "", &answer, err);
    json_t *got = fine ? json_loadb((const char *)answer.data, answer.len, 0, NULL) : NULL;
    json_t *failure = json_object_get(got, "error");
    if (fine && (got == NULL || failure != NULL)) {
        const char *why = json_string_value(json_object_get(failure, "description"));
        fine = error_set(err, ERR_PROTOCOL, "%s: %s", subject, why != NULL ? why : "no JSON in the answer");
    }
    json_decref(got);
    json_decref(body);
    free(text);
    buf_free(&answer);
    return fine;
}

static bool stream_create(struct bench *bench, struct error *err)
{
    return api(bench, "$JS.API.STREAM.CREATE." STREAM,
               json_pack("{s:s, s:[s], s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i, s:i}", "name", STREAM,
                         "subjects", "bench.>", "storage", "file", "retention", "limits", "discard", "old",
                         "num_replicas", 1, "max_consumers", -1, "max_msgs", -1, "max_bytes", -1,
                         "max_msg_size", -1, "max_age", 0),
               err);
}

/* As clients set up an ordered consumer. */
static bool push_create(struct bench *bench, const char *deliver, struct error *err)
{
    return api(bench, "$JS.API.CONSUMER.CREATE." STREAM,
               json_pack("{s:s, s:{s:s, s:s, s:s, s:s, s:i, s:b, s:I, s:b, s:i}}", "stream_name", STREAM,
                         "config", "deliver_subject", deliver, "deliver_policy", "all", "ack_policy", "none",
                         "replay_policy", "instant", "max_deliver", 1, "flow_control", 1, "idle_heartbeat",
                         (json_int_t)5000000000, "mem_storage", 1, "num_replicas", 1),
               err);
}

static bool pull_create(struct bench *bench, struct error *err)
{
    json_t *config = json_pack("{s:s, s:s, s:s, s:s}", "durable_name", CONSUMER, "deliver_policy", "all",
                               "ack_policy", "explicit", "replay_policy", "instant");
    if (bench->options->ack_pending > 0)
        json_object_set_new(config, "max_ack_pending", json_integer(bench->options->ack_pending));
    return api(bench, "$JS.API.CONSUMER.DURABLE.CREATE." STREAM "." CONSUMER,
               json_pack("{s:s, s:o}", "stream_name", STREAM, "config", config), err);
}

/* ---- the run ---- */

static bool publisher_open(struct bench *bench, uint32_t number, struct error *err)
{
    const struct options *options = bench->options;
    struct peer *peer = &bench->pubs[number];
    peer->bench = bench;
    peer->number = number;
    peer->limit = UINT64_MAX;
    if (options->count > 0)
        peer->limit = options->count / options->pubs + (number < options->count % options->pubs);
    peer->since_ns = mem_zalloc(options->window * sizeof *peer->since_ns);
    peer->free_slots = mem_alloc(options->window * sizeof *peer->free_slots);
    while (peer->free_count < options->window) {
        peer->free_slots[peer->free_count] = (uint16_t)peer->free_count;
        peer->free_count++;
    }
    packet_make(peer);
    if (!nats_open(&peer->nats, &bench->address, "publisher", err))
        return false;
    buf_printf(&peer->nats.out, "SUB _INBOX.%08x.%04x.* 1\r\n", bench->run, number);
    return nats_flush(&peer->nats, err) && watch(bench, peer, err);
}

static bool publish(struct bench *bench, struct error *err)
{
    const struct options *options = bench->options;
    bool by_time = options->count == 0;
    bench->publishing = true;
    bench->recording = !by_time;
    bench->now_ns = clock_mono_ns();
    int64_t begin_ns = bench->now_ns;
    for (uint32_t i = 0; i < options->pubs; i++) {
        publisher_pump(&bench->pubs[i]);
        if (!flush(&bench->pubs[i], err))
            return false;
    }
    if (by_time && !turns_until(bench, begin_ns + options->warmup_ms * 1000000, err))
        return false;
    bench->recording = true;
    begin_ns = by_time ? clock_mono_ns() : begin_ns;
    double cpu = cpu_seconds();
    uint64_t acked = bench->acked;
    bool fine = by_time ? turns_until(bench, begin_ns + options->duration_ms * 1000000, err)
                        : turns_while(bench, &bench->acked, &bench->refused, options->count, err);
    bench->seconds = (double)(clock_mono_ns() - begin_ns) / 1e9;
    bench->cpu_seconds = cpu_seconds() - cpu;
    bench->measured_acked = bench->acked - acked;
    bench->recording = false;
    bench->publishing = false;
    return fine && turns_while(bench, &bench->acked, &bench->refused, bench->published, err);
}

static bool reader_open(struct bench *bench, uint32_t number, struct error *err)
{
    struct peer *peer = &bench->readers[number];
    peer->bench = bench;
    peer->number = number;
    if (bench->group)
        peer->member.next = mem_zalloc(bench->options->pubs * sizeof *peer->member.next);
    if (!nats_open(&peer->nats, &bench->address, "reader", err))
        return false;
    buf_printf(&peer->nats.out, "SUB _INBOX.%08x.m%04x 1\r\n", bench->run, number);
    return nats_flush(&peer->nats, err) && watch(bench, peer, err);
}

static bool read_all(struct bench *bench, struct error *err)
{
    static const uint64_t nothing;
    const struct options *options = bench->options;
    char deliver[64];
    bench->reader_count = bench->group ? options->members : 1;
    bench->readers = mem_zalloc(bench->reader_count * sizeof *bench->readers);
    for (uint32_t i = 0; i < bench->reader_count; i++)
        bench->readers[i].nats.fd = -1;
    if (bench->group) {
        bench->seen = mem_zalloc(options->pubs * sizeof *bench->seen);
        for (uint32_t i = 0; i < options->pubs; i++)
            seen_init(&bench->seen[i], bench->pubs[i].sent);
    } else {
        bench->tracks = mem_zalloc(options->pubs * sizeof *bench->tracks);
    }
    double cpu = cpu_seconds();
    int64_t begin_ns = clock_mono_ns();
    for (uint32_t i = 0; i < bench->reader_count; i++) {
        if (!reader_open(bench, i, err))
            return false;
    }
    snprintf(deliver, sizeof deliver, "_INBOX.%08x.m0000", bench->run);
    if (!(bench->group ? pull_create(bench, err) : push_create(bench, deliver, err)))
        return false;
    for (uint32_t i = 0; bench->group && i < bench->reader_count; i++) {
        for (int k = 0; k < PULLS; k++)
            pull(&bench->readers[i]);
        if (!flush(&bench->readers[i], err))
            return false;
    }
    bool fine = turns_while(bench, &bench->delivered, &nothing, bench->published, err);
    bench->read_seconds =
        bench->last_delivery_ns > begin_ns ? (double)(bench->last_delivery_ns - begin_ns) / 1e9 : 0;
    bench->read_cpu_seconds = cpu_seconds() - cpu;
    return fine;
}

static bool run(struct bench *bench, struct error *err)
{
    const struct options *options = bench->options;
    bench->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (bench->epoll < 0)
        return error_errno(err, errno, "cannot make an epoll");
    if (!stream_resolve(&bench->address, options->host, options->port, err) ||
        !stream_raise_file_limit(options->pubs + options->members + 64u, err) ||
        !nats_open(&bench->control, &bench->address, "control", err) || !stream_create(bench, err))
        return false;
    bool fine = true;
    for (uint32_t i = 0; fine && i < options->pubs; i++)
        fine = publisher_open(bench, i, err);
    fine = fine && publish(bench, err) && (options->no_verify || read_all(bench, err));
    return api(bench, "$JS.API.STREAM.DELETE." STREAM, NULL, fine ? err : NULL) && fine;
}

static void peer_free(struct peer *peer)
{
    nats_close(&peer->nats);
    buf_free(&peer->packet);
    mem_free(peer->since_ns);
    mem_free(peer->free_slots);
    mem_free(peer->member.next);
}

static void bench_free(struct bench *bench)
{
    for (uint32_t i = 0; i < bench->options->pubs; i++) {
        peer_free(&bench->pubs[i]);
        if (bench->tracks != NULL)
            track_free(&bench->tracks[i]);
        if (bench->seen != NULL)
            seen_free(&bench->seen[i]);
    }
    for (uint32_t i = 0; i < bench->reader_count; i++)
        peer_free(&bench->readers[i]);
    nats_close(&bench->control);
    if (bench->epoll >= 0)
        close(bench->epoll);
    mem_free(bench->pubs);
    mem_free(bench->readers);
    mem_free(bench->tracks);
    mem_free(bench->seen);
}

/* ---- the report ---- */

static double rate(uint64_t count, double seconds)
{
    return seconds > 0 ? (double)count / seconds : 0;
}

static void counts_print(const struct bench *bench)
{
    uint64_t duplicates = 0;
    uint64_t late = 0;
    uint64_t lost = bench->options->no_verify ? 0 : bench->published - bench->delivered;
    for (uint32_t i = 0; bench->tracks != NULL && i < bench->options->pubs; i++) {
        duplicates += bench->tracks[i].duplicates;
        late += bench->tracks[i].late;
    }
    for (uint32_t i = 0; bench->group && i < bench->reader_count; i++) {
        duplicates += bench->readers[i].member.duplicates;
        late += bench->readers[i].member.late;
    }
    printf("\"total_published\":%llu,\"total_acked\":%llu,\"total_delivered\":%llu,\"lost\":%llu,"
           "\"duplicates\":%llu,\"order_violations\":%llu,\"foreign\":%llu,\"refused\":%llu,\"unacked\":%llu,"
           "\"statuses\":%llu,",
           (unsigned long long)bench->published, (unsigned long long)bench->acked,
           (unsigned long long)bench->delivered, (unsigned long long)lost, (unsigned long long)duplicates,
           (unsigned long long)late, (unsigned long long)bench->foreign, (unsigned long long)bench->refused,
           (unsigned long long)(bench->published - bench->acked - bench->refused),
           (unsigned long long)bench->statuses);
    if (!bench->group)
        return;
    printf("\"redelivered\":%llu,\"shares\":[", (unsigned long long)duplicates);
    for (uint32_t i = 0; i < bench->reader_count; i++)
        printf("%s%llu", i > 0 ? "," : "", (unsigned long long)bench->readers[i].member.taken);
    printf("],");
}

/* The names are those of `varve bench station --json`. */
static void report(const struct bench *bench)
{
    const struct options *options = bench->options;
    const struct histogram *latency = &bench->latency;
    double megabyte = 1e6 / options->payload_bytes;
    printf("{\"mode\":\"%s\",\"pubs\":%u,\"subs\":%u,\"payload_bytes\":%u,\"window\":%u,\"batch\":%u,",
           options->mode, options->pubs, bench->reader_count, options->payload_bytes, options->window,
           options->batch);
    printf("\"seconds\":%.3f,\"generator_cpu_seconds\":%.3f,\"acked\":%llu,\"acked_per_second\":%.0f,"
           "\"acked_megabytes_per_second\":%.1f,",
           bench->seconds, bench->cpu_seconds, (unsigned long long)bench->measured_acked,
           rate(bench->measured_acked, bench->seconds),
           rate(bench->measured_acked, bench->seconds) / megabyte);
    printf("\"read_seconds\":%.3f,\"read_generator_cpu_seconds\":%.3f,\"delivered\":%llu,"
           "\"delivered_per_second\":%.0f,\"delivered_megabytes_per_second\":%.1f,",
           bench->read_seconds, bench->read_cpu_seconds, (unsigned long long)bench->delivered,
           rate(bench->delivered, bench->read_seconds),
           rate(bench->delivered, bench->read_seconds) / megabyte);
    counts_print(bench);
    printf("\"latency_us\":{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}}\n",
           (double)histogram_percentile(latency, 0.5) / 1e3,
           (double)histogram_percentile(latency, 0.99) / 1e3,
           (double)histogram_percentile(latency, 0.999) / 1e3, (double)latency->max / 1e3);
}

static int fail(const struct error *err, int code)
{
    fprintf(stderr, "bench_jetstream: %s%s%s\n", err->text, err->hint[0] != '\0' ? "; " : "", err->hint);
    return code;
}

static bool options_parse(struct options *options, int argc, char **argv, struct error *err)
{
    *options = (struct options){.mode = argc > 1 ? argv[1] : "",
                                .host = "127.0.0.1",
                                .port = 4222,
                                .pubs = 16,
                                .members = 4,
                                .payload_bytes = 200,
                                .window = 1000,
                                .duration_ms = 5000,
                                .warmup_ms = 1000,
                                .batch = 500};
    options->help = strcmp(options->mode, "--help") == 0;
    if (options->help)
        return true;
    bool produce = strcmp(options->mode, "produce") == 0;
    if (!produce && strcmp(options->mode, "replay") != 0 && strcmp(options->mode, "group") != 0)
        return error_set(err, ERR_INVALID, "say what to measure: produce, replay or group");
    int words = args_parse(rows, sizeof rows / sizeof rows[0], options, argc - 1, argv + 1, err);
    if (words < 0)
        return false;
    if (words < argc - 1)
        return error_set(err, ERR_INVALID, "%s: unexpected argument", argv[words + 1]);
    if (!produce && options->count == 0)
        options->count = 1000000;
    return produce || !options->no_verify ||
           error_set(err, ERR_INVALID, "--no-verify: %s is reading", options->mode);
}

int main(int argc, char **argv)
{
    static struct bench bench; /* its histogram is large for a stack */
    struct options options;
    struct error err = {0};
    if (!options_parse(&options, argc, argv, &err)) {
        error_hint(&err, "see bench_jetstream --help");
        return fail(&err, EXIT_USAGE);
    }
    if (options.help) {
        fputs(help, stdout);
        return EXIT_DONE;
    }
    bench = (struct bench){
        .options = &options, .group = strcmp(options.mode, "group") == 0, .control.fd = -1, .epoll = -1};
    random_bytes(&bench.run, sizeof bench.run);
    bench.magic = message_magic(bench.run, 0);
    bench.pubs = mem_zalloc(options.pubs * sizeof *bench.pubs);
    for (uint32_t i = 0; i < options.pubs; i++)
        bench.pubs[i].nats.fd = -1;
    bool fine = run(&bench, &err);
    if (fine)
        report(&bench);
    bench_free(&bench);
    return fine ? EXIT_DONE : fail(&err, EXIT_FAILED);
}
