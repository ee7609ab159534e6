varve_test(client command message_json lines connection publish receive tls main)
target_link_libraries(test_client_tls PRIVATE pkg::OPENSSL)
