varve_test(station config envelope ids id_file group positions stations many retention capture readers absent groups waiting repeats reset layers)
target_link_libraries(test_station_layers PRIVATE pkg::JANSSON)
