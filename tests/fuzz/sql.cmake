varve_fuzz(sql sql_parse sql_evaluate sql_functions sql_json)
target_link_libraries(fuzz_sql_json PRIVATE pkg::JANSSON)
