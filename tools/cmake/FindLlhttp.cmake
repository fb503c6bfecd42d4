# Finds llhttp: the library of libllhttp-dev (newer Debians, most other systems), or else the generated C
# sources that Debian 12 ships in node-llhttp, which are then compiled here. Defines Llhttp::Llhttp.

find_path(Llhttp_INCLUDE_DIR llhttp.h PATH_SUFFIXES llhttp PATHS /usr/include /usr/share/include)
find_library(Llhttp_LIBRARY llhttp)
find_path(Llhttp_SOURCE_DIR llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)

if(Llhttp_INCLUDE_DIR)
  file(STRINGS ${Llhttp_INCLUDE_DIR}/llhttp.h _llhttp_version REGEX "#define LLHTTP_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX MATCHALL "[0-9]+" _llhttp_version "${_llhttp_version}")
  list(JOIN _llhttp_version "." Llhttp_VERSION)
endif()

include(FindPackageHandleStandardArgs)
if(Llhttp_LIBRARY)
  find_package_handle_standard_args(Llhttp REQUIRED_VARS Llhttp_LIBRARY Llhttp_INCLUDE_DIR
                                    VERSION_VAR Llhttp_VERSION)
else()
  find_package_handle_standard_args(Llhttp REQUIRED_VARS Llhttp_SOURCE_DIR Llhttp_INCLUDE_DIR
                                    VERSION_VAR Llhttp_VERSION
                                    REASON_FAILURE_MESSAGE "install node-llhttp (Debian 12) or libllhttp-dev")
endif()

if(Llhttp_FOUND AND NOT TARGET Llhttp::Llhttp)
  if(Llhttp_LIBRARY)
    add_library(Llhttp::Llhttp UNKNOWN IMPORTED)
    set_target_properties(Llhttp::Llhttp PROPERTIES IMPORTED_LOCATION ${Llhttp_LIBRARY}
                          INTERFACE_INCLUDE_DIRECTORIES ${Llhttp_INCLUDE_DIR})
  else()
    add_library(llhttp STATIC ${Llhttp_SOURCE_DIR}/api.c ${Llhttp_SOURCE_DIR}/http.c
                ${Llhttp_SOURCE_DIR}/llhttp.c)
    target_include_directories(llhttp SYSTEM PUBLIC ${Llhttp_INCLUDE_DIR})
    add_library(Llhttp::Llhttp ALIAS llhttp)
  endif()
endif()
mark_as_advanced(Llhttp_INCLUDE_DIR Llhttp_LIBRARY Llhttp_SOURCE_DIR)
