varve_test(auth password secret_key scram jwt jwt_claims jwt_keys jwks_fetch)

# The password test counts the calls of argon2.
target_link_options(test_auth_password PRIVATE -Wl,--wrap=argon2id_verify)
target_link_libraries(test_auth_password PRIVATE pkg::ARGON2)

# Its servers are on this machine, whatever the environment says.
set_tests_properties(auth/jwks_fetch PROPERTIES ENVIRONMENT "no_proxy=*")

# These make keys and certificates of their own.
foreach(test jwt jwt_keys jwks_fetch)
  target_link_libraries(test_auth_${test} PRIVATE pkg::OPENSSL)
endforeach()
