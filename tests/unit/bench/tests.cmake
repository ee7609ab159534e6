varve_test(bench histogram track seen options proc relay load station_options station nats tier sink_options
  telemetry)
# What a program of bench/ is made of, beside the folder.
target_sources(test_bench_nats PRIVATE ${CMAKE_SOURCE_DIR}/bench/nats.c)
target_include_directories(test_bench_nats PRIVATE ${CMAKE_SOURCE_DIR}/bench)
# A payload is decoded as rules do it.
target_link_libraries(test_bench_telemetry PRIVATE sql)
