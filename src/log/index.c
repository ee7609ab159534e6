/* DIR/<first offset, 20 digits>.idx: what a full segment holds, and where. Little-endian:
 *
 *      0  8  "VARVEIDX"
 *      8  4  version, 1
 *     12  4  CRC-32C of bytes 16 to 95
 *     16  8  first offset of the segment
 *     24  8  its end: the first offset behind it
 *     32  8  bytes of its file that count: header and batches
 *     40  8  bytes of all records of the log before the segment
 *     48  8  … and before its end
 *     56  8  time of the record before the segment, ms; the lowest int64 if there was none
 *     64  8  time of its last record
 *     72  4  its salt
 *     76  4  count of entries
 *     80  4  CRC-32C of the entries
 *     84  4  zero
 *     88  8  no marked batch ends behind this offset; 0: no batch of the segment is marked
 *     96     entries: offset 8, position 8, bytes of all records of the log before 8, time of the first record 8
 *
 * An entry is a batch of the segment. The first batch has one, then the first one that begins at least 64 KiB behind
 * the entry before. Bit 63 of its position is set if it, or a batch before the next entry's, may be marked.
 *
 * The file is made when the segment is sealed, and made again whenever it is missing, does not match its checksums or
 * does not join the next segment: nothing is ever lost with it. */
#include "log/log_internal.h"

#include "base/crc32c.h"
#include "base/fault.h"
#include "base/mem.h"

#include <errno.h>

#define INDEX_VERSION       1
#define ENTRY_MARKED        (UINT64_C(1) << 63) /* of the position */
#define INDEX_HEADER_BYTES  96
#define INDEX_ENTRY_BYTES   32
#define INDEX_ENTRIES_MAX   (1u << 24)
#define INDEX_ENTRIES_FIRST 8

static const uint8_t magic[8] = "VARVEIDX";

void index_note(struct index *index, const struct batch_header *header, uint64_t position)
{
    if (header->count == 0)
        return;
    if (index->count != 0 && position < index->entries[index->count - 1].position + INDEX_STRIDE_BYTES) {
        index->entries[index->count - 1].marked |= header->marked;
        return;
    }
    if (index->count == index->cap) {
        index->cap = index->cap != 0 ? 2 * index->cap : INDEX_ENTRIES_FIRST;
        index->entries = mem_realloc(index->entries, index->cap * sizeof *index->entries);
    }
    index->entries[index->count++] = (struct index_entry){
        .offset = header->first_offset,
        .position = position,
        .bytes_before = header->bytes_before,
        .time = header->base_time > header->floor_time ? header->base_time : header->floor_time,
        .marked = header->marked,
    };
}

void index_free(struct index *index)
{
    mem_free(index->entries);
    *index = (struct index){0};
}

static uint8_t *encode(const struct segment *segment, const struct index *index, size_t *len)
{
    *len = INDEX_HEADER_BYTES + (size_t)index->count * INDEX_ENTRY_BYTES;
    uint8_t *out = mem_zalloc(*len);
    memcpy(out, magic, sizeof magic);
    put_le32(out + 8, INDEX_VERSION);
    put_le64(out + 16, segment->first);
    put_le64(out + 24, segment->end);
    put_le64(out + 32, segment->data_bytes);
    put_le64(out + 40, segment->bytes_before);
    put_le64(out + 48, segment->bytes_end);
    put_le64(out + 56, (uint64_t)segment->time_before);
    put_le64(out + 64, (uint64_t)segment->last_time);
    put_le32(out + 72, segment->salt);
    put_le32(out + 76, index->count);
    put_le64(out + 88, segment->marked_end);
    uint8_t *at = out + INDEX_HEADER_BYTES;
    for (uint32_t i = 0; i < index->count; i++, at += INDEX_ENTRY_BYTES) {
        put_le64(at, index->entries[i].offset);
        put_le64(at + 8, index->entries[i].position | (index->entries[i].marked ? ENTRY_MARKED : 0));
        put_le64(at + 16, index->entries[i].bytes_before);
        put_le64(at + 24, (uint64_t)index->entries[i].time);
    }
    put_le32(out + 80, crc32c(0, out + INDEX_HEADER_BYTES, *len - INDEX_HEADER_BYTES));
    put_le32(out + 12, crc32c(0, out + 16, INDEX_HEADER_BYTES - 16));
    return out;
}

bool index_write(const struct log_io *io, const char *dir, const struct segment *segment,
                 const struct index *index, struct error *err)
{
    char path[LOG_PATH_BYTES];
    path_of_segment(path, dir, segment->first, ".idx");
    FAULT_POINT("log.before_index");
    int rc = io->unlink(io->ctx, path);
    if (rc < 0 && rc != -ENOENT)
        return io_failed(err, rc, "remove", path);
    int fd = io->open(io->ctx, path, LOG_IO_CREATE | LOG_IO_WRITE);
    if (fd < 0)
        return io_failed(err, fd, "create", path);
    size_t len;
    uint8_t *bytes = encode(segment, index, &len);
    bool ok = write_fully(io, fd, bytes, len, 0, path, err);
    mem_free(bytes);
    if (ok && (rc = io->fdatasync(io->ctx, fd)) < 0)
        ok = io_failed(err, rc, "sync", path);
    io->close(io->ctx, fd);
    FAULT_POINT("log.after_index");
    return ok;
}

static const char *decode_summary(const uint8_t *bytes, uint64_t first, struct segment *out, uint32_t *count,
                                  uint32_t *entries_crc)
{
    if (memcmp(bytes, magic, sizeof magic) != 0 || get_le32(bytes + 8) != INDEX_VERSION)
        return "not an index of this version";
    if (get_le32(bytes + 12) != crc32c(0, bytes + 16, INDEX_HEADER_BYTES - 16))
        return "the index does not match its checksum";
    *out = (struct segment){
        .first = get_le64(bytes + 16),
        .end = get_le64(bytes + 24),
        .data_bytes = get_le64(bytes + 32),
        .bytes_before = get_le64(bytes + 40),
        .bytes_end = get_le64(bytes + 48),
        .time_before = (int64_t)get_le64(bytes + 56),
        .last_time = (int64_t)get_le64(bytes + 64),
        .salt = get_le32(bytes + 72),
        .marked_end = get_le64(bytes + 88),
    };
    *count = get_le32(bytes + 76);
    *entries_crc = get_le32(bytes + 80);
    if (out->first != first || out->end < first || out->bytes_end < out->bytes_before ||
        out->data_bytes < SEGMENT_HEADER_BYTES || out->marked_end > out->end || *count > INDEX_ENTRIES_MAX)
        return "the index contradicts itself";
    return NULL;
}

/* Opens the index and reads its header; the descriptor, or -1. */
static int open_summary(const struct log_io *io, const char *path, uint64_t first, struct segment *out,
                        uint32_t *count, uint32_t *entries_crc, struct error *err)
{
    int fd = io->open(io->ctx, path, 0);
    if (fd < 0) {
        io_failed(err, fd, "open", path);
        return -1;
    }
    uint8_t bytes[INDEX_HEADER_BYTES];
    const char *wrong = NULL;
    if (read_fully(io, fd, bytes, sizeof bytes, 0, path, err)) {
        wrong = decode_summary(bytes, first, out, count, entries_crc);
        if (wrong == NULL)
            return fd;
        log_is_corrupt(err, path, 0, wrong);
    }
    io->close(io->ctx, fd);
    return -1;
}

bool index_read_summary(const struct log_io *io, const char *dir, uint64_t first, struct segment *out,
                        struct error *err)
{
    char path[LOG_PATH_BYTES];
    path_of_segment(path, dir, first, ".idx");
    uint32_t count, crc;
    int fd = open_summary(io, path, first, out, &count, &crc, err);
    if (fd >= 0)
        io->close(io->ctx, fd);
    return fd >= 0;
}

static void decode_entries(const uint8_t *bytes, uint32_t count, struct index *out)
{
    out->entries = mem_alloc(count * sizeof *out->entries);
    out->count = count;
    out->cap = count;
    for (uint32_t i = 0; i < count; i++, bytes += INDEX_ENTRY_BYTES) {
        out->entries[i] = (struct index_entry){
            .offset = get_le64(bytes),
            .position = get_le64(bytes + 8) & ~ENTRY_MARKED,
            .bytes_before = get_le64(bytes + 16),
            .time = (int64_t)get_le64(bytes + 24),
            .marked = (get_le64(bytes + 8) & ENTRY_MARKED) != 0,
        };
    }
}

bool index_read(const struct log_io *io, const char *dir, const struct segment *segment, struct index *out,
                struct error *err)
{
    char path[LOG_PATH_BYTES];
    path_of_segment(path, dir, segment->first, ".idx");
    struct segment summary;
    uint32_t count, crc;
    int fd = open_summary(io, path, segment->first, &summary, &count, &crc, err);
    if (fd < 0)
        return false;
    size_t len = (size_t)count * INDEX_ENTRY_BYTES;
    uint8_t *bytes = mem_try_alloc(len);
    if (bytes == NULL) {
        io->close(io->ctx, fd);
        return error_set(err, ERR_NO_MEMORY, "no memory to read %s", path);
    }
    bool ok = read_fully(io, fd, bytes, len, INDEX_HEADER_BYTES, path, err);
    if (ok && (crc32c(0, bytes, len) != crc || summary.end != segment->end || summary.salt != segment->salt))
        ok = log_is_corrupt(err, path, INDEX_HEADER_BYTES, "the index does not match its checksum");
    if (ok)
        decode_entries(bytes, count, out);
    mem_free(bytes);
    io->close(io->ctx, fd);
    return ok;
}

bool index_rebuild(const struct log_io *io, const char *dir, uint64_t first, uint64_t end,
                   struct segment *segment, struct index *out, struct error *err)
{
    char path[LOG_PATH_BYTES];
    path_of_segment(path, dir, first, ".seg");
    struct scan scan;
    if (!scan_open(&scan, io, path, first, err))
        return false;
    *out = (struct index){0};
    enum scan_result result = SCAN_BATCH;
    uint64_t data_end = scan.position;
    uint64_t bytes_end = scan.bytes;
    uint64_t marked_end = 0;
    int64_t last_time = scan.time;
    /* Stamps at the end count as part of the segment, batches from `end` on do not. */
    while ((result = scan_next(&scan, err)) == SCAN_BATCH && scan.offset <= end) {
        index_note(out, &scan.batch, scan.batch_position);
        data_end = scan.position;
        bytes_end = scan.bytes;
        marked_end = scan.marked_end;
        last_time = scan.time;
        if (scan.offset == end)
            break;
    }
    bool ok = result != SCAN_FAILED;
    uint64_t reached = result == SCAN_BATCH && scan.offset > end ? scan.batch.first_offset : scan.offset;
    const char *wrong = result == SCAN_BAD ? scan.what : "the segment does not join the next one";
    if (ok && reached != end)
        ok = log_is_corrupt(err, path, scan.position, wrong);
    if (ok) {
        *segment = (struct segment){
            .first = first,
            .end = end,
            .bytes_before = scan.head.bytes_before,
            .bytes_end = bytes_end,
            .data_bytes = data_end,
            .file_bytes = scan.file_bytes,
            .marked_end = marked_end,
            .time_before = scan.head.time_before,
            .last_time = last_time,
            .salt = scan.head.salt,
        };
    } else {
        index_free(out);
    }
    scan_close(&scan);
    return ok;
}
