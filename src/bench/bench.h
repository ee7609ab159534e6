/* Load generators. `varve bench mqtt` drives any MQTT broker; `varve bench mqtt --relay` is a null broker, the
 * limit of what a broker can reach on this machine. `varve bench station` measures stations, and the log below them; `varve bench tier` the second tier;
 * `varve bench sink` what a rule's action delivers to an object store. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

/* argv[0] is the name of the subcommand. Prints results to standard output, errors to standard error.
 * Returns the exit code: 0; 1: it failed (no connection, a connection was lost); 2: usage. */
int bench_mqtt_main(int argc, char **argv);
int bench_station_main(int argc, char **argv);
int bench_tier_main(int argc, char **argv);
int bench_sink_main(int argc, char **argv);

#endif
