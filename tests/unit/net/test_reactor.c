/* Mail, timers, the turn, time-outs and moves. */
#include "net_test.h"

#include "base/random.h"

/* ---- Mail ------------------------------------------------------------------------------------------------ */

enum { SENDERS = 4, LETTERS = 20000 };

struct letter {
    struct mail mail;
    unsigned sender;
    unsigned number;
};

static struct letter letters[SENDERS][LETTERS];
static unsigned next_number[SENDERS]; /* the reactor's thread */
static atomic_uint received;
static atomic_uint out_of_order;
static atomic_uint dropped;
static atomic_bool last_ones_held; /* the last letter of each sender waits */

static void letter_run(struct reactor *reactor, struct mail *mail)
{
    struct letter *letter = (struct letter *)mail;
    if (reactor == NULL) {
        atomic_fetch_add(&dropped, 1);
        return;
    }
    if (!reactor_is_current(reactor) || next_number[letter->sender] != letter->number)
        atomic_fetch_add(&out_of_order, 1);
    next_number[letter->sender] = letter->number + 1;
    atomic_fetch_add(&received, 1);
}

struct sender {
    pthread_t thread;
    struct reactor *reactor;
    unsigned index;
};

static void *send_letters(void *arg)
{
    struct sender *sender = arg;
    for (unsigned i = 0; i < LETTERS; i++) {
        struct letter *letter = &letters[sender->index][i];
        while (i == LETTERS - 1 && atomic_load(&last_ones_held))
            usleep(1000);
        letter->mail.run = letter_run;
        letter->sender = sender->index;
        letter->number = i;
        reactor_post(sender->reactor, &letter->mail);
        if (i % 1000 == 0)
            usleep(100); /* so that the reactor falls asleep now and then */
    }
    return NULL;
}

static void send_from_all(struct reactor *reactor, struct sender senders[SENDERS])
{
    memset(next_number, 0, sizeof next_number);
    atomic_store(&received, 0);
    atomic_store(&dropped, 0);
    atomic_store(&out_of_order, 0);
    for (unsigned i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){.reactor = reactor, .index = i};
        pthread_create(&senders[i].thread, NULL, send_letters, &senders[i]);
    }
}

static void test_mail_of_each_thread_runs_in_order(void **state)
{
    (void)state;
    struct server server = {0};
    server_start_group(&server, &(struct reactor_group_options){.count = 2});
    struct sender senders[SENDERS];
    send_from_all(reactor_at(server.group, 1), senders);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    WAIT_FOR(atomic_load(&received) == SENDERS * LETTERS);
    assert_int_equal(atomic_load(&out_of_order), 0);
    server_stop(&server);
}

static void test_mail_to_a_stopping_reactor_is_run_or_dropped_once(void **state)
{
    (void)state;
    struct server server = {0};
    server_start_group(&server, &(struct reactor_group_options){.count = 2});
    struct sender senders[SENDERS];
    atomic_store(&last_ones_held, true);
    send_from_all(reactor_at(server.group, 0), senders);
    reactor_group_stop(server.group);
    atomic_store(&last_ones_held, false);
    for (unsigned i = 0; i < SENDERS; i++)
        pthread_join(senders[i].thread, NULL);
    assert_int_equal(atomic_load(&received) + atomic_load(&dropped), SENDERS * LETTERS);
    assert_true(atomic_load(&dropped) >= SENDERS); /* the last ones at least */
    reactor_group_free(server.group);
}

struct chain {
    struct mail mail;
    struct reactor_group *group;
    unsigned left;
    atomic_bool done;
};

/* From reactor to reactor, and twice to itself in between. */
static void chain_run(struct reactor *reactor, struct mail *mail)
{
    struct chain *chain = (struct chain *)mail;
    if (--chain->left == 0) {
        atomic_store(&chain->done, true);
        return;
    }
    unsigned to = chain->left % 3 == 0 ? 1 - reactor_index(reactor) : reactor_index(reactor);
    reactor_post(reactor_at(chain->group, to), &chain->mail);
}

static void test_mail_wakes_a_sleeping_reactor(void **state)
{
    (void)state;
    struct server server = {0};
    server_start_group(&server, &(struct reactor_group_options){.count = 2});
    struct chain chain = {.mail.run = chain_run, .group = server.group, .left = 30000};
    atomic_init(&chain.done, false);
    reactor_post(reactor_at(server.group, 0), &chain.mail);
    WAIT_FOR(atomic_load(&chain.done));
    server_stop(&server);
}

enum { HEAVY_LETTERS = 64, HEAVY_BYTES = 64 << 10, HEAVY_A_TURN = 2 };

static struct mail heavy[HEAVY_LETTERS];
static unsigned heavy_run;     /* the reactor's thread */
static unsigned heavy_in_turn; /* the reactor's thread */
static unsigned heaviest_turn; /* the reactor's thread */
static atomic_uint heavy_done;

static void run_heavy(struct reactor *reactor, struct mail *mail)
{
    (void)mail;
    heavy_in_turn++;
    heavy_run++;
    reactor_spend(reactor, HEAVY_BYTES);
    if (heavy_in_turn > heaviest_turn)
        heaviest_turn = heavy_in_turn;
    if (heavy_run == HEAVY_LETTERS)
        atomic_store(&heavy_done, 1);
}

static void end_heavy_turn(struct reactor *reactor)
{
    (void)reactor;
    heavy_in_turn = 0;
}

/* All of it is there before the first is run. */
static void post_heavy(struct reactor *reactor, void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < HEAVY_LETTERS; i++) {
        heavy[i].run = run_heavy;
        reactor_post(reactor, &heavy[i]);
    }
}

static void test_heavy_mail_is_spread_over_turns(void **state)
{
    (void)state;
    struct server server = {0};
    server_start_group(&server, &(struct reactor_group_options){.count = 1, .on_turn_end = end_heavy_turn});
    on_reactor(reactor_at(server.group, 0), post_heavy, NULL);
    WAIT_FOR(atomic_load(&heavy_done) == 1);
    assert_int_equal(heaviest_turn, HEAVY_A_TURN);
    server_stop(&server);
}

/* ---- Start, stop, turn ----------------------------------------------------------------------------------- */

static atomic_uint starts;
static atomic_uint stops;
static atomic_uint turns;
static atomic_uint wrong_thread;

static void on_start(struct reactor *reactor)
{
    reactor_set_user(reactor, &starts);
    if (!reactor_is_current(reactor))
        atomic_fetch_add(&wrong_thread, 1);
    atomic_fetch_add(&starts, 1);
}

static void on_turn_end(struct reactor *reactor)
{
    if (reactor_user(reactor) != &starts || !reactor_is_current(reactor))
        atomic_fetch_add(&wrong_thread, 1);
    atomic_fetch_add(&turns, 1);
}

static void on_stop(struct reactor *reactor)
{
    if (!reactor_is_current(reactor))
        atomic_fetch_add(&wrong_thread, 1);
    atomic_fetch_add(&stops, 1);
}

static void nothing(struct reactor *reactor, void *arg)
{
    (void)reactor;
    (void)arg;
}

static void test_hooks_run_on_each_reactor(void **state)
{
    (void)state;
    struct server server = {0};
    struct reactor_group_options options = {
        .count = 3, .user = &server, .on_start = on_start, .on_turn_end = on_turn_end, .on_stop = on_stop};
    server_start_group(&server, &options);
    assert_int_equal(reactor_count(server.group), 3);
    assert_ptr_equal(reactor_group_user(server.group), &server);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(reactor_index(reactor_at(server.group, i)), i);
        assert_ptr_equal(reactor_group_of(reactor_at(server.group, i)), server.group);
        assert_false(reactor_is_current(reactor_at(server.group, i)));
        on_reactor(reactor_at(server.group, i), nothing, NULL);
    }
    server_stop(&server);
    assert_int_equal(atomic_load(&starts), 3);
    assert_int_equal(atomic_load(&stops), 3);
    assert_true(atomic_load(&turns) >= 3);
    assert_int_equal(atomic_load(&wrong_thread), 0);
}

static void test_idle_reactor_sleeps(void **state)
{
    (void)state;
    struct server server = {0};
    server_start_group(&server, &(struct reactor_group_options){
                                    .count = 1, .on_turn_end = on_turn_end, .on_start = on_start});
    server_listen(&server, (struct listener_options){.ops = &echo_ops});
    int fd = client_connect(&server);
    client_send(fd, "x", 1);
    client_expect(fd, "x");
    on_reactor(reactor_at(server.group, 0), nothing, NULL);
    unsigned before = atomic_load(&turns);
    int64_t begin_ms = clock_mono_ms();
    usleep(300000);
    unsigned slept = atomic_load(&turns) - before;
    /* It may look round now and then, however long this pause has become. */
    if (slept > 3 + (clock_mono_ms() - begin_ms) / 1000)
        fail_msg("%u turns", slept);
    close(fd);
    server_stop(&server);
}

/* ---- The pulse ------------------------------------------------------------------------------------------- */

static atomic_bool may_go_on;
static atomic_bool hangs;

static void hang(struct reactor *reactor, struct mail *mail)
{
    (void)reactor;
    (void)mail;
    atomic_store(&hangs, true);
    while (!atomic_load(&may_go_on))
        usleep(1000);
}

static void test_pulse_counts_the_reactors_that_hang_and_those_alone(void **state)
{
    (void)state;
    struct server server = {0};
    server_start_group(&server, &(struct reactor_group_options){.count = 3});
    assert_int_equal(reactor_group_pulse(server.group), 0);
    for (unsigned i = 0; i < 3; i++)
        on_reactor(reactor_at(server.group, i), nothing, NULL); /* behind the pulse */
    assert_int_equal(reactor_group_pulse(server.group), 0);
    for (unsigned i = 0; i < 3; i++)
        on_reactor(reactor_at(server.group, i), nothing, NULL);

    struct mail letter = {.run = hang};
    atomic_store(&may_go_on, false);
    atomic_store(&hangs, false);
    reactor_post(reactor_at(server.group, 1), &letter);
    WAIT_FOR(atomic_load(&hangs));
    assert_int_equal(reactor_group_pulse(server.group), 0); /* it is asked only here */
    on_reactor(reactor_at(server.group, 0), nothing, NULL);
    on_reactor(reactor_at(server.group, 2), nothing, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(reactor_group_pulse(server.group), 1);
        on_reactor(reactor_at(server.group, 0), nothing, NULL);
        on_reactor(reactor_at(server.group, 2), nothing, NULL);
    }

    atomic_store(&may_go_on, true);
    on_reactor(reactor_at(server.group, 1), nothing, NULL);
    assert_int_equal(reactor_group_pulse(server.group), 0);
    server_stop(&server);
}

/* ---- Timers ---------------------------------------------------------------------------------------------- */

enum { TIMERS = 500 };

static struct timer timers[TIMERS];
static int64_t due_ms[TIMERS];
static int64_t last_ms;
static atomic_int fired;
static atomic_int wrong;

static void timer_fired(struct reactor *reactor, struct timer *timer)
{
    size_t i = (size_t)(timer - timers);
    if (reactor_now_ms(reactor) < due_ms[i] || due_ms[i] < last_ms || heap_contains(&timer->node) ||
        i % 5 == 0)
        atomic_fetch_add(&wrong, 1);
    last_ms = due_ms[i];
    atomic_fetch_add(&fired, 1);
}

static void set_timers(struct reactor *reactor, void *arg)
{
    struct random *random = arg;
    for (size_t i = 0; i < TIMERS; i++) {
        timers[i].fire = timer_fired;
        timer_set(reactor, &timers[i], reactor_now_ms(reactor) + 1000000);
        due_ms[i] = reactor_now_ms(reactor) + (int64_t)random_below(random, 100);
        timer_set(reactor, &timers[i], due_ms[i]); /* moves it */
    }
    for (size_t i = 0; i < TIMERS; i += 5) {
        timer_clear(reactor, &timers[i]);
        timer_clear(reactor, &timers[i]);
    }
}

static void test_timers_fire_in_order_and_never_early(void **state)
{
    (void)state;
    struct random random;
    random_seed(&random, 7);
    struct server server = {0};
    server_start_group(&server, &(struct reactor_group_options){.count = 1});
    on_reactor(reactor_at(server.group, 0), set_timers, &random);
    WAIT_FOR(atomic_load(&fired) == TIMERS - TIMERS / 5);
    assert_int_equal(atomic_load(&wrong), 0);
    server_stop(&server);
}

static atomic_int ticks;

static void tick(struct reactor *reactor, struct timer *timer)
{
    atomic_fetch_add(&ticks, 1);
    timer_set(reactor, timer, reactor_now_ms(reactor)); /* at once, again and again */
}

static void start_ticking(struct reactor *reactor, void *arg)
{
    timer_set(reactor, arg, 0);
}

static void stop_ticking(struct reactor *reactor, void *arg)
{
    timer_clear(reactor, arg);
}

static void test_timer_that_sets_itself_does_not_stop_the_loop(void **state)
{
    (void)state;
    struct server server = {0};
    server_start_group(&server, &(struct reactor_group_options){.count = 1});
    struct timer timer = {.fire = tick};
    on_reactor(reactor_at(server.group, 0), start_ticking, &timer);
    WAIT_FOR(atomic_load(&ticks) > 100);
    on_reactor(reactor_at(server.group, 0), stop_ticking, &timer);
    server_stop(&server);
}

/* ---- Time-outs ------------------------------------------------------------------------------------------- */

static atomic_llong timed_out_after_ms;

static void open_with_timeout(struct channel *channel)
{
    open_counted(channel);
    channel_set_timeout(channel, 1);
    connection_of(channel)->at_ms = reactor_now_ms(channel_reactor(channel));
}

static size_t data_touches(struct channel *channel, uint8_t *data, size_t len)
{
    channel_write(channel, data, len);
    channel_touch(channel);
    connection_of(channel)->at_ms = reactor_now_ms(channel_reactor(channel));
    return len;
}

static void timeout_closes(struct channel *channel)
{
    timeout_counted(channel);
    int64_t after_ms = reactor_now_ms(channel_reactor(channel)) - connection_of(channel)->at_ms;
    atomic_store(&timed_out_after_ms, after_ms);
    struct error why = {0};
    error_set(&why, ERR_TIMEOUT, "silent");
    channel_close(channel, &why);
}

static const struct channel_ops timeout_ops = {open_with_timeout, data_touches, drained_counted,
                                               timeout_closes, closed_counted};

static void wake_up(struct reactor *reactor, void *arg)
{
    (void)reactor;
    (void)arg;
}

/* The clock is in the test's hand: step by step, each seen by the reactor. */
static void advance(struct server *server, int64_t ms)
{
    clock_fake_advance_ms(ms);
    on_reactor(reactor_at(server->group, 0), wake_up, NULL);
    on_reactor(reactor_at(server->group, 0), wake_up, NULL);
}

static void test_timeout_comes_after_silence_and_never_early(void **state)
{
    (void)state;
    clock_fake_set(1000000000000, 700900LL * 1000000);
    struct server server;
    server_start(&server, 1, &timeout_ops);
    int fd = client_connect(&server);
    for (int i = 0; i < 20; i++) {
        client_send(fd, "x", 1);
        client_expect(fd, "x");
        advance(&server, 300);
        assert_int_equal(atomic_load(&server.counts.timeouts), 0);
    }
    for (int i = 0; i < 20 && atomic_load(&server.counts.timeouts) == 0; i++)
        advance(&server, 100);
    client_expect_end(fd);
    assert_in_range(atomic_load(&timed_out_after_ms), 1000, 2000);
    assert_int_equal(atomic_load(&server.counts.last_code), ERR_TIMEOUT);
    close(fd);
    clock_fake_stop();
    server_stop(&server);
}

static size_t data_sets_timeout(struct channel *channel, uint8_t *data, size_t len)
{
    uint32_t seconds;
    if (len < sizeof seconds)
        return 0;
    memcpy(&seconds, data, sizeof seconds);
    channel_set_timeout(channel, seconds);
    connection_of(channel)->at_ms = reactor_now_ms(channel_reactor(channel));
    channel_write(channel, "k", 1);
    return sizeof seconds;
}

/* Time-outs shorter and longer than a round of the wheel. */
static void test_timeouts_of_any_length_are_exact_to_the_second(void **state)
{
    (void)state;
    static const struct channel_ops ops = {open_counted, data_sets_timeout, drained_counted, timeout_closes,
                                           closed_counted};
    static const uint32_t lengths[] = {1, 2, 63, 64, 65, 510, 511, 512, 513, 1023, 1024, 1025, 5000, 65535};
    clock_fake_set(1000000000000, 5000500LL * 1000000);
    int64_t now_ms = 5000500;
    struct server server;
    server_start(&server, 1, &ops);
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        int fd = client_connect(&server);
        client_send(fd, &lengths[i], sizeof lengths[i]);
        client_expect(fd, "k");
        int64_t begin_ms = now_ms;
        while (atomic_load(&server.counts.timeouts) == (int)i) {
            assert_true(now_ms - begin_ms <= ((int64_t)lengths[i] + 1) * 1000);
            int64_t left_ms = (int64_t)lengths[i] * 1000 - (now_ms - begin_ms);
            int64_t step_ms = left_ms > 100000 ? 60000 : 250;
            now_ms += step_ms;
            advance(&server, step_ms);
        }
        assert_in_range(atomic_load(&timed_out_after_ms), lengths[i] * 1000LL, (lengths[i] + 1) * 1000LL);
        client_expect_end(fd);
        close(fd);
    }
    clock_fake_stop();
    server_stop(&server);
}

/* ---- Moves ----------------------------------------------------------------------------------------------- */

static atomic_uint moves;

/* Frames of 100 bytes; each is echoed, then the channel goes to the next reactor. Whatever is behind it in the
 * buffer travels along. */
static size_t data_moves(struct channel *channel, uint8_t *data, size_t len)
{
    struct reactor *reactor = channel_reactor(channel);
    struct reactor_group *group = reactor_group_of(reactor);
    if (!reactor_is_current(reactor) || len < 100)
        return 0;
    channel_write(channel, data, 100);
    channel_move(channel, reactor_at(group, (reactor_index(reactor) + 1) % reactor_count(group)));
    atomic_fetch_add(&moves, 1);
    return 100;
}

static void open_moved(struct channel *channel)
{
    if (connection_of(channel)->step++ == 0)
        open_counted(channel);
    channel_set_timeout(channel, 60);
}

static const struct channel_ops move_ops = {open_moved, data_moves, drained_counted, timeout_counted,
                                            closed_counted};

struct mover {
    pthread_t thread;
    struct server *server;
    unsigned seed;
    bool good;
};

static void *send_to_moving(void *arg)
{
    struct mover *mover = arg;
    struct random random;
    random_seed(&random, mover->seed);
    int fd = client_connect(mover->server);
    enum { FRAMES = 300 };
    static const size_t total = FRAMES * 100;
    uint8_t *sent = malloc(total);
    uint8_t *got = malloc(total);
    for (size_t i = 0; i < total; i++)
        sent[i] = (uint8_t)random_next(&random);
    size_t at = 0;
    size_t back = 0;
    mover->good = true;
    while (back < total && mover->good) {
        size_t n = 1 + random_below(&random, 350);
        if (n > total - at)
            n = total - at;
        mover->good = n == 0 || send(fd, sent + at, n, MSG_NOSIGNAL) == (ssize_t)n;
        at += n;
        ssize_t r = recv(fd, got + back, total - back, at < total ? MSG_DONTWAIT : 0);
        if (r > 0)
            back += (size_t)r;
        else if (r == 0 || errno != EAGAIN || at == total)
            mover->good = false;
    }
    mover->good = mover->good && memcmp(sent, got, total) == 0;
    free(sent);
    free(got);
    close(fd);
    return NULL;
}

static void test_channels_move_under_load_without_losing_a_byte(void **state)
{
    (void)state;
    enum { MOVERS = 8 };
    struct server server;
    server_start(&server, 3, &move_ops);
    struct mover movers[MOVERS];
    for (unsigned i = 0; i < MOVERS; i++) {
        movers[i] = (struct mover){.server = &server, .seed = i};
        pthread_create(&movers[i].thread, NULL, send_to_moving, &movers[i]);
    }
    for (unsigned i = 0; i < MOVERS; i++) {
        pthread_join(movers[i].thread, NULL);
        assert_true(movers[i].good);
    }
    assert_int_equal(atomic_load(&moves), MOVERS * 300);
    WAIT_FOR(atomic_load(&server.counts.closed) == MOVERS);
    server_stop(&server);
}

static void test_channel_may_move_to_its_own_reactor(void **state)
{
    (void)state;
    struct server server;
    server_start(&server, 1, &move_ops);
    int fd = client_connect(&server);
    uint8_t sent[300];
    uint8_t got[300];
    memset(sent, 7, sizeof sent);
    client_send(fd, sent, sizeof sent);
    assert_true(client_read(fd, got, sizeof got));
    close(fd);
    server_stop(&server);
}

static void test_stopping_with_channels_on_their_way_closes_each_once(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        enum { CLIENTS = 20 };
        struct server server;
        server_start(&server, 3, &move_ops);
        int fds[CLIENTS];
        uint8_t sent[1000] = {0};
        for (int i = 0; i < CLIENTS; i++) {
            fds[i] = client_connect(&server);
            client_send(fds[i], sent, sizeof sent);
        }
        server_stop(&server); /* compares opened and closed */
        for (int i = 0; i < CLIENTS; i++)
            close(fds[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mail_of_each_thread_runs_in_order),
        cmocka_unit_test(test_mail_to_a_stopping_reactor_is_run_or_dropped_once),
        cmocka_unit_test(test_mail_wakes_a_sleeping_reactor),
        cmocka_unit_test(test_heavy_mail_is_spread_over_turns),
        cmocka_unit_test(test_hooks_run_on_each_reactor),
        cmocka_unit_test(test_idle_reactor_sleeps),
        cmocka_unit_test(test_pulse_counts_the_reactors_that_hang_and_those_alone),
        cmocka_unit_test(test_timers_fire_in_order_and_never_early),
        cmocka_unit_test(test_timer_that_sets_itself_does_not_stop_the_loop),
        cmocka_unit_test(test_timeout_comes_after_silence_and_never_early),
        cmocka_unit_test(test_timeouts_of_any_length_are_exact_to_the_second),
        cmocka_unit_test(test_channels_move_under_load_without_losing_a_byte),
        cmocka_unit_test(test_channel_may_move_to_its_own_reactor),
        cmocka_unit_test(test_stopping_with_channels_on_their_way_closes_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
