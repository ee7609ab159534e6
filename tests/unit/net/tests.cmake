varve_test(net channel reactor listener proxy_header ws_request websocket tls)
# The test makes certificates and is a TLS client itself.
target_link_libraries(test_net_tls PRIVATE pkg::OPENSSL)
