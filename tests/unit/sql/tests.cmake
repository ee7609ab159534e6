varve_test(sql value pack compare json json_suite parse print evaluate limits program template)
varve_test(sql fn_string fn_number fn_map fn_format fn_time fn_bytes fn_regex fn_jq fn_state fn_sparkplug reference readme)
# They read the documentation, which must be current.
target_compile_definitions(test_sql_reference PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_compile_definitions(test_sql_readme PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
