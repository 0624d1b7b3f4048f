# ONNX Runtime as OnnxRuntime::OnnxRuntime: the system's, or else one that tools/fetch-onnxruntime
# puts into ONNXRUNTIME_FOLDER, which all build trees share. ONNXRUNTIME_FETCHED says which.
set(ONNXRUNTIME_FOLDER ${PROJECT_SOURCE_DIR}/build/third-party/onnxruntime
    CACHE PATH "Where ONNX Runtime is put when the system has none")

set(ONNXRUNTIME_FETCHED FALSE)
find_path(ONNXRUNTIME_INCLUDE onnxruntime/onnxruntime_cxx_api.h)
find_library(ONNXRUNTIME_LIBRARY NAMES onnxruntime libonnxruntime.so.1)
if(NOT ONNXRUNTIME_INCLUDE OR NOT ONNXRUNTIME_LIBRARY
   OR ONNXRUNTIME_LIBRARY MATCHES "^${ONNXRUNTIME_FOLDER}/")
  execute_process(COMMAND ${PROJECT_SOURCE_DIR}/tools/fetch-onnxruntime ${ONNXRUNTIME_FOLDER}
                  RESULT_VARIABLE fetched)
  if(fetched EQUAL 0)
    set(ONNXRUNTIME_FETCHED TRUE)
    set_property(CACHE ONNXRUNTIME_INCLUDE PROPERTY VALUE ${ONNXRUNTIME_FOLDER}/include)
    set_property(CACHE ONNXRUNTIME_LIBRARY PROPERTY VALUE ${ONNXRUNTIME_FOLDER}/lib/libonnxruntime.so.1)
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OnnxRuntime REQUIRED_VARS ONNXRUNTIME_LIBRARY ONNXRUNTIME_INCLUDE)
if(OnnxRuntime_FOUND AND NOT TARGET OnnxRuntime::OnnxRuntime)
  add_library(OnnxRuntime::OnnxRuntime SHARED IMPORTED GLOBAL)
  set_target_properties(OnnxRuntime::OnnxRuntime PROPERTIES
    IMPORTED_LOCATION ${ONNXRUNTIME_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${ONNXRUNTIME_INCLUDE})
endif()
mark_as_advanced(ONNXRUNTIME_INCLUDE ONNXRUNTIME_LIBRARY)
