# cmake -D BUILD=.. -D SOURCE=.. -D WORK=.. -D GENERATOR=.. -D COMPILER=.. -P consumer.cmake
function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
# A copy, so that nothing of the source tree beside it can be included by accident.
file(COPY ${SOURCE}/examples/plan_a_graph DESTINATION ${WORK})
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${WORK}/plan_a_graph -B ${WORK}/build
    -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${WORK}/prefix)
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/plan_a_graph)
