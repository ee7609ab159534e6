/* The credentials that requests are signed with: had before the first, renewed before they expire, and when a store refuses them.
 *
 * Loading blocks (files, metadata services), so a worker does it; what needs them waits in `blocked`. While old ones still serve, nobody
 * waits. A load that fails is an attempt that failed of each that waits: they try again, as long as their deadlines allow. */
#include "object/s3_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#define AHEAD_MS 300000 /* renewed that long before they expire, or half-way, whichever is later */
#define LAST_MS  15000  /* not used any more so shortly before, or in their last tenth */
#define AGAIN_MS \
    1000 /* between loads that failed while the old ones serve; else requests' own pauses count */

struct s3_refresh {
    struct worker_job job;
    struct s3_mail mail;
    struct s3_store *s3;
    bool ok;
    struct s3_identity identity;
    struct error err;
};

/* Whether loading again may give others than the last time. */
static bool is_renewable(const struct object_config *config)
{
    if (config->credentials == OBJECT_CREDENTIALS_CHAIN)
        return true;
    const char *const texts[] = {config->access_key_id, config->secret_access_key, config->session_token};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i] != NULL && str_starts(str_of(texts[i]), STR("file://")))
            return true;
    }
    return false;
}

static void adopt(struct s3_store *s3, struct s3_identity *identity)
{
    s3_identity_free(&s3->identity);
    s3->identity = *identity;
    *identity = (struct s3_identity){0};
    s3->has_identity = true;
    s3->keys_turn++;
    s3->refresh_at_ms = 0;
    if (s3->identity.expires_ms != 0) {
        int64_t left = s3->identity.expires_ms - clock_wall_ms();
        s3->refresh_at_ms = s3->identity.expires_ms - (left / 2 < AHEAD_MS ? left / 2 : AHEAD_MS);
        s3->expiry_margin_ms = left / 10 < LAST_MS ? left / 10 : LAST_MS;
    }
}

static void loaded(struct s3_mail *mail)
{
    struct s3_refresh *refresh = CONTAINER_OF(mail, struct s3_refresh, mail);
    struct s3_store *s3 = refresh->s3;
    s3->refreshing = false;
    if (refresh->ok) {
        adopt(s3, &refresh->identity);
        s3_unblock(s3);
    } else {
        struct s3_verdict verdict = {.next = S3_RETRY, .err = refresh->err};
        LOG_WARNING("object store has no credentials", LOG_TEXT("store", store_name(&s3->store)),
                    LOG_ERROR_OF(&refresh->err));
        error_wrap(&verdict.err, "credentials");
        s3->refresh_after_ms = s3_now_ms() + AGAIN_MS;
        s3_fail_blocked(s3, &verdict);
    }
    s3_identity_free(&refresh->identity);
    mem_free(refresh);
}

static void load(struct worker_job *job)
{
    struct s3_refresh *refresh = CONTAINER_OF(job, struct s3_refresh, job);
    refresh->ok = s3_credentials_load(&refresh->s3->store.config, &refresh->identity, &refresh->err);
    refresh->mail.run = loaded;
    s3_mail_send(refresh->s3, &refresh->mail);
}

/* Begins loading, unless that is under way. */
static void begin_refresh(struct s3_store *s3)
{
    if (s3->refreshing || s3->stopping)
        return;
    struct s3_refresh *refresh = mem_zalloc(sizeof *refresh);
    refresh->s3 = s3;
    refresh->job.run = load;
    if (worker_pool_submit(s3->pool, &refresh->job, NULL)) {
        s3->refreshing = true;
    } else {
        mem_free(refresh); /* the store closes: its queue has room for one job more than there are requests */
    }
}

bool s3_keys_ready(struct s3_store *s3, const struct s3_call *call)
{
    if (s3->store.config.credentials == OBJECT_CREDENTIALS_ANONYMOUS)
        return true;
    int64_t now = clock_wall_ms();
    int64_t expires = s3->identity.expires_ms;
    bool serve = s3->has_identity && s3->keys_turn >= call->keys_needed &&
                 (expires == 0 || now < expires - s3->expiry_margin_ms);
    bool early = s3->refresh_at_ms != 0 && now >= s3->refresh_at_ms && s3_now_ms() >= s3->refresh_after_ms;
    if (!serve || early)
        begin_refresh(s3);
    return serve;
}

bool s3_keys_renew(struct s3_store *s3, struct s3_call *call)
{
    if (!is_renewable(&s3->store.config))
        return false;
    call->keys_needed = call->keys_turn + 1;
    return true;
}

bool s3_keys_open(struct s3_store *s3, struct error *err)
{
    struct s3_identity identity;
    if (s3->store.config.credentials != OBJECT_CREDENTIALS_KEYS)
        return true; /* the first request asks for them */
    if (!s3_credentials_load(&s3->store.config, &identity, err))
        return false;
    adopt(s3, &identity);
    return true;
}

void s3_keys_close(struct s3_store *s3)
{
    s3_identity_free(&s3->identity);
    mem_wipe(&s3->signer, sizeof s3->signer);
}
