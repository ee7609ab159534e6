varve_test(bench histogram track seen options proc relay load station_options station nats)
# What a program of bench/ is made of, beside the folder.
target_sources(test_bench_nats PRIVATE ${CMAKE_SOURCE_DIR}/bench/nats.c)
target_include_directories(test_bench_nats PRIVATE ${CMAKE_SOURCE_DIR}/bench)
