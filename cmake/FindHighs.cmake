# HiGHS as Highs::Highs: the system's, or else one that tools/fetch-highs puts into HIGHS_FOLDER,
# which all build trees share.
set(HIGHS_FOLDER ${PROJECT_SOURCE_DIR}/build/third-party/highs
    CACHE PATH "Where HiGHS is put when the system has none")

# Its C functions: a library that was built elsewhere may have other C++ strings than this compiler.
find_path(HIGHS_INCLUDE interfaces/highs_c_api.h PATH_SUFFIXES highs)
find_library(HIGHS_LIBRARY NAMES highs)
if(NOT HIGHS_INCLUDE OR NOT HIGHS_LIBRARY OR HIGHS_LIBRARY MATCHES "^${HIGHS_FOLDER}/")
  execute_process(COMMAND ${PROJECT_SOURCE_DIR}/tools/fetch-highs ${HIGHS_FOLDER}
                  RESULT_VARIABLE fetched)
  if(fetched EQUAL 0)
    set_property(CACHE HIGHS_INCLUDE PROPERTY VALUE ${HIGHS_FOLDER}/include/highs)
    set_property(CACHE HIGHS_LIBRARY PROPERTY VALUE ${HIGHS_FOLDER}/lib/libhighs.so)
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Highs REQUIRED_VARS HIGHS_LIBRARY HIGHS_INCLUDE)
if(Highs_FOUND AND NOT TARGET Highs::Highs)
  add_library(Highs::Highs SHARED IMPORTED GLOBAL)
  set_target_properties(Highs::Highs PROPERTIES
    IMPORTED_LOCATION ${HIGHS_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${HIGHS_INCLUDE})
endif()
mark_as_advanced(HIGHS_INCLUDE HIGHS_LIBRARY)
