varve_test(sink window message_key row object_key range container columns)
target_link_libraries(test_sink_container PRIVATE pkg::ZLIB pkg::ZSTD)
