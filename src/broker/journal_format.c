/* Numbers, entries and messages in the records of the journal: see journal_format.h. */
#include "broker/journal_format.h"

#include "base/mem.h"

#define VARINT_BYTES  10
#define IDS_MAX       UINT16_MAX
#define PACKET_ID_END 65536u

/* ---- Writing --------------------------------------------------------------------------------------------- */

void journal_put_number(struct buf *out, uint64_t value)
{
    buf_reserve(out, VARINT_BYTES);
    uint8_t *at = out->data + out->len;
    for (; value >= 0x80; value >>= 7)
        *at++ = (uint8_t)(value | 0x80);
    *at++ = (uint8_t)value;
    out->len = (size_t)(at - out->data);
}

static uint64_t zigzag(uint64_t difference)
{
    return difference << 1 ^ (difference >> 63 != 0 ? UINT64_MAX : 0);
}

static uint64_t zagzig(uint64_t value)
{
    return value >> 1 ^ ((value & 1) != 0 ? UINT64_MAX : 0);
}

void journal_put_difference(struct buf *out, uint64_t *last, uint64_t value)
{
    journal_put_number(out, zigzag(value - *last));
    *last = value;
}

void journal_put_entry(struct buf *out, uint64_t *last, uint8_t plain_qos, const struct journal_entry *entry)
{
    uint8_t flags = entry->qos;
    flags |= entry->retain ? JOURNAL_ENTRY_RETAIN : 0;
    flags |= entry->ids != NULL ? JOURNAL_ENTRY_IDS : 0;
    flags |= entry->packet_id != 0 ? JOURNAL_ENTRY_PACKET_ID : 0;
    flags |= entry->picked ? JOURNAL_ENTRY_PICKED : 0;
    flags |= entry->released ? JOURNAL_ENTRY_RELEASED : 0;
    bool plain = flags == plain_qos;
    journal_put_number(out, zigzag(entry->key - *last) << 1 | !plain);
    *last = entry->key;
    if (plain)
        return;
    buf_append_byte(out, flags);
    for (uint32_t i = 0; entry->ids != NULL && i <= entry->ids[0]; i++)
        journal_put_number(out, entry->ids[i]);
    if (entry->packet_id != 0)
        journal_put_number(out, entry->packet_id);
}

static void put_text(struct buf *out, struct str text)
{
    journal_put_number(out, text.len);
    buf_append_str(out, text);
}

void journal_put_message(struct buf *out, const struct journal_message *message)
{
    uint8_t flags = message->qos;
    flags |= message->retain ? JOURNAL_MESSAGE_RETAIN : 0;
    flags |= message->expires_ms != 0 ? JOURNAL_MESSAGE_EXPIRES : 0;
    flags |= message->packet_id != 0 ? JOURNAL_MESSAGE_RECEIVED : 0;
    buf_append_byte(out, JOURNAL_MESSAGE);
    journal_put_number(out, message->id);
    buf_append_byte(out, flags);
    if (message->expires_ms != 0) {
        journal_put_number(out, (uint64_t)message->expires_ms);
        journal_put_number(out, message->expiry_at);
    }
    if (message->packet_id != 0) {
        journal_put_number(out, message->number);
        journal_put_number(out, message->packet_id);
        journal_put_number(out, message->exchange);
        journal_put_number(out, message->expected);
    }
    put_text(out, message->topic);
    put_text(out, message->props);
    journal_put_number(out, message->payload.len);
}

/* ---- Reading --------------------------------------------------------------------------------------------- */

uint8_t journal_get_byte(struct journal_reader *reader)
{
    if (reader->at == reader->end) {
        reader->bad = true;
        return 0;
    }
    return *reader->at++;
}

uint64_t journal_get_number(struct journal_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = journal_get_byte(reader);
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return value;
    }
    reader->bad = true;
    return 0;
}

uint64_t journal_get_below(struct journal_reader *reader, uint64_t limit)
{
    uint64_t value = journal_get_number(reader);
    if (value < limit)
        return value;
    reader->bad = true;
    return 0;
}

uint32_t journal_get_exchange(struct journal_reader *reader)
{
    return (uint32_t)journal_get_below(reader, UINT64_C(1) << 32);
}

uint64_t journal_get_difference(struct journal_reader *reader, uint64_t *last)
{
    return *last += zagzig(journal_get_number(reader));
}

static uint32_t *get_ids(struct journal_reader *reader)
{
    uint64_t count = journal_get_below(reader, IDS_MAX + 1);
    if (count == 0 || count > (size_t)(reader->end - reader->at)) {
        reader->bad = true;
        return NULL;
    }
    uint32_t *ids = mem_alloc((count + 1) * sizeof(*ids));
    ids[0] = (uint32_t)count;
    for (uint32_t i = 1; i <= count; i++)
        ids[i] = (uint32_t)journal_get_below(reader, UINT64_C(1) << 32);
    return ids;
}

static bool get_entry(struct journal_reader *reader, uint64_t *last, uint8_t plain_qos,
                      struct journal_entry *entry)
{
    uint64_t key = journal_get_number(reader);
    *last += zagzig(key >> 1);
    *entry = (struct journal_entry){.key = *last, .qos = plain_qos};
    if ((key & 1) == 0)
        return !reader->bad;
    uint8_t flags = journal_get_byte(reader);
    entry->qos = flags & JOURNAL_ENTRY_QOS;
    entry->retain = (flags & JOURNAL_ENTRY_RETAIN) != 0;
    entry->picked = (flags & JOURNAL_ENTRY_PICKED) != 0;
    entry->released = (flags & JOURNAL_ENTRY_RELEASED) != 0;
    if ((flags & JOURNAL_ENTRY_IDS) != 0)
        entry->ids = get_ids(reader);
    if ((flags & JOURNAL_ENTRY_PACKET_ID) != 0)
        entry->packet_id = (uint16_t)journal_get_below(reader, PACKET_ID_END);
    bool exchange = entry->packet_id != 0;
    return !reader->bad && flags < 0x80 && entry->qos >= 1 && entry->qos <= 2 &&
           exchange == ((flags & JOURNAL_ENTRY_PACKET_ID) != 0) && (!exchange || entry->qos == 2) &&
           (!entry->released || exchange);
}

bool journal_get_entry(struct journal_reader *reader, uint64_t *last, uint8_t plain_qos,
                       struct journal_entry *entry)
{
    entry->ids = NULL;
    if (reader->bad || journal_reader_ends(reader))
        return false;
    if (get_entry(reader, last, plain_qos, entry))
        return true;
    reader->bad = true;
    mem_free(entry->ids);
    entry->ids = NULL;
    return false;
}

static struct str get_text(struct journal_reader *reader)
{
    uint64_t len = journal_get_number(reader);
    if (len > (size_t)(reader->end - reader->at)) {
        reader->bad = true;
        return STR_NONE;
    }
    struct str text = str_make(reader->at, (size_t)len);
    reader->at += len;
    return text;
}

void journal_get_message(struct journal_reader *reader, struct journal_message *message)
{
    *message = (struct journal_message){.id = journal_get_number(reader)};
    uint8_t flags = journal_get_byte(reader);
    message->qos = flags & JOURNAL_MESSAGE_QOS;
    message->retain = (flags & JOURNAL_MESSAGE_RETAIN) != 0;
    if (flags > 0x1F || message->qos == 3 || message->qos == 0 || message->id == 0)
        reader->bad = true;
    if ((flags & JOURNAL_MESSAGE_EXPIRES) != 0) {
        message->expires_ms = (int64_t)journal_get_below(reader, INT64_MAX);
        message->expiry_at = (uint32_t)journal_get_below(reader, UINT64_C(1) << 32);
    }
    if ((flags & JOURNAL_MESSAGE_RECEIVED) != 0) {
        message->number = journal_get_number(reader);
        message->packet_id = (uint16_t)journal_get_below(reader, PACKET_ID_END);
        message->exchange = journal_get_exchange(reader);
        message->expected = (uint32_t)journal_get_below(reader, UINT64_C(1) << 32);
        if (message->packet_id == 0)
            reader->bad = true;
    }
    message->topic = get_text(reader);
    message->props = get_text(reader);
    message->payload = get_text(reader);
    if (message->topic.len == 0 || message->topic.len > UINT16_MAX ||
        (message->expiry_at != 0 && message->expiry_at + UINT64_C(4) > message->props.len))
        reader->bad = true;
}
