# The rules of the house: one language level, one set of warnings, one way to declare a folder.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

add_library(house INTERFACE)
target_compile_definitions(house INTERFACE _GNU_SOURCE VARVE_VERSION="${PROJECT_VERSION}")
target_compile_options(house INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings
  -fno-strict-aliasing -fno-common -fstack-protector-strong -g)
target_link_libraries(house INTERFACE Threads::Threads m)

if(CMAKE_BUILD_TYPE STREQUAL "Release")
  set(CMAKE_C_FLAGS_RELEASE "-O2")
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
  target_compile_options(house INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  target_link_options(house INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_definitions(house INTERFACE VARVE_FAULTS) # base/fault.h: tests make the process die at a point
endif()
if(VARVE_SANITIZE)
  set(CMAKE_C_FLAGS_DEBUG "-O1 -g")
  target_compile_definitions(house INTERFACE VARVE_SANITIZED)
  target_compile_options(house INTERFACE -fsanitize=${VARVE_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(house INTERFACE -fsanitize=${VARVE_SANITIZE})
endif()
if(VARVE_FUZZ)
  # libFuzzer steers by the coverage of what it calls, so the folders count it too.
  target_compile_options(house INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(house INTERFACE -fsanitize=fuzzer-no-link)
endif()

# varve_folder(NAME [LINKS lib…]): the static library of src/NAME from all its .c files. Its users include
# its headers as "NAME/header.h"; they get that include path only by linking it. LINKS are public: a folder's
# headers may include the headers of what it links. PRIVATE are system libraries that no header shows.
function(varve_folder name)
  cmake_parse_arguments(FOLDER "" "" "LINKS;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.c)
  add_library(${name} STATIC ${sources})
  # A folder's headers are reached through a directory that holds only that folder.
  set(face ${CMAKE_BINARY_DIR}/faces/${name})
  file(MAKE_DIRECTORY ${face})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${face}/${name} SYMBOLIC)
  target_include_directories(${name} PUBLIC ${face})
  target_link_libraries(${name} PUBLIC house ${FOLDER_LINKS} PRIVATE ${FOLDER_PRIVATE})
endfunction()

# varve_pkg(NAME package…): an imported target pkg::NAME from pkg-config. Several folders may ask for the same.
function(varve_pkg name)
  if(TARGET pkg::${name})
    return()
  endif()
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${ARGN})
  add_library(pkg::${name} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(pkg::${name} INTERFACE PkgConfig::${name})
endfunction()

# varve_test(FOLDER name…): unit tests tests/unit/FOLDER/test_<name>.c, each its own program, linked with the
# folder, which they may see whole (its internal headers too).
function(varve_test folder)
  foreach(test ${ARGN})
    set(program test_${folder}_${test})
    add_executable(${program} ${folder}/test_${test}.c)
    target_link_libraries(${program} PRIVATE ${folder} pkg::CMOCKA)
    target_include_directories(${program} PRIVATE ${CMAKE_SOURCE_DIR}/tests/unit)
    add_test(NAME ${folder}/${test} COMMAND ${program})
    set_tests_properties(${folder}/${test} PROPERTIES TIMEOUT 300)
  endforeach()
endfunction()

# varve_fuzz(FOLDER name…): libFuzzer targets tests/fuzz/fuzz_<name>.c with a seed corpus in
# tests/fuzz/corpus/<name>; the test replays the corpus once. The target `fuzzers` builds all of them.
function(varve_fuzz folder)
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  foreach(target ${ARGN})
    add_executable(fuzz_${target} fuzz_${target}.c)
    add_dependencies(fuzzers fuzz_${target})
    target_link_libraries(fuzz_${target} PRIVATE ${folder})
    target_compile_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
    add_test(NAME fuzz/${target}
      COMMAND fuzz_${target} -runs=0 ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${target})
  endforeach()
endfunction()
