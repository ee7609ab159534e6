/* Points at which a test can make the process die, as a crash would: `VARVE_FAULT=log.before_sync:3` in the
 * environment kills the process with SIGKILL at its third pass of the point of that name; with `:3:hang` the thread that
 * passes it then goes no further, and the others do. Compiled in only with
 * VARVE_FAULTS, which the Debug presets define; a released binary has none. Thread: any. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#ifdef VARVE_FAULTS
#define FAULT_POINT(name) fault_point(name)
void fault_point(const char *name);
#else
#define FAULT_POINT(name) ((void)0)
#endif

#endif
