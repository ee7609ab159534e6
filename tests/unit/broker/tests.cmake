varve_test(broker router route_cache share)
varve_test(broker acl filter_relation settings session_queue)
varve_test(broker inflight message retained ticket broker mixed reactors stop limits)
varve_test(broker review origin users repairs)
