varve_test(table avro iceberg_metadata iceberg_manifest iceberg_commit iceberg_history iceberg_index iceberg_evolve
  iceberg_scale)
varve_test(table bounds codecs csv encodings parquet_damage parquet_read parquet_write roundtrip thrift)
target_link_libraries(test_table_codecs PRIVATE pkg::LZ4 pkg::ZLIB)

# Writes and shows files for tests/e2e/parquet.test.mjs.
add_executable(parquet_tool table/parquet_tool.c)
target_link_libraries(parquet_tool PRIVATE table)
target_include_directories(parquet_tool PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit)

# Makes tables for tests/e2e/iceberg.test.mjs.
add_executable(iceberg_tool table/iceberg_tool.c)
target_link_libraries(iceberg_tool PRIVATE table)
