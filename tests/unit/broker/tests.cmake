varve_test(broker router route_cache share)
varve_test(broker acl filter_relation settings session_queue)
varve_test(broker inflight message retained ticket broker mixed reactors stop limits)
varve_test(broker feed service events)
varve_test(broker review origin users repairs admin)
varve_test(broker journal journal_replay journal_disk journal_busy journal_compact)

# A test of it counts the calls of argon2.
target_link_options(test_broker_review PRIVATE -Wl,--wrap=argon2id_verify)
target_link_libraries(test_broker_review PRIVATE pkg::ARGON2)
