# Helpers that keep CMakeLists.txt a list of layers.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)

find_program(LINTEL_CCACHE ccache)
if(LINTEL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${LINTEL_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${LINTEL_CCACHE})
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
  lintel_flags(${name}_tests)
  target_include_directories(${name}_tests PRIVATE ${PROJECT_SOURCE_DIR}/tests/unit)
  target_link_libraries(${name}_tests PRIVATE lintel_${name})
  if(name STREQUAL tls)
    target_link_libraries(tls_tests PRIVATE OpenSSL::Crypto OpenSSL::SSL)  # Makes certificates.
  endif()
  add_test(NAME ${name} COMMAND ${name}_tests WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endfunction()

# One libFuzzer program per file tests/fuzz/<name>_fuzz.cc; the target "fuzzers" builds them all.
function(lintel_fuzzers)
  add_custom_target(fuzzers)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/fuzz/*_fuzz.cc)
  foreach(source IN LISTS sources)
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    lintel_flags(${name})
    target_link_libraries(${name} PRIVATE lintel_app)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers ${name})
  endforeach()
endfunction()
