/* Reading a password or another secret: see manage_internal.h.
 *
 * On a terminal the echo is off while it is typed, and one that is new is asked for twice. Signals that end or stop the process
 * are held back meanwhile, so that they find the terminal as it was. Elsewhere the first line of standard input is the
 * password, without its line end: `pwgen 20 1 | varve user create alice`. */
#include "base/mem.h"
#include "cli/manage_internal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#define PASSWORD_BYTES_MAX 65535 /* MQTT's limit */

/* Appends bytes up to a line end or the end of the input. */
static bool read_line(int fd, struct buf *out, struct error *err)
{
    size_t begin = out->len;
    buf_reserve(out, PASSWORD_BYTES_MAX + 1); /* so that no copy stays behind in freed memory */
    for (;;) {
        char byte;
        ssize_t got = read(fd, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_errno(err, errno, "read the password");
        if (got == 0 || byte == '\n')
            break;
        if (out->len - begin == PASSWORD_BYTES_MAX)
            return error_set(err, ERR_TOO_LARGE, "the password is longer than %d bytes", PASSWORD_BYTES_MAX);
        buf_append_byte(out, (uint8_t)byte);
    }
    if (out->len > begin && out->data[out->len - 1] == '\r')
        out->len--;
    return true;
}

static bool ask(const char *prompt, const char *whose, struct buf *out, struct error *err)
{
    fprintf(stderr, "%s %s: ", prompt, whose);
    bool ok = read_line(STDIN_FILENO, out, err);
    fputc('\n', stderr);
    return ok;
}

static bool ask_twice(const char *username, struct buf *out, struct error *err)
{
    struct buf again = {0};
    bool ok = ask("New password for", username, out, err) && ask("Once more, for", username, &again, err);
    if (ok && !str_equal_secret(buf_str(out), buf_str(&again)))
        ok = error_set(err, ERR_INVALID, "the two passwords differ");
    mem_wipe(again.data, again.cap);
    buf_free(&again);
    return ok;
}

/* One that exists already is asked for once. */
static bool read_terminal(const char *whose, bool is_new, struct buf *out, struct error *err)
{
    struct termios before, silent;
    sigset_t held, old;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return error_errno(err, errno, "read the terminal's settings");
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    sigemptyset(&held);
    sigaddset(&held, SIGTERM);
    sigaddset(&held, SIGHUP);
    sigaddset(&held, SIGTSTP);
    pthread_sigmask(SIG_BLOCK, &held, &old);
    /* Ctrl-C is taken as an end of the input: it must not leave the terminal without an echo. */
    silent.c_lflag &= ~(tcflag_t)ISIG;
    silent.c_cc[VEOF] = before.c_cc[VEOF];
    bool ok =
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0 || error_errno(err, errno, "switch off the echo");
    ok = ok && (is_new ? ask_twice(whose, out, err) : ask("Secret for", whose, out, err));
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return ok;
}

static bool read_secret(const char *whose, bool is_new, struct buf *out, struct error *err)
{
    return isatty(STDIN_FILENO) ? read_terminal(whose, is_new, out, err) : read_line(STDIN_FILENO, out, err);
}

bool manage_read_password(const char *username, struct buf *out, struct error *err)
{
    bool ok = read_secret(username, true, out, err);
    if (ok && out->len == 0) {
        error_set(err, ERR_INVALID, "the password is empty");
        ok = error_hint(err, "write it to standard input, or let --generate make one");
    }
    return ok;
}

bool manage_read_secret(const char *whose, struct buf *out, struct error *err)
{
    bool ok = read_secret(whose, false, out, err);
    if (ok && out->len == 0) {
        error_set(err, ERR_INVALID, "the secret is empty");
        ok = error_hint(err, "write it to standard input");
    }
    return ok;
}
