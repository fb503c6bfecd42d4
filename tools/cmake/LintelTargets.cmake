# Helpers that keep CMakeLists.txt a list of layers.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)

find_program(LINTEL_CCACHE ccache)
if(LINTEL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${LINTEL_CCACHE})
  # It takes precompiled headers only when told that they are as good as what they were made of.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${LINTEL_CCACHE})
endif()

# Compile and link flags that every target of this project shares.
function(lintel_flags target)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wconversion
    -Wno-sign-conversion -fno-omit-frame-pointer
    # Symmetric transfer between coroutines needs tail calls, also where nothing else is optimised.
    $<$<CXX_COMPILER_ID:GNU>:-foptimize-sibling-calls>
    $<$<BOOL:${LINTEL_WERROR}>:-Werror>)
  if(LINTEL_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${LINTEL_SANITIZE} -fno-sanitize-recover=all
      # Its check of an object asks the kernel through a pipe, and takes the lack of descriptors for a fault.
      -fno-sanitize=vptr)
    target_link_options(${target} PUBLIC -fsanitize=${LINTEL_SANITIZE})
  endif()
  # What every file includes, compiled once. The release build has none of it, so that a missing include is seen.
  if(LINTEL_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    if(target STREQUAL "lintel_base")
      target_precompile_headers(${target} PRIVATE
        $<$<COMPILE_LANGUAGE:CXX>:${PROJECT_SOURCE_DIR}/tools/cmake/precompiled.h>)
    else()
      target_precompile_headers(${target} REUSE_FROM lintel_base)
    endif()
  endif()
endfunction()

# The same for programs that test the others: they need not be fast but soon compiled.
function(lintel_test_flags target)
  lintel_flags(${target})
  target_compile_options(${target} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O1;-g1>)
endfunction()

# lintel_library(<folder of src/> LINKS <layers and packages…> PRIVATE_LINKS <packages…>)
function(lintel_library name)
  cmake_parse_arguments(arg "" "" "LINKS;PRIVATE_LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${name}/*.cc)
  if(NOT sources)
    return()
  endif()
  add_library(lintel_${name} STATIC ${sources})
  lintel_flags(lintel_${name})
  foreach(link IN LISTS arg_LINKS)
    if(TARGET lintel_${link})
      set(link lintel_${link})
    endif()
    if(TARGET ${link})
      target_link_libraries(lintel_${name} PUBLIC ${link})
    endif()
  endforeach()
  target_link_libraries(lintel_${name} PRIVATE ${arg_PRIVATE_LINKS})
endfunction()

# One doctest program per folder of tests/unit/, named <folder>_tests.
function(lintel_unit_tests name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${name}/*.cc)
  if(NOT sources OR NOT TARGET lintel_${name})
    return()
  endif()
  add_executable(${name}_tests ${sources} ${PROJECT_SOURCE_DIR}/tests/unit/main.cc)
  lintel_test_flags(${name}_tests)
  target_include_directories(${name}_tests PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit)
  target_link_libraries(${name}_tests PRIVATE lintel_${name})
  if(name STREQUAL tls)
    target_link_libraries(tls_tests PRIVATE OpenSSL::Crypto OpenSSL::SSL)  # Makes certificates.
  endif()
  add_test(NAME ${name} COMMAND ${name}_tests WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endfunction()

# Sets `out` to the sources of the fuzzer in `source`: itself, and what is in the folder of its name.
function(lintel_fuzzer_sources source out)
  get_filename_component(name ${source} NAME_WE)
  string(REGEX REPLACE "_fuzz$" "" short ${name})
  file(GLOB parts CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/${short}/*.cc)
  # What is measured is how much of the product a fuzzer reaches, not how much of itself.
  if(LINTEL_FUZZ)
    set_source_files_properties(${parts} PROPERTIES COMPILE_OPTIONS -fno-sanitize=fuzzer-no-link)
  endif()
  set(${out} ${source} ${parts} PARENT_SCOPE)
endfunction()

# One libFuzzer program per file tests/fuzz/<name>_fuzz.cc; the target "fuzzers" builds them all.
function(lintel_fuzzers)
  add_custom_target(fuzzers)
  file(GLOB fuzzers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/*_fuzz.cc)
  foreach(fuzzer IN LISTS fuzzers)
    get_filename_component(name ${fuzzer} NAME_WE)
    lintel_fuzzer_sources(${fuzzer} sources)
    add_executable(${name} ${sources})
    lintel_flags(${name})
    target_compile_definitions(${name} PRIVATE LINTEL_FUZZING)
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz ${PROJECT_SOURCE_DIR}/tests/unit)
    target_link_libraries(${name} PRIVATE lintel_app)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${name})
  endforeach()
endfunction()

# The inputs in the tree as tests: all fuzzers in one doctest program, fuzz_tests, that needs no libFuzzer.
function(lintel_fuzz_tests)
  add_executable(fuzz_tests ${PROJECT_SOURCE_DIR}/tests/fuzz/replay.cc ${PROJECT_SOURCE_DIR}/tests/unit/main.cc)
  file(GLOB fuzzers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/*_fuzz.cc)
  set(names "")
  foreach(fuzzer IN LISTS fuzzers)
    get_filename_component(name ${fuzzer} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" short ${name})
    lintel_fuzzer_sources(${fuzzer} sources)
    target_sources(fuzz_tests PRIVATE ${sources})
    set_source_files_properties(${fuzzer} PROPERTIES COMPILE_DEFINITIONS LLVMFuzzerTestOneInput=fuzz_${short})
    string(APPEND names " FUZZER(${short})")
  endforeach()
  set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/fuzz/replay.cc PROPERTIES COMPILE_DEFINITIONS
                              "LINTEL_FUZZERS=${names}")
  lintel_test_flags(fuzz_tests)
  target_include_directories(fuzz_tests PRIVATE ${PROJECT_SOURCE_DIR}/tests/fuzz ${PROJECT_SOURCE_DIR}/tests/unit)
  target_link_libraries(fuzz_tests PRIVATE lintel_app)
  add_test(NAME fuzz COMMAND fuzz_tests WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endfunction()
