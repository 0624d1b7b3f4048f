# What `cmake --install` lays down: the program, every room as cleave::ROOM, and the package files
# with which another project says find_package(cleave). Included last, when all rooms are known.
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY CLEAVE_ROOMS)
get_property(libraries GLOBAL PROPERTY CLEAVE_LIBRARIES)
list(REMOVE_DUPLICATES libraries)

# The rooms are static, so whoever links them needs their libraries as well.
set(CLEAVE_DEPENDENCIES "")
foreach(library IN LISTS libraries)
  if(library MATCHES "^(fmt|Threads|nlohmann_json)::")
    string(APPEND CLEAVE_DEPENDENCIES "find_dependency(${CMAKE_MATCH_1})\n")
  elseif(library MATCHES "^yaml-cpp(::yaml-cpp)?$")
    string(APPEND CLEAVE_DEPENDENCIES "find_dependency(yaml-cpp)\n")
  elseif(library STREQUAL "protobuf::libprotobuf")
    string(APPEND CLEAVE_DEPENDENCIES "find_dependency(Protobuf)\n")
  elseif(library STREQUAL "onnx")  # names protobuf's target, which comes before it
    string(APPEND CLEAVE_DEPENDENCIES "find_dependency(ONNX)\n")
  elseif(library STREQUAL "MPI::MPI_CXX")
    string(APPEND CLEAVE_DEPENDENCIES "find_dependency(MPI COMPONENTS CXX)\n")
  elseif(library MATCHES "^(OnnxRuntime|Highs)::")
    # Where it was fetched, it is installed as well, and found there.
    string(TOUPPER ${CMAKE_MATCH_1}_FOLDER own_folder)
    get_target_property(location ${library} IMPORTED_LOCATION)
    if(location MATCHES "^${${own_folder}}/")
      set(fetched_folder ${CMAKE_INSTALL_LIBDIR}/cleave)
      install(FILES ${location} DESTINATION ${fetched_folder})
      get_filename_component(name ${location} NAME)
      set(location "\${cleave_PREFIX}/${fetched_folder}/${name}")
      if(TARGET cleave)
        file(RELATIVE_PATH folder /${CMAKE_INSTALL_BINDIR} /${fetched_folder})
        set_target_properties(cleave PROPERTIES INSTALL_RPATH "$ORIGIN/${folder}")
      endif()
    endif()
    string(APPEND CLEAVE_DEPENDENCIES
           "if(NOT TARGET ${library})\n  add_library(${library} SHARED IMPORTED)\nendif()\n"
           "set_target_properties(${library} PROPERTIES IMPORTED_LOCATION \"${location}\")\n")
  elseif(NOT IS_ABSOLUTE ${library})
    message(FATAL_ERROR "cmake/CleaveInstall.cmake does not know which package has ${library}")
  endif()
endforeach()

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/cleave)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/cleaveConfig.cmake.in cleaveConfig.cmake
                              INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(cleaveConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/cleave TYPE INCLUDE FILES_MATCHING PATTERN "*.h")
install(TARGETS ${rooms} EXPORT cleaveTargets)
if(TARGET cleave)
  install(TARGETS cleave)
endif()
install(EXPORT cleaveTargets NAMESPACE cleave:: DESTINATION ${package_folder})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/cleaveConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/cleaveConfigVersion.cmake
        DESTINATION ${package_folder})
