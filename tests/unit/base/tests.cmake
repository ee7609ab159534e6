varve_test(base
  arena base64 buf buf_file clock crc32c dir error fault hash heap list log log_ring map mem random rate str str_parse thread utf8)
# Lets the test fail the n-th thread.
target_link_options(test_base_thread PRIVATE -Wl,--wrap=pthread_create)
