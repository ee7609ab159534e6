/* Durability: a process that is killed has stored everything that it was told is stored.
 *
 * The child submits numbered writes and reports each number through a pipe from done(); the parent kills it after
 * some of them, reads what the pipe still holds, opens the catalog and looks for every number. (That a power cut
 * keeps them too rests on synchronous=FULL; a kill cannot show it.) */
#include "catalog/fixture.h"

#include <signal.h>
#include <sys/wait.h>

enum { WRITES = 20000 };

struct numbered {
    struct catalog_write write;
    uint32_t number;
    int pipe;
    char topic[16];
    char value[16];
};

static void report(struct catalog_write *done, const struct error *err)
{
    struct numbered *numbered = (struct numbered *)(void *)done;
    if (err != NULL ||
        write(numbered->pipe, &numbered->number, sizeof numbered->number) != sizeof numbered->number)
        _exit(1);
}

static void submit_and_report(const char *dir, int pipe_end, uint32_t base)
{
    struct error err;
    struct catalog *catalog = catalog_open(dir, &err);
    struct numbered *writes = mem_zalloc(WRITES * sizeof *writes);
    for (uint32_t i = 0; catalog != NULL && i < WRITES; i++) {
        struct numbered *write = &writes[i];
        write->number = base + i;
        write->pipe = pipe_end;
        snprintf(write->topic, sizeof write->topic, "t%u", write->number);
        snprintf(write->value, sizeof write->value, "v%u", write->number);
        write->write = RETAINED(str_of(write->topic), str_of(write->value), 0);
        write->write.done = report;
        if (!catalog_submit(catalog, &write->write, &err))
            break;
    }
    catalog_close(catalog);
    _exit(0);
}

/* Kills the child after `wanted` reports; marks all that were reported. Returns how many. */
static size_t read_and_kill(pid_t child, int pipe_end, size_t wanted, bool *reported)
{
    size_t count = 0;
    uint32_t number;
    while (read(pipe_end, &number, sizeof number) == sizeof number) {
        reported[number] = true;
        if (++count == wanted)
            kill(child, SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    return count;
}

struct seen {
    bool *stored;
    bool intact;
};

static bool see(struct str topic, struct str value, int64_t expires_ms, void *arg)
{
    struct seen *seen = arg;
    uint64_t number, same;
    (void)expires_ms;
    if (!str_to_u64(str_make(topic.data + 1, topic.len - 1), &number, NULL) ||
        !str_to_u64(str_make(value.data + 1, value.len - 1), &same, NULL) || number != same)
        seen->intact = false;
    else
        seen->stored[number] = true;
    return true;
}

static void test_what_is_acknowledged_survives_a_kill(void **state)
{
    struct fixture *fixture = *state;
    static const size_t kills[] = {1, 2, 50, 333, 1000, 5000, 12345};
    size_t total = LENGTH(kills) * WRITES;
    bool *reported = mem_zalloc(total * sizeof *reported);
    struct seen seen = {.stored = mem_zalloc(total * sizeof *reported), .intact = true};
    for (size_t round = 0; round < LENGTH(kills); round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            close(ends[0]);
            submit_and_report(fixture->dir, ends[1], (uint32_t)(round * WRITES));
        }
        close(ends[1]);
        size_t count = read_and_kill(child, ends[0], kills[round], reported);
        close(ends[0]);
        assert_true(count >= kills[round]);

        fixture_open(fixture);
        ASSERT_OK(catalog_check(fixture->catalog, &fixture->err), fixture->err);
        ASSERT_OK(catalog_retained_each(fixture->catalog, 0, see, &seen, &fixture->err), fixture->err);
        catalog_close(fixture->catalog);
        fixture->catalog = NULL;
        assert_true(seen.intact);
        for (size_t i = 0; i < total; i++)
            CHECK(seen.stored[i] || !reported[i], "round %zu, write %zu", round, i);
    }
    mem_free(reported);
    mem_free(seen.stored);
}

RUN_TESTS(WITH_DIR(test_what_is_acknowledged_survives_a_kill))
