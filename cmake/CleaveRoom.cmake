# A room is one folder, one namespace, one target: include/cleave/ROOM, src/ROOM, tests/ROOM.
#
#   cleave_room(NAME [USES room...] [LIBRARIES target...])
#
# USES are the rooms that ROOM's headers or sources may include; LIBRARIES are third-party targets
# and stay private to the room.
function(cleave_room name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "USES;LIBRARIES")
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  add_library(cleave_${name} STATIC ${sources})
  add_library(cleave::${name} ALIAS cleave_${name})
  set_target_properties(cleave_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(cleave_${name} PUBLIC cxx_std_20)
  target_include_directories(
    cleave_${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                          $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  foreach(used IN LISTS arg_USES)
    target_link_libraries(cleave_${name} PUBLIC cleave_${used})
  endforeach()
  target_link_libraries(cleave_${name} PRIVATE ${arg_LIBRARIES})
  cleave_compile_options(cleave_${name})
  set_property(GLOBAL APPEND PROPERTY CLEAVE_ROOMS cleave_${name})
  set_property(GLOBAL APPEND PROPERTY CLEAVE_LIBRARIES ${arg_LIBRARIES})
endfunction()

function(cleave_compile_options target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # False positives of GCC 12 inside the standard library's inlined containers.
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-array-bounds -Wno-stringop-overflow
                                             -Wno-maybe-uninitialized -Wno-dangling-reference)
  endif()
  if(CLEAVE_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${CLEAVE_SANITIZE} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer "$<$<CONFIG:Debug>:-O1;-g1>")
    target_link_options(${target} PUBLIC -fsanitize=${CLEAVE_SANITIZE})
  endif()
  if(CLEAVE_HEAVY_ASSERTS)
    target_compile_definitions(${target} PRIVATE CLEAVE_HEAVY_ASSERTS=1)
  endif()
endfunction()

# A test executable: cleave_test(NAME SOURCES file... [USES room...] [LIBRARIES target...] [ARGS arg...]
#                                [TIMEOUT seconds] [LABELS label...])
# All its cases are registered with ctest as one test, named NAME. The label "slow" keeps it out of
# CI's run with sanitizers.
function(cleave_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;USES;LIBRARIES;ARGS;LABELS")
  add_executable(${name} ${arg_SOURCES})
  foreach(used IN LISTS arg_USES)
    target_link_libraries(${name} PRIVATE cleave_${used})
  endforeach()
  target_link_libraries(${name} PRIVATE GTest::gtest_main ${arg_LIBRARIES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  cleave_compile_options(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} ${arg_ARGS})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 300)
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${arg_TIMEOUT} LABELS "${arg_LABELS}"
                       ENVIRONMENT "CLEAVE_SHARED=${PROJECT_SOURCE_DIR}/../shared")
endfunction()
