#include "base/fault.h"

#include "harness.h"

#include <signal.h>
#include <sys/wait.h>

/* Passes the points in a process of its own; returns the signal that ended it, or 0. */
static int end_of_child(const char *fault)
{
    pid_t pid = fork();
    if (pid == 0) {
        setenv("VARVE_FAULT", fault, 1);
        execl("/proc/self/exe", "pass", (char *)NULL);
        _exit(9);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_the_process_dies_at_the_nth_pass_of_the_named_point(void **state)
{
    (void)state;
    static const struct {
        const char *fault;
        int signal;
    } rows[] = {
        {"a.point:1", SIGKILL}, {"a.point:3", SIGKILL}, {"a.point:4", 0}, {"a.poin:1", 0},
        {"a.point.:1", 0},      {"a.point", 0},         {"a.point:x", 0}, {"", 0},
    };
    TABLE_EACH(row, rows)
    CHECK(end_of_child(row->fault) == row->signal, "%s", row->fault);
}

int main(int argc, char **argv)
{
    if (argc == 1 && strcmp(argv[0], "pass") == 0) {
        for (int i = 0; i < 3; i++)
            FAULT_POINT("a.point");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_process_dies_at_the_nth_pass_of_the_named_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
