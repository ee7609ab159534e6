varve_test(cli notify serve_config)
# They read the documentation, which must be current.
target_compile_definitions(test_cli_serve_config PRIVATE SOURCE_DIR="${CMAKE_SOURCE_DIR}")
