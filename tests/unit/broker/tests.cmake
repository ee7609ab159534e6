varve_test(broker router route_cache share)
